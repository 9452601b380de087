package replication

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverFacts is what the server says of itself and of our role.
type serverFacts struct {
	Pid               int64
	Database          string
	Role              string
	Version           int
	VersionText       string
	InRecovery        bool
	ReadOnly          bool
	WALLevel          string
	MaxSlots          int64
	UsedSlots         int64
	MaxSenders        int64
	UsedSenders       int64
	FreeConnections   int64
	Synchronous       string
	SlotWALKeep       int64 // MB, -1 without a limit
	SenderTimeout     int64 // ms
	MayReplicate      bool
	Superuser         bool
	MayCreate         bool  // in the database
	OldTransactionAge int64 // ms
	OldTransaction    string

	ownsTables bool // found with the tables' rights
}

// serverSQL asks for all of serverFacts. Free connections are those of the
// server, the database and the role, whichever are least; sessions of other
// databases are counted by pg_stat_database, which everybody may read whole.
// Of the oldest transaction that a slot would have to wait for, prepared ones
// included, the query is told only to those who may see it.
const serverSQL = `
WITH role AS (
    SELECT r.oid, r.rolname, r.rolsuper, r.rolreplication, r.rolconnlimit
    FROM pg_roles r
    WHERE r.rolname = current_user
), old AS (
    SELECT coalesce(1000 * extract(epoch FROM clock_timestamp() - min(started)), 0)::bigint AS age,
        coalesce((array_agg(who ORDER BY started))[1], '') AS who
    FROM (
        SELECT a.xact_start AS started, format('pid %s (%s): %s', a.pid, a.usename, left(regexp_replace(a.query, '\s+', ' ', 'g'), 120)) AS who
        FROM pg_stat_activity a
        WHERE a.pid <> pg_backend_pid() AND a.backend_xid IS NOT NULL
        UNION ALL
        SELECT x.prepared, format('prepared transaction %L of %s', x.gid, x.owner)
        FROM pg_prepared_xacts x
    ) open
)
SELECT
    pg_backend_pid()::bigint,
    current_database()::text,
    role.rolname::text,
    current_setting('server_version_num')::int,
    current_setting('server_version'),
    pg_is_in_recovery(),
    current_setting('default_transaction_read_only')::boolean,
    current_setting('wal_level'),
    current_setting('max_replication_slots')::bigint,
    (SELECT count(*) FROM pg_replication_slots),
    current_setting('max_wal_senders')::bigint,
    (SELECT count(*) FROM pg_stat_replication),
    least(
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
            - coalesce(current_setting('reserved_connections', true)::bigint, 0)
            - (SELECT coalesce(sum(d.numbackends), 0) FROM pg_stat_database d),
        CASE WHEN role.rolconnlimit >= 0 AND NOT role.rolsuper THEN role.rolconnlimit - (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = role.oid) END,
        (SELECT CASE WHEN d.datconnlimit >= 0 AND NOT role.rolsuper THEN d.datconnlimit - (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid) END
         FROM pg_database d WHERE d.datname = current_database())
    )::bigint,
    current_setting('synchronous_standby_names'),
    (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
    (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'),
    role.rolsuper OR role.rolreplication OR EXISTS (
        SELECT FROM pg_roles g WHERE g.rolname IN ('rds_replication', 'rds_superuser') AND pg_has_role(g.oid, 'MEMBER')
    ),
    role.rolsuper,
    has_database_privilege(current_database(), 'CREATE'),
    old.age,
    old.who
FROM role, old`

func readServer(ctx context.Context, conn *pgx.Conn) (serverFacts, error) {
	rows, err := conn.Query(ctx, serverSQL)
	if err != nil {
		return serverFacts{}, fmt.Errorf("asking the server about itself: %w", err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[serverFacts])
	if err != nil {
		return serverFacts{}, fmt.Errorf("asking the server about itself: %w", err)
	}
	return f, nil
}

const (
	oldestVersion = 140000
	mebibyte      = 1 << 20
	gibibyte      = 1 << 30
)

// checkServer judges version and settings.
func (p *preflight) checkServer() {
	s, platform := &p.server, p.report.Platform
	switch {
	case s.Version < oldestVersion:
		p.add(CheckVersion, SeverityError, "upgrade to PostgreSQL 14 or later", "PostgreSQL %s is too old", s.VersionText)
	case s.Version < columnListVersion:
		p.add(CheckVersion, SeverityInfo, "PostgreSQL 15.2 or later sends only the columns that are needed", "PostgreSQL %s (%s): whole rows are sent", s.VersionText, platform)
	default:
		p.ok(CheckVersion, "PostgreSQL %s (%s)", s.VersionText, platform)
	}
	switch {
	case s.InRecovery:
		p.add(CheckPrimary, SeverityError, "let --database-url lead to the primary, for instance with target_session_attrs=read-write", "the server is a standby")
	case s.ReadOnly:
		p.add(CheckPrimary, SeverityWarning, fmt.Sprintf("ALTER ROLE %s SET default_transaction_read_only = off, where the publication is still to be created", quote(s.Role)), "sessions of role %s are read-only", s.Role)
	default:
		p.ok(CheckPrimary, "the server is a primary")
	}
	if s.WALLevel != "logical" {
		p.add(CheckWALLevel, SeverityError, platform.walLevel(), "wal_level is %s; logical is needed", s.WALLevel)
	} else {
		p.ok(CheckWALLevel, "wal_level is logical")
	}
	p.checkFree(CheckSlots, "replication slot", s.MaxSlots, s.UsedSlots, "drop slots that nobody uses (pg_replication_slots), or "+platform.setting("max_replication_slots", fmt.Sprint(s.UsedSlots+4)))
	p.checkFree(CheckSenders, "walsender", s.MaxSenders, s.UsedSenders, "end one (pg_stat_replication), or "+platform.setting("max_wal_senders", fmt.Sprint(s.UsedSenders+4)))
	if s.FreeConnections < int64(p.o.Connections) {
		severity := SeverityWarning
		if s.FreeConnections < 2 {
			severity = SeverityError
		}
		p.add(CheckConnections, severity, "raise max_connections, or the CONNECTION LIMIT of role or database, or load with fewer sessions",
			"%d connections are free for role %s; %d are wanted while loading", max(s.FreeConnections, 0), s.Role, p.o.Connections)
	} else {
		p.ok(CheckConnections, "%d connections are free, %d are wanted", s.FreeConnections, p.o.Connections)
	}
	if err := CheckSynchronousStandby(s.Synchronous, p.o.ApplicationName); err != nil {
		p.failed(CheckSynchronous, err)
	} else {
		p.ok(CheckSynchronous, "we would be no synchronous standby")
	}
	p.checkWALKeep()
	if s.SenderTimeout == 0 {
		p.add(CheckSenderTimeout, SeverityInfo, "", "wal_sender_timeout is off on the server; our own sessions set it for themselves")
	} else {
		p.ok(CheckSenderTimeout, "wal_sender_timeout is %s; our own sessions set theirs", time.Duration(s.SenderTimeout)*time.Millisecond)
	}
	if age := time.Duration(s.OldTransactionAge) * time.Millisecond; age >= p.o.OldTransaction {
		p.add(CheckOldTransactions, SeverityWarning, "end it, or expect the start to wait for it", "a transaction has been writing for %s, and creating a slot waits for its end: %s", age.Round(time.Second), s.OldTransaction)
	} else {
		p.ok(CheckOldTransactions, "no old transaction would hold up the creation of a slot")
	}
}

func (p *preflight) checkFree(check, what string, limit, used int64, remedy string) {
	if used >= limit {
		p.add(check, SeverityError, remedy, "no %s is free: %d of %d are in use", what, used, limit)
		return
	}
	p.ok(check, "%d of %d %ss are free", limit-used, limit, what)
}

func (p *preflight) checkWALKeep() {
	keep := p.server.SlotWALKeep * mebibyte
	if keep < 0 {
		budget := p.o.MaxWALBehind
		def(&budget, gibibyte)
		p.add(CheckWALKeep, SeverityInfo, "", "max_slot_wal_keep_size has no limit on the server; we give our slot up ourselves when it holds back %d MiB", budget/mebibyte)
		return
	}
	switch {
	case p.o.MaxWALBehind > keep:
		p.add(CheckWALKeep, SeverityWarning, fmt.Sprintf("set replication.max_wal_behind below %d MiB", keep/mebibyte),
			"max_slot_wal_keep_size is %d MiB: the server takes our slot away before we give it up at %d MiB", keep/mebibyte, p.o.MaxWALBehind/mebibyte)
	case keep < 64*mebibyte:
		p.add(CheckWALKeep, SeverityWarning, "raise max_slot_wal_keep_size", "max_slot_wal_keep_size is only %d MiB: a burst of writes costs us the slot, and a reload", keep/mebibyte)
	default:
		p.ok(CheckWALKeep, "max_slot_wal_keep_size is %d MiB", keep/mebibyte)
	}
}

// timeZoneSQL tells what TimeZone the server, the database and roles set, where
// it is not UTC in summer and in winter alike.
const timeZoneSQL = `
SELECT format('%s sets TimeZone = %s', z.who, z.zone)
FROM (
    SELECT 'the server'::text AS who, s.reset_val AS zone FROM pg_settings s
    WHERE s.name = 'TimeZone' AND s.source NOT IN ('client', 'session', 'database', 'user', 'database user')
    UNION ALL
    SELECT CASE
            WHEN r.rolname IS NULL THEN format('database %I', d.datname)
            WHEN d.datname IS NULL THEN format('role %I', r.rolname)
            ELSE format('role %I in database %I', r.rolname, d.datname)
        END,
        split_part(c.setting, '=', 2)
    FROM pg_db_role_setting g
    LEFT JOIN pg_database d ON d.oid = g.setdatabase
    LEFT JOIN pg_roles r ON r.oid = g.setrole
    CROSS JOIN LATERAL unnest(g.setconfig) c(setting)
    WHERE lower(split_part(c.setting, '=', 1)) = 'timezone' AND (d.datname IS NULL OR d.datname = current_database())
) z
WHERE timestamptz '2024-01-15 12:00Z' AT TIME ZONE z.zone <> timestamp '2024-01-15 12:00'
    OR timestamptz '2024-07-15 12:00Z' AT TIME ZONE z.zone <> timestamp '2024-07-15 12:00'
ORDER BY 1`

// checkTimeZone looks for sessions in which the engine's own functions compare
// a local time with times in UTC. Rails usually sets UTC in its sessions
// itself, and ours do, so that this is a warning about the others.
func (p *preflight) checkTimeZone(ctx context.Context) {
	rows, err := p.conn.Query(ctx, timeZoneSQL)
	if err != nil {
		p.failed(CheckTimeZone, err)
		return
	}
	zones, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		p.failed(CheckTimeZone, err)
		return
	}
	for _, z := range zones {
		p.add(CheckTimeZone, SeverityWarning, fmt.Sprintf("ALTER DATABASE %s SET TimeZone = 'UTC'", quote(p.server.Database)),
			"%s: the engine's own functions answer wrongly in sessions that do not set UTC themselves (ours answer the same in every session)", z)
	}
	if len(zones) == 0 {
		p.ok(CheckTimeZone, "sessions are in UTC")
	}
}
