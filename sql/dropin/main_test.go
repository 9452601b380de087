package dropin_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// connect opens a connection that the test closes.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// installed is a connection to a fresh database with the testbed and the
// drop-ins in it. What is not qualified means the engine's.
func installed(t testing.TB, rules tasker.Rules) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.Database(t))
	prepare(t, conn, rules)
	return conn
}

func prepare(t testing.TB, conn *pgx.Conn, rules tasker.Rules) {
	t.Helper()
	if err := testbed.Install(t.Context(), conn, testbed.Options{Rules: rules}); err != nil {
		t.Fatal(err)
	}
	install(t, conn, dropin.Options{Rules: rules})
}

func install(t testing.TB, conn *pgx.Conn, options dropin.Options) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return dropin.Install(t.Context(), tx, options) })
	if err != nil {
		t.Fatal(err)
	}
}

// withGolden is installed with the golden data.
func withGolden(t testing.TB, rules tasker.Rules) *pgx.Conn {
	t.Helper()
	conn := installed(t, rules)
	if err := golden.Load(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// query returns the rows of a statement with one column.
func query[T any](t testing.TB, conn *pgx.Conn, statement string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return values
}

// one returns the only value of a statement.
func one[T any](t testing.TB, conn *pgx.Conn, statement string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), statement, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return v
}
