package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// tasks writes n tasks of three steps in a chain, of which the first is
// complete: the steps of task 10 are 101, 102, 103.
func tasks(t *testing.T, conn *pgx.Conn, n int) {
	t.Helper()
	followtest.Exec(t, conn,
		`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now())`,
		`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) SELECT i, 1, 'step ' || i, now(), now() FROM generate_series(1, 9) i`)
	for id := 10; id < 10+n; id++ {
		task(t, conn, id)
	}
}

func task(t *testing.T, conn *pgx.Conn, id int) {
	t.Helper()
	followtest.Exec(t, conn, fmt.Sprintf(`BEGIN;
		INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) VALUES (%[1]d, 1, now(), 'h%[1]d', now(), now());
		INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, attempts, created_at, updated_at)
			SELECT %[1]d * 10 + i, %[1]d, i, 0, now(), now() FROM generate_series(1, 3) i;
		INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at)
			SELECT %[1]d * 10 + i, %[1]d * 10 + i, %[1]d * 10 + i + 1, 'provides', now(), now() FROM generate_series(1, 2) i;
		INSERT INTO tasker_workflow_step_transitions (id, to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
			VALUES (%[1]d * 10, 'complete', 10, true, %[1]d * 10 + 1, now(), now());
		COMMIT`, id))
}

func pass(t *testing.T, v *verify.Verifier) *verify.Report {
	t.Helper()
	report, err := v.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.DifferenceCount != len(report.Differences) {
		t.Fatalf("%d differences, %d of them listed", report.DifferenceCount, len(report.Differences))
	}
	return report
}

// clean checks that everything was compared and nothing differs.
func clean(t *testing.T, r *verify.Report, tasks int) {
	t.Helper()
	for _, d := range r.Differences {
		t.Error(d)
	}
	if r.Tasks != tasks || r.Asked != tasks || r.Compared != tasks || r.Undecided != 0 || !r.Whole || len(r.Failing) != 0 || len(r.Skipped) != 0 || r.AsOfLSN == 0 {
		t.Errorf("%+v", r)
	}
}

// TestFindsFaults: each lie that an index is told is found and named.
func TestFindsFaults(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, asking := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 20)
	x := followTampered(t, url)
	v := verify.New(asking, x, verify.Options{Schema: "public", KeepDifferences: 1000})
	clean(t, pass(t, v), 20)

	id := 9
	known := 0 // differences of the cases before
	for _, c := range []struct {
		name, sql string
		lie       func(c tasker.Change) []tasker.Change
		// want are "question step field" of what has to be found, the task's
		// number written as T; step 0 for the task itself.
		want []string
	}{
		{"a state", `INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES ('in_progress', 10, true, T2, now(), now())`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStepTransition.ToState = "error"
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T2 current_state", "get_step_readiness_status_batch T2 current_state", "get_task_execution_context 0 failed_steps",
				"get_task_execution_contexts_batch 0 in_progress_steps", "get_system_health_counts_v01 0 error_steps"}},
		{"attempts", `UPDATE tasker_workflow_steps SET attempts = 2 WHERE workflow_step_id = T3`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStep.Attempts = tasker.Some[int32](1)
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T3 attempts"}},
		{"completed parents", `INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at) VALUES (T9, T1, T3, 'provides', now(), now())`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStepEdge.FromStepID++ // to the step that is not complete
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T3 completed_parents", "tasker_step_dag_relationships T3 parent_step_ids"}},
		{"an edge missing", `INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at) VALUES (T9, T1, T3, 'provides', now(), now())`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_step_readiness_status T3 total_parents", "tasker_step_dag_relationships T3 parent_count"}},
		{"an edge still there", `DELETE FROM tasker_workflow_step_edges WHERE id = T2`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_step_readiness_status T3 total_parents", "calculate_dependency_levels T3 dependency_level"}},
		{"a step missing", `INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, created_at, updated_at) VALUES (T4, T, 4, now(), now())`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_step_readiness_status T4 row", "get_task_execution_context 0 total_steps", "calculate_dependency_levels T4 row", "get_system_health_counts_v01 0 total_steps"}},
		{"a step too many", `UPDATE tasker_workflow_steps SET attempts = 1 WHERE workflow_step_id = T3`,
			func(c tasker.Change) []tasker.Change {
				extra := c
				extra.Op, extra.Key, extra.WorkflowStep.WorkflowStepID = tasker.Insert, c.Key+1, c.Key+1
				extra.OldKey = extra.Key
				return []tasker.Change{c, extra}
			},
			[]string{"get_step_readiness_status T4 row", "tasker_step_dag_relationships T4 row"}},
		{"a task missing", `INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) VALUES (T * 100, 1, now(), 'missing', now(), now())`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_task_execution_contexts_batch T00 row", "get_system_health_counts_v01 0 total_tasks"}},
		{"a task too many", `BEGIN; DELETE FROM tasker_workflow_step_edges WHERE id IN (T1, T2); DELETE FROM tasker_workflow_step_transitions WHERE id = T0;
			DELETE FROM tasker_workflow_steps WHERE task_id = T; DELETE FROM tasker_tasks WHERE task_id = T; COMMIT`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_step_readiness_status T1 row", "get_task_execution_context 0 row"}},
		{"an instant", `UPDATE tasker_workflow_steps SET last_attempted_at = now(), backoff_request_seconds = 3600 WHERE workflow_step_id = T2`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStep.LastAttemptedAt = c.WorkflowStep.LastAttemptedAt.Add(time.Microsecond)
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T2 next_retry_at", "get_step_readiness_status T2 last_attempted_at"}},
		{"an instant that has passed", `UPDATE tasker_workflow_steps SET last_attempted_at = now(), backoff_request_seconds = 3600 WHERE workflow_step_id = T2`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStep.LastAttemptedAt = c.WorkflowStep.LastAttemptedAt.Add(-2 * time.Hour)
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T2 ready_for_execution", "get_task_execution_context 0 ready_steps"}},
		{"a name", `UPDATE tasker_workflow_steps SET named_step_id = 8 WHERE workflow_step_id = T2`,
			func(c tasker.Change) []tasker.Change {
				c.WorkflowStep.NamedStepID = 9
				return []tasker.Change{c}
			},
			[]string{"get_step_readiness_status T2 name", "tasker_step_dag_relationships T2 named_step_id"}},
		{"a status", `INSERT INTO tasker_task_transitions (to_state, sort_key, most_recent, task_id, created_at, updated_at) VALUES ('in_progress', 10, true, T, now(), now())`,
			func(tasker.Change) []tasker.Change { return nil },
			[]string{"get_task_execution_context 0 status"}},
	} {
		id++
		t.Run(c.name, func(t *testing.T) {
			in := strings.NewReplacer("T0", fmt.Sprint(id*10), "T1", fmt.Sprint(id*10+1), "T2", fmt.Sprint(id*10+2), "T3", fmt.Sprint(id*10+3), "T4", fmt.Sprint(id*10+4),
				"T9", fmt.Sprint(id*10+9), "T * 100", fmt.Sprint(id*100), "(T4, T,", fmt.Sprintf("(%d, %d,", id*10+4, id), "= T;", fmt.Sprintf("= %d;", id), " T,", fmt.Sprintf(" %d,", id))
			x.lie(c.lie)
			followtest.Exec(t, conn, in.Replace(c.sql))
			x.reach(t, flushed(t, conn))
			x.lie(nil)
			report := pass(t, v)
			if report.DifferenceCount <= known {
				t.Fatalf("no difference was found; %+v", report)
			}
			known = report.DifferenceCount
			if report.Undecided != 0 || !report.Whole {
				t.Errorf("%+v", report)
			}
			found := map[string]bool{}
			for _, d := range report.Differences {
				if d.TaskID == int64(id) || d.TaskID == 0 {
					found[fmt.Sprintf("%s %d %s", d.Question, d.StepID, d.Field)] = true
				}
				if d.TaskID == int64(id)*100 {
					found[fmt.Sprintf("%s T00 %s", d.Question, d.Field)] = true
				}
				if d.TaskID > int64(id) && d.TaskID < 100 {
					t.Errorf("nobody has lied about task %d: %s", d.TaskID, d)
				}
			}
			for _, want := range c.want {
				if want := strings.NewReplacer("T1", fmt.Sprint(id*10+1), "T2", fmt.Sprint(id*10+2), "T3", fmt.Sprint(id*10+3), "T4", fmt.Sprint(id*10+4)).Replace(want); !found[want] {
					t.Errorf("not found: %s, among %v", want, found)
				}
			}
		})
	}
}

func flushed(t *testing.T, conn *pgx.Conn) (lsn string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')::text").Scan(&lsn); err != nil {
		t.Fatal(err)
	}
	return lsn
}
