//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
)

// An Option changes what Database does.
type Option func(*options)

type options struct {
	server *postgres.Server
}

// On creates the database on a server of the test's own.
func On(s *postgres.Server) Option { return func(o *options) { o.server = s } }

// Database creates an empty database and returns its URL, for a superuser. It
// is dropped when the test ends; a connection or a replication slot that is
// left in it then fails the test.
func Database(t testing.TB, opts ...Option) string {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.server == nil {
		o.server = Shared(t)
	}
	name := UniqueName(t, "test")
	do(t, o.server, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", name))
		return err
	})
	t.Cleanup(func() {
		if !o.server.Running() {
			return // the test ended it, and all of it goes
		}
		do(t, o.server, func(ctx context.Context, conn *pgx.Conn) error {
			left, err := leftovers(ctx, conn, name, patience)
			if err != nil {
				return err
			}
			if len(left) > 0 {
				t.Errorf("the test left behind in its database:\n  %s", strings.Join(left, "\n  "))
			}
			return drop(ctx, conn, name)
		})
	})
	return o.server.DatabaseURL(name)
}

// patience is how long a connection that its client has closed may take to be
// gone from the server.
const patience = 3 * time.Second

// do runs f with a connection to database postgres.
func do(t testing.TB, s *postgres.Server, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := f(ctx, conn); err != nil {
		t.Fatal(err)
	}
}

const leftoversSQL = `
SELECT format('connection: pid %s, %s, application %L, %s, last query %L',
              pid, backend_type, application_name, state, left(query, 200))
  FROM pg_stat_activity
 WHERE datname = $1 AND backend_type IN ('client backend', 'walsender')
UNION ALL
SELECT format('replication slot: %s (%s, active pid %s)',
              slot_name, CASE WHEN temporary THEN 'temporary' ELSE 'persistent' END, active_pid)
  FROM pg_replication_slots
 WHERE database = $1
 ORDER BY 1`

// leftovers describes what is still there once it has had time to go.
func leftovers(ctx context.Context, conn *pgx.Conn, database string, patience time.Duration) ([]string, error) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := conn.Query(ctx, leftoversSQL, database)
		if err != nil {
			return nil, err
		}
		left, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
		<-tick.C
	}
}

// drop removes the database with its slots and connections.
func drop(ctx context.Context, conn *pgx.Conn, database string) error {
	_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL`, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1`, database)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", database))
	return err
}
