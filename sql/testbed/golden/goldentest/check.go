// Package goldentest holds whatever answers against the golden files.
package goldentest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Equal compares an answer with the golden one of the name.
func Equal[T any](t testing.TB, rules tasker.Rules, name string, got []T, err error, options ...cmp.Option) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	want, err := golden.Expected[T](rules, name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s: golden (-), answered (+):\n%s", name, diff)
	}
}

// TaskIDs are the tasks of the golden data.
func TaskIDs(t testing.TB) []int64 {
	t.Helper()
	contexts, err := golden.Expected[tasker.TaskExecutionContext](tasker.RulesV02, "get_task_execution_context")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, c := range contexts {
		ids = append(ids, c.TaskID)
	}
	return ids
}

// Check asks db all questions but for the slowest, single and in batches, and
// compares the answers with those of the engine.
func Check(t testing.TB, rules tasker.Rules, db tasker.Answerer) {
	ctx, ids := t.Context(), TaskIDs(t)

	var steps []tasker.StepReadiness
	var contexts []tasker.TaskExecutionContext
	var levels []golden.DependencyLevel
	for _, id := range ids {
		of, err := db.StepReadiness(ctx, id, nil)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, of...)
		c, err := db.TaskExecutionContext(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		contexts = append(contexts, c)
		ls, err := db.DependencyLevels(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(ls, func(a, b tasker.DependencyLevel) int {
			if d := int(a.DependencyLevel - b.DependencyLevel); d != 0 {
				return d
			}
			return int(a.WorkflowStepID - b.WorkflowStepID)
		}) {
			t.Errorf("levels of task %d are not ordered: %v", id, ls)
		}
		slices.SortFunc(ls, func(a, b tasker.DependencyLevel) int { return int(a.WorkflowStepID - b.WorkflowStepID) })
		for _, l := range ls {
			levels = append(levels, golden.DependencyLevel{TaskID: id, WorkflowStepID: l.WorkflowStepID, DependencyLevel: l.DependencyLevel})
		}
	}
	byStep := cmpopts.SortSlices(func(a, b tasker.StepReadiness) bool { return a.WorkflowStepID < b.WorkflowStepID })
	Equal(t, rules, "get_step_readiness_status", steps, nil, byStep)
	Equal(t, rules, "get_task_execution_context", contexts, nil)
	Equal(t, rules, "calculate_dependency_levels", levels, nil)

	batch, err := db.StepReadinessBatch(ctx, ids)
	Equal(t, rules, "get_step_readiness_status_batch", batch, err)
	contexts, err = db.TaskExecutionContexts(ctx, ids)
	Equal(t, rules, "get_task_execution_contexts_batch", contexts, err)
	view, err := db.StepDAGRelationships(ctx, nil)
	Equal(t, rules, "tasker_step_dag_relationships", view, err)
	counts, err := db.SystemHealthCounts(ctx)
	if counts.ActiveConnections.V < 1 || counts.MaxConnections.V < 1 {
		t.Errorf("connections: %+v", counts)
	}
	Equal(t, rules, "get_system_health_counts_v01", []tasker.SystemHealthCounts{counts}, err,
		cmpopts.IgnoreFields(tasker.SystemHealthCounts{}, "ActiveConnections", "MaxConnections"))

	const since tasker.Timestamp = tasker.PostgresEpoch // 2000-01-01
	session := cmpopts.IgnoreFields(tasker.AnalyticsMetrics{}, "AnalysisPeriodStart", "CalculatedAt")
	metrics, err := db.AnalyticsMetrics(ctx, since)
	if metrics.AnalysisPeriodStart != since {
		t.Errorf("period start %v, want %v", metrics.AnalysisPeriodStart, since)
	}
	Equal(t, rules, "get_analytics_metrics_v01", []tasker.AnalyticsMetrics{metrics}, err, session)
	metrics, err = db.AnalyticsMetrics(ctx, tasker.NoTime)
	if got := metrics.CalculatedAt.Sub(metrics.AnalysisPeriodStart).Hours(); got != 1 {
		t.Errorf("period of %v hours, want 1", got)
	}
	Equal(t, rules, "get_analytics_metrics_v01_last_hour", []tasker.AnalyticsMetrics{metrics}, err, session)
}
