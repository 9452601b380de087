//go:build unix

package pgtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestMain(m *testing.M) { Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func query(t *testing.T, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var text string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEachTestHasADatabaseThatIsDropped(t *testing.T) {
	admin := connect(t, Shared(t).URL())
	names := map[string]bool{}
	for range 2 {
		t.Run("database", func(t *testing.T) {
			conn := connect(t, Database(t))
			names[query(t, conn, "SELECT current_database()::text")] = true
		})
	}
	if len(names) != 2 {
		t.Errorf("databases: %v, want two", names)
	}
	for name := range names {
		if got := query(t, admin, "SELECT count(*)::text FROM pg_database WHERE datname = $1", name); got != "0" {
			t.Errorf("database %s is still there", name)
		}
	}
}

// A recorder stands for the test that leaks: it fails instead of us.
type recorder struct {
	testing.TB
	errors  []string
	cleanup []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Errorf(format string, args ...any) {
	for _, a := range args {
		r.errors = append(r.errors, a.(string))
	}
}

func TestWhatATestLeavesBehindFailsItByName(t *testing.T) {
	r := &recorder{TB: t}
	url := Database(r)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "the forgotten one"
	leak, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { leak.Close(context.Background()) })
	slot := UniqueName(t, "forgotten")
	query(t, leak, "SELECT slot_name::text FROM pg_create_logical_replication_slot($1, 'pgoutput')", slot)

	for _, f := range r.cleanup {
		f()
	}
	found := strings.Join(r.errors, "\n")
	for _, want := range []string{"the forgotten one", slot} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not named in:\n%s", want, found)
		}
	}
	admin := connect(t, Shared(t).URL())
	if got := query(t, admin, "SELECT count(*)::text FROM pg_replication_slots WHERE slot_name = $1", slot); got != "0" {
		t.Error("the slot is still there")
	}
	_, err = pgx.Connect(t.Context(), url)
	if pgErr := (*pgconn.PgError)(nil); !errors.As(err, &pgErr) || pgErr.Code != "3D000" {
		t.Errorf("connect after the drop: %v, want 3D000", err)
	}
}

func TestServerIsTheTestsOwn(t *testing.T) {
	var ended bool
	t.Run("own", func(t *testing.T) {
		s := Server(t, map[string]string{"work_mem": "5MB"})
		conn := connect(t, Database(t, On(s)))
		if got := query(t, conn, "SHOW work_mem"); got != "5MB" {
			t.Errorf("work_mem is %s, want 5MB", got)
		}
		if s.URL() == Shared(t).URL() {
			t.Error("it is the shared one")
		}
		if err := s.StopFast(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended = true
	})
	if !ended {
		t.Error("the subtest did not come to its end")
	}
}

func TestUniqueNames(t *testing.T) {
	a, b := UniqueName(t, "slot"), UniqueName(t, "slot")
	if a == b || !strings.HasPrefix(a, "slot_") || strings.ToLower(a) != a || len(a) > 63 {
		t.Errorf("names %q and %q", a, b)
	}
}
