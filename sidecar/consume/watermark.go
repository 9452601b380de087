package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// mark is a horizon: what transactions before it have committed is delivered.
type mark struct {
	horizon int64  // a transaction number with its epoch; 0: none
	cluster string // whose transactions
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// snapshot gives the horizon of the statement's snapshot, and the first
// transaction that it knows nothing of.
func snapshot(ctx context.Context, db querier) (m mark, end int64, err error) {
	err = db.QueryRow(ctx, `SELECT pg_catalog.pg_snapshot_xmin(s)::text::bigint, pg_catalog.pg_snapshot_xmax(s)::text::bigint, c.system_identifier::text
		FROM pg_catalog.pg_current_snapshot() s, pg_catalog.pg_control_system() c`).Scan(&m.horizon, &end, &m.cluster)
	if err != nil {
		return mark{}, 0, fmt.Errorf("asking for a snapshot: %w", err)
	}
	return m, end, nil
}

// position is where the log ends: everything that was at an end when it was
// called lies before it.
func position(ctx context.Context, db querier) (lsn tasker.LSN, err error) {
	var text string
	if err := db.QueryRow(ctx, "SELECT pg_catalog.pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return 0, fmt.Errorf("asking for the end of the log: %w", err)
	}
	return tasker.ParseLSN(text)
}

// claim makes the connection the only one that serves the consumer. One that has
// just ended, or died, is given some time to be gone. What is written there is
// waited for by nobody, a synchronous standby least of all: a watermark that is
// lost only means that more is told again.
func claim(ctx context.Context, conn *pgx.Conn, consumer string, patience time.Duration) error {
	settings := fmt.Sprintf(`SET lock_timeout = %d; SET idle_session_timeout = 0; SET synchronous_commit = off;
		SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3`, patience.Milliseconds())
	if _, err := conn.PgConn().Exec(ctx, settings).ReadAll(); err != nil {
		return fmt.Errorf("claiming the consumer %q: %w", consumer, err)
	}
	// Two keys of 32 bits: no lock of anybody's on one of 64 is meant by them.
	_, err := conn.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext('tasker_sidecar.event_consumers'), pg_catalog.hashtext($1))", consumer)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == pgerrcode.LockNotAvailable {
		return fmt.Errorf("%w: %q; end that one, or choose another name", ErrInUse, consumer)
	}
	if err != nil {
		return fmt.Errorf("claiming the consumer %q: %w", consumer, err)
	}
	return nil
}

// ErrInUse is returned where a consumer of that name runs already.
var ErrInUse = errors.New("a consumer of this name is running")

// ErrNotInstalled is returned where the table of consumers is missing, or not
// for us to write.
var ErrNotInstalled = errors.New("a consumer with a name needs the table tasker_sidecar.event_consumers: run tasker-sidecar install, with --grants for the role that consumes")

// load reads the consumer's watermark; none: the zero value.
func load(ctx context.Context, conn *pgx.Conn, consumer string) (m mark, err error) {
	err = conn.QueryRow(ctx, "SELECT horizon, cluster FROM tasker_sidecar.event_consumers WHERE consumer = $1", consumer).Scan(&m.horizon, &m.cluster)
	if errors.Is(err, pgx.ErrNoRows) {
		return mark{}, nil
	}
	return m, explain(err)
}

// store writes it.
func store(ctx context.Context, conn *pgx.Conn, consumer string, m mark) error {
	_, err := conn.Exec(ctx, `INSERT INTO tasker_sidecar.event_consumers (consumer, horizon, cluster) VALUES ($1, $2, $3)
		ON CONFLICT (consumer) DO UPDATE
		SET horizon = excluded.horizon, cluster = excluded.cluster, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		consumer, m.horizon, m.cluster)
	return explain(err)
}

func explain(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case pgerrcode.UndefinedTable, pgerrcode.InvalidSchemaName, pgerrcode.InsufficientPrivilege:
			return fmt.Errorf("%w: %w", ErrNotInstalled, err)
		}
	}
	if err != nil {
		return fmt.Errorf("the watermark of the consumer: %w", err)
	}
	return nil
}
