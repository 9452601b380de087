package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// runningSQL finds sessions of a sidecar: $1 the pattern of its slots' names,
// $2 and $3 the halves of its lock's key.
const runningSQL = `
SELECT held.what || format(', held by process %s (%s, role %s, from %s)',
    held.pid, coalesce(nullif(a.application_name, ''), 'without a name'), coalesce(a.usename::text, '?'), coalesce(a.client_addr::text, 'this machine'))
FROM (
    SELECT s.active_pid AS pid, 'replication slot ' || s.slot_name AS what
    FROM pg_replication_slots s
    WHERE s.active AND s.database = current_database() AND s.slot_name LIKE $1
    UNION ALL
    SELECT l.pid, 'the leader''s lock'
    FROM pg_locks l
    WHERE ($2::bigint, $3::bigint) <> (0, 0) AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND l.classid::bigint = $2 AND l.objid::bigint = $3
) held
LEFT JOIN pg_stat_activity a ON a.pid = held.pid
ORDER BY 1`

// running says who runs a sidecar on this database, by what it holds: slot,
// leader's lock, and the lock that the newest flush names.
func (o *UninstallOptions) running(ctx context.Context, conn Querier, s *State) ([]string, error) {
	pattern := strings.NewReplacer(`\`, `\\`, `_`, `\_`, `%`, `\%`).Replace(o.SlotPrefix) + `\_%`
	key := uint64(o.LeaderKey)
	rows, err := conn.Query(ctx, runningSQL, pattern, int64(key>>32), int64(key&0xffff_ffff))
	if err != nil {
		return nil, fmt.Errorf("look for a sidecar that runs: %w", err)
	}
	who, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || s.Version == 0 {
		return who, err
	}
	var readable bool
	if err := conn.QueryRow(ctx, "SELECT has_table_privilege('tasker_sidecar.flushes', 'SELECT')").Scan(&readable); err != nil || !readable {
		return who, err
	}
	rows, err = conn.Query(ctx, `
		SELECT l.holder || ' may write rows at any moment'
		FROM tasker_sidecar.leader l
		CROSS JOIN (SELECT writer_lock FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1) f
		WHERE NOT pg_try_advisory_xact_lock_shared(f.writer_lock)`)
	if err != nil {
		return nil, fmt.Errorf("look for who wrote the newest flush: %w", err)
	}
	writers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return append(who, writers...), err
}
