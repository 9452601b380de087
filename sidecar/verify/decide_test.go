package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A task that changes between the two answers differs, and says nothing.
func TestChangedBetweenIsUndecided(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 3)
	x := followTampered(t, url)
	v := verify.New(asking, x, verify.Options{Schema: "public"})
	for _, sql := range []string{
		`UPDATE tasker_workflow_steps SET attempts = attempts + 1 WHERE task_id = 11`,
		`INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES ('error', 20, true, 112, now(), now())`,
		`UPDATE tasker_workflow_steps SET task_id = 11, named_step_id = 7 WHERE workflow_step_id = 113`,
		`BEGIN; DELETE FROM tasker_workflow_step_edges WHERE to_step_id = 113; DELETE FROM tasker_workflow_steps WHERE workflow_step_id = 113; COMMIT`,
	} {
		x.between = func() {
			x.between = nil
			followtest.Exec(t, conn, sql)
			x.reach(t, flushed(t, conn))
		}
		report := pass(t, v)
		for _, d := range report.Differences {
			t.Errorf("%s: %s", sql, d)
		}
		if report.Compared != 2 || report.Undecided != 1 {
			t.Errorf("%s: %+v", sql, report)
		}
		clean(t, pass(t, v), 3)
	}
	// A name is in all tasks' rows.
	x.between = func() {
		x.between = nil
		followtest.Exec(t, conn, `UPDATE tasker_named_steps SET name = 'renamed' WHERE named_step_id = 2`)
		x.reach(t, flushed(t, conn))
	}
	if report := pass(t, v); report.DifferenceCount != 0 || report.Undecided != 3 || !report.Whole {
		t.Errorf("%+v", report)
	}
	// A task that goes, and one that comes.
	x.between = func() {
		x.between = nil
		task(t, conn, 14)
		x.reach(t, flushed(t, conn))
	}
	if report := pass(t, v); report.DifferenceCount != 0 || report.Undecided != 0 || report.Compared != 3 {
		t.Errorf("%+v", report)
	}
	clean(t, pass(t, v), 4)
	// As long as something changes at every attempt, all together is undecided.
	x.between = func() {
		followtest.Exec(t, conn, `UPDATE tasker_tasks SET complete = NOT complete WHERE task_id = 12`)
		x.reach(t, flushed(t, conn))
	}
	if report := pass(t, v); report.DifferenceCount != 0 || report.Whole {
		t.Errorf("%+v", report)
	}
}

// A commit that waits for a standby which never answers is in the log, and so
// in the index, and nobody else sees it; what others commit meanwhile they do.
func TestCommitInTheLogAndNotVisible(t *testing.T) {
	server := pgtest.Server(t, map[string]string{"synchronous_standby_names": "nobody", "synchronous_commit": "local"})
	url := followtest.Database(t, testbed.Options{}, pgtest.On(server))
	conn, asking, hanging := followtest.Connect(t, url), followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 3)
	x := followTampered(t, url)
	v := verify.New(asking, x, verify.Options{Schema: "public"})
	clean(t, pass(t, v), 3)

	pid, committed := hanging.PgConn().PID(), make(chan error, 1)
	go func() {
		_, err := hanging.PgConn().Exec(context.Background(),
			`BEGIN; SET LOCAL synchronous_commit = on; UPDATE tasker_workflow_steps SET attempts = 5 WHERE workflow_step_id = 112; COMMIT`).ReadAll()
		committed <- err
	}()
	followtest.Eventually(t, "the hanging commit in the index", func() bool {
		step, ok := x.View().Step(112, 0)
		return ok && step.Attempts == tasker.Some[int32](5)
	})
	var visible int
	if err := conn.QueryRow(t.Context(), `SELECT attempts FROM tasker_workflow_steps WHERE workflow_step_id = 112`).Scan(&visible); err != nil || visible != 0 {
		t.Fatalf("the commit does not hang: %d, %v", visible, err)
	}
	undecided := func(what string) {
		t.Helper()
		report := pass(t, v)
		for _, d := range report.Differences {
			t.Errorf("%s: %s", what, d)
		}
		if report.Undecided == 0 || report.Whole {
			t.Errorf("%s: %+v", what, report)
		}
	}
	undecided("the commit alone")
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = 1 WHERE workflow_step_id = 111`)
	x.reach(t, flushed(t, conn))
	undecided("another step of the task, committed after it and visible")

	// Cancelled, it is visible without the standby.
	followtest.Exec(t, conn, fmt.Sprintf(`SELECT pg_cancel_backend(%d)`, pid))
	select {
	case err := <-committed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(followtest.Patience):
		t.Fatal("the commit does not end")
	}
	clean(t, pass(t, v), 3)
}

// The engine's older functions fail for a task with a step that has failed 44
// times; that is counted, and the other tasks are compared.
func TestFunctionsThatFail(t *testing.T) {
	url := followtest.Database(t, testbed.Options{Rules: tasker.RulesV01})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 4)
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = 44, retry_limit = 100 WHERE workflow_step_id = 112`,
		`INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES ('error', 10, true, 112, now(), now())`,
		`UPDATE tasker_workflow_steps SET attempts = NULL WHERE task_id = 12`)
	f := followtest.Start(t, url, nil)
	if rules := f.View().Rules(); rules != tasker.RulesV01 {
		t.Fatal(rules)
	}
	v := verify.New(asking, f, verify.Options{Schema: "public"})
	report := pass(t, v)
	for _, d := range report.Differences {
		t.Error(d)
	}
	for _, name := range []string{"get_step_readiness_status", "get_step_readiness_status_batch", "get_task_execution_context", "get_task_execution_contexts_batch"} {
		if !strings.Contains(report.Failing[name], "out of range") {
			t.Errorf("%s is not failing: %v", name, report.Failing)
		}
	}
	if len(report.Failing) != 4 || report.FailureCount != 4 || report.Compared != 4 || !report.Whole {
		t.Errorf("%+v", report)
	}
	// That the others are compared still: an index with the wrong rules.
	wrong := followtest.Start(t, url, func(o *replication.Options) { o.Rules.Override = tasker.RulesV02 })
	report = pass(t, verify.New(asking, wrong, verify.Options{Schema: "public"}))
	found := map[int64]bool{}
	for _, d := range report.Differences {
		found[d.TaskID] = true
		if d.Question == "get_step_readiness_status" && d.TaskID == 12 && d.Field == "attempts" && d.Database == "null" && d.Index == "0" {
			found[-1] = true
		}
	}
	if !found[-1] || found[10] || found[11] || found[13] {
		t.Errorf("%+v", report)
	}
}

// The levels function never ends on a cycle that a root reaches, and takes for
// ever where there are many paths.
func TestLevelsThatMustNotBeAsked(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 3)
	followtest.Exec(t, conn,
		// 113 → 112: a cycle behind the root 111
		`INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) VALUES (113, 112, 'provides', now(), now())`,
		// 122 → 1200 → … → 1210, each edge twice: 2^10 paths
		`INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, created_at, updated_at) SELECT i, 12, 1, now(), now() FROM generate_series(1200, 1210) i`,
		`INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
			SELECT CASE WHEN i = 1200 THEN 121 ELSE i - 1 END, i, 'provides', now(), now() FROM generate_series(1200, 1210) i, generate_series(1, 2)`)
	f := followtest.Start(t, url, nil)
	report := pass(t, verify.New(asking, f, verify.Options{Schema: "public", MaxPaths: 1000}))
	for _, d := range report.Differences {
		t.Error(d)
	}
	want := map[string]int{"calculate_dependency_levels of a task with a cycle": 1, "calculate_dependency_levels of a task with too many paths": 1}
	if fmt.Sprint(report.Skipped) != fmt.Sprint(want) || report.Compared != 3 || len(report.Failing) != 0 {
		t.Errorf("%+v", report)
	}
	// With the limit above the number of paths it is asked.
	report = pass(t, verify.New(asking, f, verify.Options{Schema: "public", MaxPaths: 10_000}))
	if report.DifferenceCount != 0 || report.Skipped["calculate_dependency_levels of a task with too many paths"] != 0 {
		t.Errorf("%+v", report)
	}
}

// A question that takes too long is not asked again for each task.
func TestStatementTimeout(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 5)
	f := followtest.Start(t, url, nil)
	f.Reach(t, conn)
	followtest.Exec(t, conn, `ALTER FUNCTION get_task_execution_context RENAME TO slow_inner`,
		`CREATE FUNCTION get_task_execution_context(id bigint) RETURNS SETOF record LANGUAGE sql AS 'SELECT NULL FROM pg_sleep(30)'`)
	followtest.Exec(t, conn, `DROP FUNCTION get_task_execution_context`, `DO $$ BEGIN
		EXECUTE replace(pg_get_functiondef('slow_inner'::regproc), 'slow_inner', 'get_task_execution_context'); END $$`,
		`DO $$ DECLARE body text := pg_get_functiondef('get_task_execution_context'::regproc); BEGIN
		EXECUTE regexp_replace(body, 'BEGIN', 'BEGIN PERFORM pg_sleep(30);'); END $$`)
	started := time.Now()
	report := pass(t, verify.New(asking, f, verify.Options{Schema: "public", StatementTimeout: 300 * time.Millisecond}))
	if report.Skipped["get_task_execution_context took longer than the statement timeout"] != 1 || report.DifferenceCount != 0 || report.Compared != 5 {
		t.Errorf("%+v", report)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Samples of passes after each other are of different tasks, and of all in turn.
func TestSamples(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 7)
	x := followTampered(t, url)
	v := verify.New(asking, x, verify.Options{Schema: "public", MaxTasks: 3, BatchTasks: 2})
	x.lie(func(c tasker.Change) []tasker.Change {
		c.Task.NamedTaskID = 2
		return []tasker.Change{c}
	})
	followtest.Exec(t, conn, `UPDATE tasker_tasks SET complete = true`)
	x.reach(t, flushed(t, conn))
	x.lie(nil)
	found := map[int64]bool{}
	total := &verify.Report{}
	for range 3 {
		report := pass(t, v)
		total.Merge(report, 5)
		if report.Tasks != 7 || report.Asked > 3 || report.Compared != report.Asked {
			t.Errorf("%+v", report)
		}
		for _, d := range report.Differences {
			found[d.TaskID] = true
		}
	}
	delete(found, 0)
	if len(found) != 7 || total.Compared != 7 || len(total.Differences) != 5 || total.DifferenceCount < 14 {
		t.Errorf("tasks %v; %+v", found, total)
	}
	var text strings.Builder
	if err := total.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"named_task_id: database 1, index 2", fmt.Sprintf("and %d more differences", total.DifferenceCount-5), "7 of 7 tasks compared"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in:\n%s", want, text.String())
		}
	}
}

// A connection that is lost, or an index that does not follow, is an error and
// no difference.
func TestWhatEndsAPass(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 2)
	f := followtest.Start(t, url, nil)
	f.Stop()
	followtest.Exec(t, conn, `UPDATE tasker_tasks SET complete = true`)
	v := verify.New(asking, f, verify.Options{Schema: "public", ApplyTimeout: 100 * time.Millisecond})
	report, err := v.Pass(t.Context())
	if err == nil || !strings.Contains(err.Error(), "until the index has applied") || report.DifferenceCount != 0 || report.Compared != 0 {
		t.Errorf("%v; %+v", err, report)
	}
	followtest.Exec(t, conn, fmt.Sprintf(`SELECT pg_terminate_backend(%d)`, asking.PgConn().PID()))
	if report, err = v.Pass(t.Context()); err == nil || report.DifferenceCount != 0 {
		t.Errorf("%v; %+v", err, report)
	}
	if _, err := verify.New(conn, &tampered{}, verify.Options{Schema: "public"}).Pass(t.Context()); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Error(err)
	}
}
