package bench

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// liar says of one step that it was tried once more.
type liar struct{ matrix.Subject }

func (liar) Name() string { return "liar" }
func (liar) Close()       {}

func (l liar) Answer(ctx context.Context, q *matrix.Question, a *matrix.Args) ([]any, error) {
	rows, err := l.Subject.Answer(ctx, q, a)
	if len(rows) > 0 {
		if r, ok := rows[0].(tasker.StepReadiness); ok {
			r.Attempts.V++
			rows[0] = r
		}
	}
	return rows, err
}

// A run ends with the difference, and nothing is timed.
func TestDifferenceEndsTheRun(t *testing.T) {
	report, err := Run(t.Context(), Options{
		Suite: "claim", Size: Quick, Only: regexp.MustCompile("^step-readiness$"), double: func(s matrix.Subject) matrix.Subject { return liar{s} },
	})
	var d *matrix.Difference
	if !errors.As(err, &d) || d.Subject != "liar" || d.Reference != matrix.Engine || d.Field != "attempts" || d.Task == 0 || d.Step == 0 || d.Theirs == d.Ours {
		t.Fatalf("%v", err)
	}
	for _, r := range report.Results {
		if r.Verdict != Failed || r.Name != "correct" || len(r.Samples) > 0 {
			t.Errorf("%+v", r)
		}
	}
	if report.Passed() {
		t.Error("a run whose answers differ has passed")
	}
}

// testDatabase is one with some tasks.
func testDatabase(t *testing.T, tasks int) (url string) {
	t.Helper()
	url = pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := testbed.Install(t.Context(), conn, testbed.Options{}); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if tasks > 0 {
		if _, err := loader.Load(t.Context(), pool, workload.Generate(workload.Spec{Tasks: tasks, Seed: 2}), loader.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return url
}

// A database that is there is asked, and is afterwards what it was.
func TestGivenDatabaseIsOnlyRead(t *testing.T) {
	url := testDatabase(t, 50)
	before := catalog(t, url)
	report, err := Run(t.Context(), Options{
		Size: Quick, Only: regexp.MustCompile("^(step-readiness|dependency-levels|slowest-steps|ready-steps)$"), Database: &Given{URL: url, Rate: 2000, Tasks: 20},
	})
	if err != nil {
		t.Fatal(err)
	}
	if after := catalog(t, url); after != before {
		t.Errorf("the database was\n%s\nand is\n%s", before, after)
	}
	if report.Meta.Source != GivenDatabase || report.Meta.Versions.Postgres == "" {
		t.Errorf("%+v", report.Meta)
	}
	var notes string
	seen := map[string]Verdict{}
	for _, r := range report.Results {
		seen[r.Name] = r.Verdict
		notes += strings.Join(r.Notes, "\n")
		if r.Goal != nil {
			t.Errorf("%s has a goal, which is for our own data", r.Name)
		}
	}
	if seen["correct"] != NoGoal || seen["slowest-steps/engine"] != NoAnswer || seen["step-readiness/engine"] != NoGoal || !strings.Contains(notes, "drop-in functions are not installed") {
		t.Errorf("%v\n%s", seen, notes)
	}
}

// catalog is what could have been made in a database, and how many rows were
// written into its tables.
func catalog(t *testing.T, url string) (text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), `SELECT concat_ws(E'\n',
		(SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'),
		(SELECT count(*) || ' relations' FROM pg_class), (SELECT count(*) || ' functions' FROM pg_proc),
		(SELECT count(*) || ' publications' FROM pg_publication), (SELECT count(*) || ' slots' FROM pg_replication_slots WHERE database = current_database()),
		(SELECT string_agg(format('%s %s', relname, pg_relation_size(oid)), ' ' ORDER BY relname) FROM pg_class WHERE relname ~ '^tasker_' AND relkind = 'r'),
		(SELECT md5(string_agg(t::text || t.xmin::text, '' ORDER BY task_id)) FROM tasker_tasks t),
		(SELECT md5(string_agg(s::text || s.xmin::text, '' ORDER BY workflow_step_id)) FROM tasker_workflow_steps s))`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// What cannot be asked is refused before anything is.
func TestGivenDatabaseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		given Given
		want  string
	}{
		"no tables":        {Given{URL: pgtest.Database(t)}, "no schema of this database has the engine's tables"},
		"another schema":   {Given{URL: testDatabase(t, 0), Schema: "Other"}, "schema \"Other\" has not all of the engine's tables"},
		"empty":            {Given{URL: testDatabase(t, 0)}, "empty"},
		"no rows":          {Given{URL: testDatabase(t, 5), WithProjection: true}, "not installed"},
		"nobody is there":  {Given{URL: "postgres://127.0.0.1:1/none"}, "connect to the database"},
		"a rate and tasks": {Given{URL: "postgres://127.0.0.1:1/none", Rate: -1, Tasks: -1}, "-1 tasks to ask about"},
	} {
		report, err := Run(t.Context(), Options{Size: Quick, Database: &c.given})
		if err == nil || report != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuickFailsOnlyWhereMuchWasPromised(t *testing.T) {
	slow := func(goal float64) *Report {
		r := Result{Unit: "ns/op", Better: Lower, Goal: &Goal{AtLeast: goal}, Samples: []float64{10, 11, 12, 13, 14}, BaselineSamples: []float64{5, 5.1, 5.2, 5.3, 5.4}}
		r.Judge(Advantage)
		return &Report{Meta: Meta{Size: Quick}, Results: []Result{r}}
	}
	if !slow(3).Passed() {
		t.Error("slower than a baseline that was to be beaten by three has failed")
	}
	if slow(10).Passed() {
		t.Error("slower than a baseline that was to be beaten by ten has passed")
	}
	broken := slow(3)
	broken.Results[0].Error = "no"
	broken.Results[0].Judge(Advantage)
	if broken.Passed() {
		t.Error("a case that failed has passed")
	}
}
