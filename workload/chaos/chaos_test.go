package chaos_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/chaos"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connections(t *testing.T, pool *pgxpool.Pool, n int) []*pgx.Conn {
	t.Helper()
	conns := make([]*pgx.Conn, n)
	for i := range conns {
		conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		conns[i] = conn
	}
	return conns
}

func TestDeterministic(t *testing.T) {
	o := chaos.Options{Seed: 3, Sessions: 3, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	a := chaos.Generate(o)
	if diff := cmp.Diff(a, chaos.Generate(o)); diff != "" {
		t.Error(diff)
	}
	o.Seed++
	if cmp.Equal(a, chaos.Generate(o)) {
		t.Error("another seed gives the same program")
	}
	if cmp.Equal(a.Sessions[0], a.Sessions[1]) {
		t.Error("two sessions do the same")
	}
}

// Every followed table is inserted into, updated, deleted from; every followed
// column is updated, keys included.
func TestEverythingIsTouched(t *testing.T) {
	script := chaos.Generate(chaos.Options{Seed: 1, Transactions: 5000, Cycles: true}).String()
	for _, info := range tasker.Schema[:tasker.FollowedTables] {
		for _, verb := range []string{"INSERT INTO " + info.Name + " ", "UPDATE " + info.Name + " ", "DELETE FROM " + info.Name + " "} {
			if !strings.Contains(script, verb) {
				t.Errorf("nothing does %s", verb)
			}
		}
		for _, c := range info.Followed {
			if !regexp.MustCompile(`UPDATE ` + info.Name + ` SET [^;\n]*\b` + c.Name + ` = `).MatchString(script) {
				t.Errorf("nothing updates %s.%s", info.Name, c.Name)
			}
		}
	}
	for _, want := range []string{"TRUNCATE", "ROLLBACK TO", "ROLLBACK;", "session_replication_role", "SERIALIZABLE", "'infinity'", "'-infinity'", "skipped", "md5"} {
		if !strings.Contains(script, want) {
			t.Errorf("%s does not occur", want)
		}
	}
}

func TestRun(t *testing.T) {
	pool := workloadtest.Database(t)
	p := chaos.Generate(chaos.Options{Seed: 5, Transactions: 400})
	r, err := chaos.Run(t.Context(), connections(t, pool, 1), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d statements: %+v", p.Ops(), r)
	if r.Committed+r.RolledBack != 401 || r.RolledBack < 5 {
		t.Errorf("%d committed, %d rolled back", r.Committed, r.RolledBack)
	}
	refused := 0
	for _, n := range r.Refused {
		refused += n
	}
	if refused+r.Executed != p.Ops() || r.Executed < 2*refused {
		t.Errorf("%d executed, %d refused, of %d", r.Executed, refused, p.Ops())
	}
	for code := range r.Refused { // unique, not null, foreign key; truncate of a referenced table
		if code != "23505" && code != "23502" && code != "23503" && code != "0A000" {
			t.Errorf("refused with %s: %d", code, r.Refused[code])
		}
	}
	if r.Refused["23505"] == 0 || r.Refused["23503"] == 0 {
		t.Errorf("%+v", r.Refused)
	}
}

// Whatever is done, no cycle closes unless that was asked for; orphans stay
// unless references are kept; something was stored out of line.
func TestWhatIsLeft(t *testing.T) {
	const cycles = `WITH RECURSIVE walk (start, at, depth) AS (
			SELECT from_step_id, to_step_id, 1 FROM tasker_workflow_step_edges WHERE from_step_id < 10000
			UNION SELECT start, to_step_id, depth + 1 FROM walk JOIN tasker_workflow_step_edges ON from_step_id = at WHERE start <> at AND depth < 31)
		SELECT count(*) FROM walk WHERE start = at`
	const orphans = `SELECT (SELECT count(*) FROM tasker_workflow_steps s LEFT JOIN tasker_tasks t USING (task_id) WHERE t.task_id IS NULL)
		+ (SELECT count(*) FROM tasker_workflow_step_transitions x LEFT JOIN tasker_workflow_steps s USING (workflow_step_id) WHERE s.task_id IS NULL)`
	const living = `SELECT count(*) FROM tasker_workflow_steps WHERE workflow_step_id < 1000`
	const outOfLine = `SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'tasker_workflow_step_transitions'::regclass`
	value := func(pool *pgxpool.Pool, sql string) (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var circular, orphaned, toasted int
	for seed := range uint64(2) {
		for _, o := range []chaos.Options{{}, {Cycles: true, Steps: 6}, {Referential: true}} {
			pool := workloadtest.Database(t)
			o.Seed, o.Transactions = seed, 120
			if _, err := chaos.Run(t.Context(), connections(t, pool, 1), chaos.Generate(o)); err != nil {
				t.Fatal(err)
			}
			switch n := value(pool, cycles); {
			case o.Cycles:
				circular += n
			case n > 0:
				t.Errorf("seed %d: %d steps on a cycle", seed, n)
			}
			switch n := value(pool, orphans); {
			case !o.Referential:
				orphaned += n
			case n > 0:
				t.Errorf("seed %d: %d orphans", seed, n)
			}
			toasted += value(pool, outOfLine)
			if n := value(pool, living); n == 0 {
				t.Errorf("seed %d: no step is left", seed)
			}
		}
	}
	if circular == 0 || orphaned == 0 || toasted == 0 {
		t.Errorf("%d steps on cycles, %d orphans, %d bytes out of line: each should occur", circular, orphaned, toasted)
	}
}

func TestSessionsAtOnce(t *testing.T) {
	pool := workloadtest.Database(t)
	p := chaos.Generate(chaos.Options{Seed: 8, Sessions: 4, Transactions: 60})
	r, err := chaos.Run(t.Context(), connections(t, pool, 4), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Committed+r.RolledBack != 241 {
		t.Errorf("%+v", r)
	}
	if _, err := chaos.Run(t.Context(), connections(t, pool, 1), p); err == nil {
		t.Error("four sessions ran on one connection")
	}
}

func TestShrink(t *testing.T) {
	p := chaos.Generate(chaos.Options{Seed: 2, Sessions: 3, Transactions: 40})
	p.Sessions[1][17].Ops = append(p.Sessions[1][17].Ops, chaos.Op{SQL: "the culprit"})
	p.Base[0].Ops = append(p.Base[0].Ops, chaos.Op{SQL: "its condition"})
	whole, tries := p.String(), 0
	small := chaos.Shrink(p, 1000, func(q chaos.Program) bool {
		tries++
		s := q.String()
		return strings.Contains(s, "the culprit") && strings.Contains(s, "its condition")
	})
	if p.String() != whole {
		t.Error("shrinking has changed the program itself")
	}
	want := "\\set ON_ERROR_ROLLBACK on\n-- base\nBEGIN;\n  its condition;\nCOMMIT;\n-- session 1\n"
	if got := small.String(); small.Ops() != 2 || !strings.HasPrefix(got, want) || !strings.Contains(got, "the culprit") {
		t.Errorf("after %d tries:\n%s", tries, got)
	}
	tries = 0
	chaos.Shrink(p, 7, func(chaos.Program) bool { tries++; return false })
	if tries != 7 {
		t.Errorf("%d tries of 7", tries)
	}
}

func TestScript(t *testing.T) {
	p := chaos.Program{Sessions: [][]chaos.Transaction{{
		{Isolation: "SERIALIZABLE", Replica: true, Ops: []chaos.Op{{SQL: "a"}, {Undone: []chaos.Op{{SQL: "b"}, {SQL: "c"}}}}},
		{Rollback: true, Ops: []chaos.Op{{SQL: "d"}}},
	}}}
	want := `\set ON_ERROR_ROLLBACK on
-- session 1
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET LOCAL session_replication_role = replica;
  a;
  SAVEPOINT undone1;
    b;
    c;
  ROLLBACK TO undone1;
COMMIT;
BEGIN;
  d;
ROLLBACK;
`
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Error(diff)
	}
	if p.Ops() != 4 {
		t.Error(p.Ops())
	}
}
