package follow_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// compareRest compares, at a quiet point, what a verifier does not ask: ready
// steps over all tasks, reasons, steps whose task is missing, the slowest.
func compareRest(t *testing.T, conn *pgx.Conn, view *readiness.View, result *outcome) (found []string) {
	t.Helper()
	differ := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	tasks, steps := idsOf(t, conn, `SELECT task_id FROM tasker_tasks UNION SELECT task_id FROM tasker_workflow_steps ORDER BY 1`),
		idsOf(t, conn, `SELECT workflow_step_id FROM tasker_workflow_steps ORDER BY 1`)
	err := engine.New(conn, engine.Options{}).In(t.Context(), func(s *engine.Snapshot) error {
		_, now, err := s.Visibility(t.Context())
		if err != nil {
			return err
		}
		ready := map[int64]bool{}
		answered := map[int64]bool{} // the tasks for which the function does not fail
		named := map[int64]bool{}    // the steps that have a row
		for _, id := range tasks {
			rows, err := s.StepReadiness(t.Context(), id, nil)
			if errors.Is(err, tasker.ErrFunctionFails) {
				result.failing++
				continue
			}
			if err != nil {
				return err
			}
			answered[id] = true
			if diff := gocmp.Diff(rows, view.StepReadiness(id, nil, now), nilIsEmpty); diff != "" {
				differ("steps of task %d: database (-), index (+):\n%s", id, diff)
			}
			for _, r := range rows {
				named[r.WorkflowStepID] = true
				if r.ReadyForExecution {
					ready[r.WorkflowStepID] = true
				}
			}
		}
		result.ready += len(ready)
		if len(answered) == len(tasks) && view.ReadyCount(now) != len(ready) {
			differ("ready steps: database %d, index counts %d", len(ready), view.ReadyCount(now))
		}
		list := view.ReadySteps(now, 1<<30, nil)
		if !slices.IsSortedFunc(list, func(a, b tasker.ReadyStep) int {
			return cmp.Or(cmp.Compare(a.ReadySince, b.ReadySince), cmp.Compare(a.WorkflowStepID, b.WorkflowStepID))
		}) {
			differ("ready steps are not in order: %v", list)
		}
		listed := map[int64]bool{}
		for _, r := range list {
			if listed[r.WorkflowStepID] {
				differ("step %d is listed twice among the ready ones", r.WorkflowStepID)
			}
			listed[r.WorkflowStepID] = true
			if answered[r.TaskID] && !ready[r.WorkflowStepID] {
				differ("step %d (task %d) is listed among the ready ones, and is not ready", r.WorkflowStepID, r.TaskID)
			}
		}
		for id := range ready {
			if !listed[id] {
				differ("step %d is ready, and not listed among the ready ones", id)
			}
		}
		for _, id := range steps {
			r, ok := view.Reasons(id, now, 100)
			switch {
			case !ok:
				differ("step %d is not known", id)
			case r.ReadyForExecution != listed[id] || r.ReadyForExecution != (len(r.Reasons) == 0):
				differ("step %d: listed as ready %t, ready %t, reasons %v", id, listed[id], r.ReadyForExecution, r.Reasons)
			case answered[r.TaskID] && !named[id] && !slices.ContainsFunc(r.Reasons, func(r tasker.Reason) bool { return r.Code == tasker.ReasonNoNamedStep }):
				differ("step %d has no row, and no reason says why: %v", id, r.Reasons)
			}
		}
		filter := tasker.SlowestFilter{Since: tasker.PostgresEpoch, Limit: 1 << 30}
		slowTasks, err := s.SlowestTasks(t.Context(), filter)
		if err != nil {
			return err
		}
		if diff := gocmp.Diff(slowTasks, view.SlowestTasks(filter, now), nilIsEmpty); diff != "" {
			differ("slowest tasks: database (-), index (+):\n%s", diff)
		}
		slowSteps, err := s.SlowestSteps(t.Context(), filter)
		if err != nil {
			return err
		}
		if diff := gocmp.Diff(slowSteps, view.SlowestSteps(filter, now), nilIsEmpty); diff != "" {
			differ("slowest steps: database (-), index (+):\n%s", diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// compareViews compares what was followed with what was loaded, at one position
// or where nothing lies between.
func compareViews(followed, loaded *readiness.View) (found []string) {
	differ := func(what string, x, y any) {
		if diff := gocmp.Diff(x, y, nilIsEmpty); diff != "" {
			found = append(found, fmt.Sprintf("%s: followed (-), loaded (+):\n%s", what, diff))
		}
	}
	now := max(followed.CommitTime(), loaded.CommitTime())
	var ids, again []int64
	followed.Tasks(func(id int64) bool { ids = append(ids, id); return true })
	loaded.Tasks(func(id int64) bool { again = append(again, id); return true })
	slices.Sort(ids)
	slices.Sort(again)
	differ("tasks", ids, again)
	for _, id := range ids {
		what := fmt.Sprintf("task %d: ", id)
		differ(what+"steps", followed.StepReadiness(id, nil, now), loaded.StepReadiness(id, nil, now))
		differ(what+"levels", followed.DependencyLevels(id), loaded.DependencyLevels(id))
		differ(what+"cycles", followed.Cycles(id), loaded.Cycles(id))
	}
	differ("contexts", followed.TaskExecutionContexts(ids, now), loaded.TaskExecutionContexts(ids, now))
	differ("graph", followed.StepDAGRelationships(nil), loaded.StepDAGRelationships(nil))
	differ("health", followed.SystemHealthCounts(), loaded.SystemHealthCounts())
	differ("analytics", followed.AnalyticsMetrics(tasker.PostgresEpoch, now), loaded.AnalyticsMetrics(tasker.PostgresEpoch, now))
	differ("reasons", followed.Blocked(now), loaded.Blocked(now))
	a, b := followed.Stats(), loaded.Stats()
	a.Bytes, b.Bytes = 0, 0
	a.StatesOutsideOfMachine, b.StatesOutsideOfMachine = 0, 0 // of all that were ever seen
	differ("stats", a, b)
	return found
}

var nilIsEmpty = cmpopts.EquateEmpty()

func idsOf(t *testing.T, conn *pgx.Conn, sql string) []int64 {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// slowestSQL replaces the two functions that fail in the engine by working
// ones. Where a time is infinite a duration is 0.
var slowestSQL = []string{
	`DROP FUNCTION get_slowest_tasks_v01; CREATE FUNCTION get_slowest_tasks_v01(since timestamptz, most integer, text, text, text)
	RETURNS TABLE (task_id bigint, task_name varchar, namespace_name varchar, version varchar, duration_seconds numeric, step_count bigint,
		completed_steps bigint, error_steps bigint, created_at timestamptz, completed_at timestamptz, initiator varchar, source_system varchar)
	LANGUAGE sql AS $$
		SELECT t.task_id, nt.name, ns.name, nt.version,
			CASE WHEN isfinite(t.created_at) AND isfinite(s.last) THEN round(extract(epoch FROM s.last - t.created_at), 3) ELSE 0 END AS duration,
			s.steps, s.complete, s.error, t.created_at AT TIME ZONE 'UTC', s.last AT TIME ZONE 'UTC', t.initiator, t.source_system
		FROM tasker_tasks t
		JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
		JOIN tasker_task_namespaces ns ON ns.task_namespace_id = nt.task_namespace_id
		CROSS JOIN LATERAL (
			SELECT count(*) AS steps, count(*) FILTER (WHERE x.to_state = 'complete') AS complete, count(*) FILTER (WHERE x.to_state = 'error') AS error,
				max(x.created_at) FILTER (WHERE x.to_state IN ('complete', 'error')) AS last
			FROM tasker_workflow_steps w
			LEFT JOIN tasker_workflow_step_transitions x ON x.workflow_step_id = w.workflow_step_id AND x.most_recent
			WHERE w.task_id = t.task_id
		) s
		WHERE t.created_at > since AT TIME ZONE 'UTC' AND s.last IS NOT NULL
		ORDER BY duration DESC, t.task_id LIMIT most $$`,
	`DROP FUNCTION get_slowest_steps_v01; CREATE FUNCTION get_slowest_steps_v01(since timestamptz, most integer, text, text, text)
	RETURNS TABLE (workflow_step_id bigint, task_id bigint, step_name varchar, task_name varchar, namespace_name varchar, version varchar,
		duration_seconds numeric, attempts integer, created_at timestamptz, completed_at timestamptz, retryable boolean, step_status varchar)
	LANGUAGE sql AS $$
		SELECT w.workflow_step_id, w.task_id, n.name, nt.name, ns.name, nt.version,
			CASE WHEN isfinite(w.created_at) AND isfinite(x.created_at) THEN round(extract(epoch FROM x.created_at - w.created_at), 3) ELSE 0 END AS duration,
			w.attempts, w.created_at AT TIME ZONE 'UTC', x.created_at AT TIME ZONE 'UTC', w.retryable, x.to_state
		FROM tasker_workflow_steps w
		JOIN tasker_named_steps n ON n.named_step_id = w.named_step_id
		JOIN tasker_tasks t ON t.task_id = w.task_id
		JOIN tasker_named_tasks nt ON nt.named_task_id = t.named_task_id
		JOIN tasker_task_namespaces ns ON ns.task_namespace_id = nt.task_namespace_id
		JOIN tasker_workflow_step_transitions x ON x.workflow_step_id = w.workflow_step_id AND x.most_recent AND x.to_state = 'complete'
		WHERE w.created_at > since AT TIME ZONE 'UTC'
			AND isfinite(w.created_at) AND isfinite(x.created_at) AND round(extract(epoch FROM x.created_at - w.created_at), 3) > 0
		ORDER BY duration DESC, w.workflow_step_id LIMIT most $$`,
}
