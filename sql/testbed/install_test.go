package testbed_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// connect opens a connection that the test closes.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// installed is a connection to a fresh database with the testbed in it, and
// the golden data where asked for.
func installed(t *testing.T, options testbed.Options, withGolden bool) *pgx.Conn {
	t.Helper()
	conn := connect(t, pgtest.Database(t))
	if err := testbed.Install(t.Context(), conn, options); err != nil {
		t.Fatal(err)
	}
	if withGolden {
		if err := golden.Load(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// query returns the rows of a statement with one column.
func query[T any](t *testing.T, conn *pgx.Conn, statement string, args ...any) []T {
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

const contentsSQL = `
SELECT c.relkind::text || ' ' || c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'v')
UNION ALL
SELECT 'f ' || p.proname FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)
ORDER BY 1`

func TestInstallCreatesEverythingInTheSchemaNamed(t *testing.T) {
	conn := installed(t, testbed.Options{Schema: "Rails App"}, false)
	got := query[string](t, conn, contentsSQL, `"Rails App"`)
	if len(got) != 13+9+1 {
		t.Errorf("%d things, want 13 tables, 9 functions and a view: %q", len(got), got)
	}
	if left := query[string](t, conn, contentsSQL, "public"); len(left) > 0 {
		t.Errorf("schema public was not meant to change: %q", left)
	}
	if path := query[string](t, conn, "SHOW search_path"); path[0] != `"$user", public` {
		t.Errorf("search_path of the session is now %q", path)
	}
}

func TestInstallRefusesWhatHasAnyOfIt(t *testing.T) {
	for _, test := range []struct{ name, statement, named string }{
		{"table", "CREATE TABLE tasker_named_steps (x int)", "table tasker_named_steps"},
		{"view", "CREATE VIEW tasker_step_dag_relationships AS SELECT 1", "view tasker_step_dag_relationships"},
		{"function of other arguments", "CREATE FUNCTION calculate_dependency_levels(a text) RETURNS int LANGUAGE sql RETURN 1", "function calculate_dependency_levels(text)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := connect(t, pgtest.Database(t))
			if _, err := conn.Exec(t.Context(), test.statement); err != nil {
				t.Fatal(err)
			}
			err := testbed.Install(t.Context(), conn, testbed.Options{})
			if !errors.Is(err, testbed.ErrOccupied) {
				t.Fatalf("error %v, want ErrOccupied", err)
			}
			if !strings.Contains(err.Error(), test.named) {
				t.Errorf("%q does not name %s", err, test.named)
			}
			if got := query[string](t, conn, contentsSQL, "public"); len(got) != 1 {
				t.Errorf("something was created: %q", got)
			}
		})
	}
}

func TestInstallTwiceNamesEverything(t *testing.T) {
	conn := installed(t, testbed.Options{}, false)
	err := testbed.Install(t.Context(), conn, testbed.Options{})
	if !errors.Is(err, testbed.ErrOccupied) {
		t.Fatalf("error %v, want ErrOccupied", err)
	}
	if n := strings.Count(err.Error(), "table tasker_"); n != 13 {
		t.Errorf("%d tables named, want 13: %v", n, err)
	}
	if n := strings.Count(err.Error(), "function "); n != 9 {
		t.Errorf("%d functions named, want 9: %v", n, err)
	}
	if err := testbed.Install(t.Context(), conn, testbed.Options{Schema: "elsewhere"}); err != nil {
		t.Errorf("another schema of the same database: %v", err)
	}
}

// A name that is taken by something that is no part of it is found out by the
// server, half-way through.
func TestInstallLeavesNothingHalfDone(t *testing.T) {
	conn := connect(t, pgtest.Database(t))
	if _, err := conn.Exec(t.Context(), "CREATE SEQUENCE workflow_steps_task_id_index"); err != nil {
		t.Fatal(err)
	}
	if err := testbed.Install(t.Context(), conn, testbed.Options{}); err == nil {
		t.Fatal("an index took a name that was taken")
	}
	if got := query[string](t, conn, contentsSQL, "public"); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestInstallRefusesUnknownRules(t *testing.T) {
	conn := connect(t, pgtest.Database(t))
	if err := testbed.Install(t.Context(), conn, testbed.Options{Rules: tasker.Rules(7)}); err == nil {
		t.Error("rules 7 were accepted")
	}
}
