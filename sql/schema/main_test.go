package schema_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// engine is a connection to a fresh database in which tables have the names of
// the engine's, and no more than that.
func engine(t *testing.T) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.Database(t))
	engineTables(t, conn, "public")
	return conn
}

func engineTables(t *testing.T, conn *pgx.Conn, schema string) {
	t.Helper()
	sql := "CREATE SCHEMA IF NOT EXISTS " + schema
	for i := range tasker.FollowedTables {
		sql += fmt.Sprintf("; CREATE TABLE %s.%s ()", schema, tasker.Schema[i].Name)
	}
	exec(t, conn, sql)
}

// engineWithRows is one with the golden rows, under the given rules.
func engineWithRows(t *testing.T, rules tasker.Rules) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.Database(t))
	if err := testbed.Install(t.Context(), conn, testbed.Options{Rules: rules}); err != nil {
		t.Fatal(err)
	}
	if err := golden.Load(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

func install(t *testing.T, conn *pgx.Conn, o schema.Options) {
	t.Helper()
	if err := schema.Install(t.Context(), conn, o); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func values[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}
