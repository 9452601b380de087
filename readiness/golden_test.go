package readiness_test

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const golden = "../sql/testdata/golden"

// goldenNow lies between the two years in which all golden times are.
var goldenNow = timestamp("2026-06-01 00:00:00")

// table reads a CSV file into rows by column.
func table(t testing.TB, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(golden, path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, r := range all[1:] {
		row := map[string]string{}
		for i, c := range all[0] {
			row[c] = r[i]
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s holds no row", path)
	}
	return rows
}

func timestamp(s string) tasker.Timestamp {
	if s == "" {
		return tasker.NoTime
	}
	v, err := time.Parse("2006-01-02 15:04:05.999999", strings.TrimSuffix(s, "+00"))
	if err != nil {
		panic(err)
	}
	return tasker.TimestampOf(v)
}

func integer(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func integer32(s string) int32 { return int32(integer(s)) }

func nullInteger(s string) tasker.Null[int32] {
	if s == "" {
		return tasker.Null[int32]{}
	}
	return tasker.Some(integer32(s))
}

func nullText(s string) tasker.Null[string] {
	if s == "" {
		return tasker.Null[string]{}
	}
	return tasker.Some(s)
}

func printed(t tasker.Timestamp) string {
	if t == tasker.NoTime {
		return ""
	}
	return t.Time().Format("2006-01-02 15:04:05.999999")
}

func printedInt(n tasker.Null[int32]) string {
	if !n.Valid {
		return ""
	}
	return strconv.Itoa(int(n.V))
}

func printedBool(b bool) string { return map[bool]string{true: "t", false: "f"}[b] }

func printedList(ids []int64) string {
	return strings.ReplaceAll(fmt.Sprint(ids), " ", ", ")
}

// goldenRows are the rows of all followed tables.
func goldenRows(t testing.TB) []*tasker.Rows {
	spaces := &tasker.Rows{Table: tasker.TaskNamespaces}
	for _, r := range table(t, "tasker_task_namespaces.csv") {
		spaces.TaskNamespaces = append(spaces.TaskNamespaces, tasker.TaskNamespace{
			TaskNamespaceID: integer32(r["task_namespace_id"]), Name: r["name"],
		})
	}
	namedTasks := &tasker.Rows{Table: tasker.NamedTasks}
	for _, r := range table(t, "tasker_named_tasks.csv") {
		namedTasks.NamedTasks = append(namedTasks.NamedTasks, tasker.NamedTask{
			NamedTaskID: integer32(r["named_task_id"]), Name: r["name"],
			TaskNamespaceID: integer(r["task_namespace_id"]), Version: r["version"],
		})
	}
	namedSteps := &tasker.Rows{Table: tasker.NamedSteps}
	for _, r := range table(t, "tasker_named_steps.csv") {
		namedSteps.NamedSteps = append(namedSteps.NamedSteps, tasker.NamedStep{
			NamedStepID: integer32(r["named_step_id"]), Name: r["name"],
		})
	}
	tasks := &tasker.Rows{Table: tasker.Tasks}
	for _, r := range table(t, "tasker_tasks.csv") {
		tasks.Tasks = append(tasks.Tasks, tasker.Task{
			TaskID: integer(r["task_id"]), NamedTaskID: integer32(r["named_task_id"]), Complete: r["complete"] == "t",
			Initiator: nullText(r["initiator"]), SourceSystem: nullText(r["source_system"]),
			CreatedAt: timestamp(r["created_at"]),
		})
	}
	steps := &tasker.Rows{Table: tasker.WorkflowSteps}
	for _, r := range table(t, "tasker_workflow_steps.csv") {
		steps.WorkflowSteps = append(steps.WorkflowSteps, tasker.WorkflowStep{
			WorkflowStepID: integer(r["workflow_step_id"]), TaskID: integer(r["task_id"]),
			NamedStepID: integer32(r["named_step_id"]), Retryable: r["retryable"] == "t",
			RetryLimit: nullInteger(r["retry_limit"]), InProcess: r["in_process"] == "t",
			Processed: r["processed"] == "t", ProcessedAt: timestamp(r["processed_at"]),
			Attempts: nullInteger(r["attempts"]), LastAttemptedAt: timestamp(r["last_attempted_at"]),
			BackoffRequestSeconds: nullInteger(r["backoff_request_seconds"]), CreatedAt: timestamp(r["created_at"]),
		})
	}
	edges := &tasker.Rows{Table: tasker.WorkflowStepEdges}
	for _, r := range table(t, "tasker_workflow_step_edges.csv") {
		edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{
			ID: integer(r["id"]), FromStepID: integer(r["from_step_id"]), ToStepID: integer(r["to_step_id"]),
		})
	}
	transitions := func(file, parent string) (list []tasker.Transition) {
		for _, r := range table(t, file) {
			list = append(list, tasker.Transition{
				ID: integer(r["id"]), ToState: r["to_state"], MostRecent: r["most_recent"] == "t",
				ParentID: integer(r[parent]), CreatedAt: timestamp(r["created_at"]),
			})
		}
		return list
	}
	return []*tasker.Rows{
		spaces, namedTasks, namedSteps, tasks, steps, edges,
		{Table: tasker.TaskTransitions, TaskTransitions: transitions("tasker_task_transitions.csv", "task_id")},
		{Table: tasker.WorkflowStepTransitions, WorkflowStepTransitions: transitions("tasker_workflow_step_transitions.csv", "workflow_step_id")},
	}
}

// tester is what tests, benchmarks and property tests have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
}

// load makes an index of rows.
func load(t tester, rows []*tasker.Rows, rules tasker.Rules, at readiness.Position) *readiness.Index {
	t.Helper()
	l := readiness.NewLoad(readiness.Options{Rules: rules})
	for _, r := range rows {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	x, err := l.Finish(at)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func stepRows(list []tasker.StepReadiness) (rows []map[string]string) {
	for _, r := range list {
		rows = append(rows, map[string]string{
			"workflow_step_id": fmt.Sprint(r.WorkflowStepID), "task_id": fmt.Sprint(r.TaskID),
			"named_step_id": fmt.Sprint(r.NamedStepID), "name": r.Name, "current_state": r.CurrentState,
			"dependencies_satisfied": printedBool(r.DependenciesSatisfied),
			"retry_eligible":         printedBool(r.RetryEligible),
			"ready_for_execution":    printedBool(r.ReadyForExecution),
			"last_failure_at":        printed(r.LastFailureAt), "next_retry_at": printed(r.NextRetryAt),
			"total_parents": fmt.Sprint(r.TotalParents), "completed_parents": fmt.Sprint(r.CompletedParents),
			"attempts": printedInt(r.Attempts), "retry_limit": fmt.Sprint(r.RetryLimit),
			"backoff_request_seconds": printedInt(r.BackoffRequestSeconds), "last_attempted_at": printed(r.LastAttemptedAt),
		})
	}
	return rows
}

func contextRows(list []tasker.TaskExecutionContext) (rows []map[string]string) {
	for _, r := range list {
		rows = append(rows, map[string]string{
			"task_id": fmt.Sprint(r.TaskID), "named_task_id": fmt.Sprint(r.NamedTaskID), "status": r.Status,
			"total_steps": fmt.Sprint(r.TotalSteps), "pending_steps": fmt.Sprint(r.PendingSteps),
			"in_progress_steps": fmt.Sprint(r.InProgressSteps), "completed_steps": fmt.Sprint(r.CompletedSteps),
			"failed_steps": fmt.Sprint(r.FailedSteps), "ready_steps": fmt.Sprint(r.ReadySteps),
			"execution_status": r.ExecutionStatus, "recommended_action": r.RecommendedAction,
			"completion_percentage": r.CompletionPercentage.String(), "health_status": r.HealthStatus,
		})
	}
	return rows
}

func analyticsRow(r tasker.AnalyticsMetrics) []map[string]string {
	return []map[string]string{{
		"active_tasks_count":      fmt.Sprint(r.ActiveTasksCount),
		"total_namespaces_count":  fmt.Sprint(r.TotalNamespacesCount),
		"unique_task_types_count": fmt.Sprint(r.UniqueTaskTypesCount),
		"system_health_score":     r.SystemHealthScore.String(), "task_throughput": fmt.Sprint(r.TaskThroughput),
		"completion_count": fmt.Sprint(r.CompletionCount), "error_count": fmt.Sprint(r.ErrorCount),
		"completion_rate": r.CompletionRate.String(), "error_rate": r.ErrorRate.String(),
		"avg_task_duration": r.AvgTaskDuration.String(), "avg_step_duration": r.AvgStepDuration.String(),
		"step_throughput": fmt.Sprint(r.StepThroughput),
	}}
}

// same compares rows with a golden file, row by row in its order.
func same(t *testing.T, file string, got []map[string]string) {
	t.Helper()
	want := table(t, file)
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", file, len(got), len(want))
	}
	different := 0
	for i := range min(len(got), len(want)) {
		if len(got[i]) != len(want[i]) {
			t.Fatalf("%s: %d columns, want %d", file, len(got[i]), len(want[i]))
		}
		for c, w := range want[i] {
			if g := got[i][c]; g != w {
				if different++; different <= 10 {
					t.Errorf("%s row %d: %s is %q, want %q (%v)", file, i+1, c, g, w, want[i])
				}
			}
		}
	}
	if different > 10 {
		t.Errorf("%s: %d values differ", file, different)
	}
}

// matchesGolden compares every answer of a view with the expected files.
func matchesGolden(t *testing.T, v *readiness.View, now tasker.Timestamp) {
	t.Helper()
	directory := map[tasker.Rules]string{tasker.RulesV01: "v01/", tasker.RulesV02: "expected/"}[v.Rules()]
	var tasks []int64
	v.Tasks(func(id int64) bool { tasks = append(tasks, id); return true })
	if len(tasks) != 250 {
		t.Fatalf("%d tasks, want 250", len(tasks))
	}
	var steps []tasker.StepReadiness
	var contexts []tasker.TaskExecutionContext
	var levels []map[string]string
	for _, id := range tasks {
		rows := v.StepReadiness(id, nil, now)
		steps = append(steps, rows...)
		c, ok := v.TaskExecutionContext(id, now)
		if !ok {
			t.Errorf("task %d has no context", id)
		}
		contexts = append(contexts, c)
		for _, l := range v.DependencyLevels(id) {
			levels = append(levels, map[string]string{
				"task_id": fmt.Sprint(id), "workflow_step_id": fmt.Sprint(l.WorkflowStepID),
				"dependency_level": fmt.Sprint(l.DependencyLevel),
			})
		}
	}
	byStep := sortedBy(stepRows(steps), "workflow_step_id")
	same(t, directory+"get_step_readiness_status.csv", byStep)
	same(t, directory+"get_step_readiness_status_batch.csv", stepRows(v.StepReadinessBatch(tasks, now)))
	same(t, directory+"get_task_execution_context.csv", contextRows(contexts))
	same(t, directory+"get_task_execution_contexts_batch.csv", contextRows(v.TaskExecutionContexts(tasks, now)))
	same(t, "expected/calculate_dependency_levels.csv", sortedBy(levels, "task_id", "workflow_step_id"))
	h := v.SystemHealthCounts()
	same(t, "expected/get_system_health_counts_v01.csv", []map[string]string{{
		"total_tasks": fmt.Sprint(h.TotalTasks), "pending_tasks": fmt.Sprint(h.PendingTasks),
		"in_progress_tasks": fmt.Sprint(h.InProgressTasks), "complete_tasks": fmt.Sprint(h.CompleteTasks),
		"error_tasks": fmt.Sprint(h.ErrorTasks), "cancelled_tasks": fmt.Sprint(h.CancelledTasks),
		"total_steps": fmt.Sprint(h.TotalSteps), "pending_steps": fmt.Sprint(h.PendingSteps),
		"in_progress_steps": fmt.Sprint(h.InProgressSteps), "complete_steps": fmt.Sprint(h.CompleteSteps),
		"error_steps": fmt.Sprint(h.ErrorSteps), "retryable_error_steps": fmt.Sprint(h.RetryableErrorSteps),
		"exhausted_retry_steps": fmt.Sprint(h.ExhaustedRetrySteps), "in_backoff_steps": fmt.Sprint(h.InBackoffSteps),
	}})
	since := timestamp("2000-01-01 00:00:00")
	same(t, "expected/get_analytics_metrics_v01.csv", analyticsRow(v.AnalyticsMetrics(since, now)))
	same(t, "expected/get_analytics_metrics_v01_last_hour.csv", analyticsRow(v.AnalyticsMetrics(tasker.NoTime, now)))
	slowestGolden(t, v, tasker.SlowestFilter{Since: since, Limit: 50}, now)
	var dag []map[string]string
	for _, r := range v.StepDAGRelationships(nil) {
		dag = append(dag, map[string]string{
			"workflow_step_id": fmt.Sprint(r.WorkflowStepID), "task_id": fmt.Sprint(r.TaskID),
			"named_step_id": fmt.Sprint(r.NamedStepID), "parent_step_ids": printedList(r.ParentStepIDs),
			"child_step_ids": printedList(r.ChildStepIDs), "parent_count": fmt.Sprint(r.ParentCount),
			"child_count": fmt.Sprint(r.ChildCount), "is_root_step": printedBool(r.IsRootStep),
			"is_leaf_step": printedBool(r.IsLeafStep), "min_depth_from_root": printedInt(r.MinDepthFromRoot),
		})
	}
	same(t, "expected/tasker_step_dag_relationships.csv", dag)
}

func slowestGolden(t *testing.T, v *readiness.View, f tasker.SlowestFilter, now tasker.Timestamp) {
	t.Helper()
	var tasks, steps []map[string]string
	for _, r := range v.SlowestTasks(f, now) {
		tasks = append(tasks, map[string]string{
			"task_id": fmt.Sprint(r.TaskID), "task_name": r.TaskName, "namespace_name": r.NamespaceName,
			"version": r.Version, "duration_seconds": r.DurationSeconds.String(), "step_count": fmt.Sprint(r.StepCount),
			"completed_steps": fmt.Sprint(r.CompletedSteps), "error_steps": fmt.Sprint(r.ErrorSteps),
			"created_at": printed(r.CreatedAt) + "+00", "completed_at": printed(r.CompletedAt) + "+00",
			"initiator": r.Initiator.V, "source_system": r.SourceSystem.V,
		})
	}
	for _, r := range v.SlowestSteps(f, now) {
		steps = append(steps, map[string]string{
			"workflow_step_id": fmt.Sprint(r.WorkflowStepID), "task_id": fmt.Sprint(r.TaskID), "step_name": r.StepName,
			"task_name": r.TaskName, "namespace_name": r.NamespaceName, "version": r.Version,
			"duration_seconds": r.DurationSeconds.String(), "attempts": printedInt(r.Attempts),
			"created_at": printed(r.CreatedAt) + "+00", "completed_at": printed(r.CompletedAt) + "+00",
			"retryable": printedBool(r.Retryable), "step_status": r.StepStatus,
		})
	}
	same(t, "expected/get_slowest_tasks_v01.csv", tasks)
	same(t, "expected/get_slowest_steps_v01.csv", steps)
}

func sortedBy(rows []map[string]string, columns ...string) []map[string]string {
	slices.SortFunc(rows, func(a, b map[string]string) int {
		for _, c := range columns {
			if d := cmp.Compare(integer(a[c]), integer(b[c])); d != 0 {
				return d
			}
		}
		return 0
	})
	return rows
}

func TestGoldenLoaded(t *testing.T) {
	rows := goldenRows(t)
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		t.Run(rules.String(), func(t *testing.T) {
			x := load(t, rows, rules, readiness.Position{LSN: 1, Time: goldenNow})
			matchesGolden(t, x.View(), goldenNow)
		})
	}
	t.Run("rules exchanged", func(t *testing.T) {
		x := load(t, rows, tasker.RulesV02, readiness.Position{LSN: 1, Time: goldenNow})
		x.SetRules(tasker.RulesV01)
		matchesGolden(t, x.View(), goldenNow)
		x.SetRules(tasker.RulesV02)
		matchesGolden(t, x.View(), goldenNow)
	})
}

// TestGoldenApplied inserts the rows one by one, in any order and in
// transactions of any size.
func TestGoldenApplied(t *testing.T) {
	changes := inserts(goldenRows(t))
	for seed := range uint64(6) {
		rules := tasker.RulesV02
		if seed%2 == 1 {
			rules = tasker.RulesV01
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
			x := load(t, nil, rules, readiness.Position{LSN: 1, Time: goldenNow})
			lsn := tasker.LSN(1)
			for rest := changes; len(rest) > 0; {
				k := min(len(rest), 1+random.IntN(200))
				x.Begin(1, goldenNow)
				for i := range rest[:k] {
					if err := x.Apply(&rest[i]); err != nil {
						t.Fatal(err)
					}
				}
				lsn++
				x.Commit(lsn)
				if random.IntN(3) == 0 {
					x.Publish()
				}
				rest = rest[k:]
			}
			x.Publish()
			if x.View().LSN() != lsn {
				t.Errorf("the view is at %s, want %s", x.View().LSN(), lsn)
			}
			matchesGolden(t, x.View(), goldenNow)
		})
	}
}

// inserts turns rows into the changes that insert them.
func inserts(tables []*tasker.Rows) (list []tasker.Change) {
	for _, rows := range tables {
		for i := range rows.Len() {
			c := tasker.Change{Table: rows.Table, Op: tasker.Insert}
			switch rows.Table {
			case tasker.TaskNamespaces:
				c.TaskNamespace = rows.TaskNamespaces[i]
				c.Key = int64(c.TaskNamespace.TaskNamespaceID)
			case tasker.NamedTasks:
				c.NamedTask = rows.NamedTasks[i]
				c.Key = int64(c.NamedTask.NamedTaskID)
			case tasker.NamedSteps:
				c.NamedStep = rows.NamedSteps[i]
				c.Key = int64(c.NamedStep.NamedStepID)
			case tasker.Tasks:
				c.Task = rows.Tasks[i]
				c.Key = c.Task.TaskID
			case tasker.WorkflowSteps:
				c.WorkflowStep = rows.WorkflowSteps[i]
				c.Key = c.WorkflowStep.WorkflowStepID
			case tasker.WorkflowStepEdges:
				c.WorkflowStepEdge = rows.WorkflowStepEdges[i]
				c.Key = c.WorkflowStepEdge.ID
			case tasker.TaskTransitions:
				c.TaskTransition = rows.TaskTransitions[i]
				c.Key = c.TaskTransition.ID
			case tasker.WorkflowStepTransitions:
				c.WorkflowStepTransition = rows.WorkflowStepTransitions[i]
				c.Key = c.WorkflowStepTransition.ID
			}
			c.OldKey = c.Key
			list = append(list, c)
		}
	}
	return list
}
