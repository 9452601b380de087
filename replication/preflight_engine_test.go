package replication

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// engineDatabase makes a database with the engine's side in schema public.
func engineDatabase(t *testing.T, rules tasker.Rules, opts ...pgtest.Option) string {
	t.Helper()
	address := pgtest.Database(t, opts...)
	installEngine(t, address, testbed.Options{Rules: rules})
	return address
}

func installEngine(t *testing.T, address string, o testbed.Options) {
	t.Helper()
	conn := connectTo(t, address)
	if err := testbed.Install(t.Context(), conn, o); err != nil {
		t.Fatal(err)
	}
}

// connectTo opens a connection for the time of the test.
func connectTo(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, conn interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}, statements ...string,
) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// newRole makes a role that is gone after the test, and gives the database's
// address for it.
func newRole(t *testing.T, address, attributes string) (name, roleAddress string) {
	t.Helper()
	name = pgtest.UniqueName(t, "role")
	password := pgtest.UniqueName(t, "secret")
	conn := connectTo(t, address)
	execute(t, conn, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s", name, password, attributes))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		last, err := pgx.Connect(ctx, address)
		if err != nil {
			t.Error(err)
			return
		}
		defer last.Close(ctx) //nolint:errcheck // the test is over
		for _, s := range []string{"REASSIGN OWNED BY %s TO CURRENT_USER", "DROP OWNED BY %s", "DROP ROLE %s"} {
			if _, err := last.Exec(ctx, fmt.Sprintf(s, name)); err != nil {
				t.Error(err)
			}
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return name, u.String()
}

// giveTables makes a role the owner of the engine's tables and functions.
func giveTables(t *testing.T, conn *pgx.Conn, schema, role string) {
	t.Helper()
	for i := range tasker.Schema {
		execute(t, conn, fmt.Sprintf("ALTER TABLE %s OWNER TO %s", quote(schema, tasker.Schema[i].Name), role))
	}
}
