package replication

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// slot is a temporary replication slot and the snapshot that it exports.
type slot struct {
	name     string
	point    tasker.LSN // where its stream begins, and what the snapshot is of
	snapshot string
}

// slotName gives a name that no slot has: one whose session still hangs on the
// server must not be in the way.
func slotName(prefix string) string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return prefix + "_" + hex.EncodeToString(b)
}

// createSlot makes a temporary slot. It returns when all transactions that
// were running have ended. The next command on conn ends the export.
func createSlot(ctx context.Context, conn *pgconn.PgConn, name string) (*slot, error) {
	result, err := pglogrepl.CreateReplicationSlot(ctx, conn, name, "pgoutput", pglogrepl.CreateReplicationSlotOptions{
		Temporary: true, SnapshotAction: "EXPORT_SNAPSHOT", Mode: pglogrepl.LogicalReplication,
	})
	if err != nil {
		return nil, fmt.Errorf("creating replication slot %s: %w", name, err)
	}
	point, err := tasker.ParseLSN(result.ConsistentPoint)
	if err != nil {
		return nil, fmt.Errorf("creating replication slot %s: %w", name, err)
	}
	return &slot{name: result.SlotName, point: point, snapshot: result.SnapshotName}, nil
}

// startReplication begins the stream at the slot's own point.
func startReplication(ctx context.Context, conn *pgconn.PgConn, s *slot, publication string) error {
	err := pglogrepl.StartReplication(ctx, conn, s.name, pglogrepl.LSN(s.point), pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names " + literal(quote(publication)), "binary 'true'"},
	})
	if err != nil {
		return fmt.Errorf("starting replication from slot %s: %w", s.name, err)
	}
	return nil
}

// Blocker is a transaction that a slot's creation waits for.
type Blocker struct {
	PID         int32  // 0 for a prepared transaction
	Application string // its application_name
	User        string
	Age         time.Duration // of the transaction
	State       string        // of its session, as pg_stat_activity has it
	Query       string        // its last query, the beginning; the server may hide it from us
}

// String is for people.
func (b Blocker) String() string {
	if b.PID == 0 {
		return fmt.Sprintf("a prepared transaction (see pg_prepared_xacts), %s old", b.Age.Round(time.Second))
	}
	return fmt.Sprintf("pid %d (%s, %s, %s), %s old: %s", b.PID, b.User, b.Application, b.State, b.Age.Round(time.Second), b.Query)
}

// blockersSQL asks whom the session $1 waits for. A pid of 0 stands for a
// prepared transaction.
const blockersSQL = `
SELECT b.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''),
       coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, (SELECT min(prepared) FROM pg_prepared_xacts))), 0)::float8,
       coalesce(a.state, ''), coalesce(left(regexp_replace(a.query, '\s+', ' ', 'g'), 200), '')
  FROM unnest(pg_blocking_pids($1)) AS b (pid)
  LEFT JOIN pg_stat_activity a ON a.pid = b.pid AND b.pid <> 0
 ORDER BY a.xact_start NULLS FIRST
 LIMIT 10`

func readBlockers(ctx context.Context, conn *pgx.Conn, pid uint32) ([]Blocker, error) {
	rows, err := conn.Query(ctx, blockersSQL, int32(pid)) //nolint:gosec // a pid is an int4
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Blocker, error) {
		var b Blocker
		var age float64
		err := row.Scan(&b.PID, &b.Application, &b.User, &age, &b.State, &b.Query)
		b.Age = time.Duration(age * float64(time.Second))
		return b, err
	})
}

// literal gives a string as SQL and the replication commands take it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// checkSlot finds out whether a slot can be created, before anything else is
// for its sake.
func checkSlot(ctx context.Context, conn *pgx.Conn) error {
	var level string
	var most, used int64
	err := conn.QueryRow(ctx, `SELECT current_setting('wal_level'), current_setting('max_replication_slots')::bigint,
		(SELECT count(*) FROM pg_replication_slots)`).Scan(&level, &most, &used)
	switch {
	case err != nil:
		return fmt.Errorf("looking for a free slot: %w", err)
	case level != "logical":
		return &SetupError{Check: CheckWALLevel, Permanent: true, What: "the server's wal_level is " + level,
			Remedy: "ALTER SYSTEM SET wal_level = logical and restart it; tasker-sidecar doctor says how on a managed server"}
	case used >= most:
		return &SetupError{Check: CheckSlots, What: fmt.Sprintf("no replication slot is free: all %d are in use", most),
			Remedy: "drop slots that nobody uses (pg_replication_slots), or raise max_replication_slots and restart the server"}
	}
	return nil
}
