// Package followtest gives tests a database with the engine's tables and
// functions, and a follower of it that runs as long as the test.
//
// What a follower must leave behind is nothing: a slot or a connection that is
// left in the database fails the test when the database is dropped.
package followtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// Database creates a database with the engine's tables and functions, and
// returns its URL.
func Database(t testing.TB, options testbed.Options, on ...pgtest.Option) string {
	t.Helper()
	url := pgtest.Database(t, on...)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := testbed.Install(ctx, conn, options); err != nil {
		t.Fatal(err)
	}
	return url
}

// Connect opens a connection that is closed when the test ends.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// Exec runs statements one after another, each a transaction of its own unless
// it says otherwise.
func Exec(t testing.TB, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.PgConn().Exec(t.Context(), s).ReadAll(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}
