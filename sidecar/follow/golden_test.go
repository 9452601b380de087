package follow_test

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Every golden file, from the log of a real server: as it was found at the
// start, and as it came while following. Which rules hold is found by asking.
func TestGolden(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		for _, when := range []string{"before", "after"} {
			t.Run(rules.String()+" loaded "+when+" the start", func(t *testing.T) {
				url := followtest.Database(t, testbed.Options{Rules: rules})
				conn := followtest.Connect(t, url)
				load := func() {
					if err := golden.Load(t.Context(), conn); err != nil {
						t.Fatal(err)
					}
				}
				if when == "before" {
					load()
				}
				f := followtest.Start(t, url, nil)
				if when == "after" {
					if n := f.View().Stats().Tasks; n != 0 {
						t.Fatalf("%d tasks before there are any", n)
					}
					load()
				}
				f.Reach(t, conn)
				// Until there was a step that tells, the rules were provisional.
				followtest.Eventually(t, "the rules to be known", func() bool {
					found := f.Status().Rules
					return !found.Provisional && found.Rules == rules && f.View().Rules() == rules
				})
				f.Reach(t, conn)
				checkGolden(t, rules, readiness.NewAnswerer(f.View, f.Now))
			})
		}
	}
}

// goldenFiles is how many files there are to be compared.
const goldenFiles = 11

func checkGolden(t *testing.T, rules tasker.Rules, index tasker.Answerer) {
	ctx := t.Context()
	compared := map[string]bool{}
	var ids []int64
	var steps []tasker.StepReadiness
	var contexts []tasker.TaskExecutionContext
	var levels []golden.DependencyLevel
	for _, c := range expected[tasker.TaskExecutionContext](t, rules, "get_task_execution_context") {
		ids = append(ids, c.TaskID)
		of, err := index.StepReadiness(ctx, c.TaskID, nil)
		fail(t, err)
		steps = append(steps, of...)
		context, err := index.TaskExecutionContext(ctx, c.TaskID)
		fail(t, err)
		contexts = append(contexts, context)
		ofTask, err := index.DependencyLevels(ctx, c.TaskID)
		fail(t, err)
		for _, l := range ofTask {
			levels = append(levels, golden.DependencyLevel{TaskID: c.TaskID, WorkflowStepID: l.WorkflowStepID, DependencyLevel: l.DependencyLevel})
		}
	}
	slices.SortFunc(levels, func(a, b golden.DependencyLevel) int {
		return cmp.Or(cmp.Compare(a.TaskID, b.TaskID), cmp.Compare(a.WorkflowStepID, b.WorkflowStepID))
	})
	byStep := cmpopts.SortSlices(func(a, b tasker.StepReadiness) bool { return a.WorkflowStepID < b.WorkflowStepID })
	equal(t, compared, rules, "get_step_readiness_status", steps, byStep)
	equal(t, compared, rules, "get_task_execution_context", contexts)
	equal(t, compared, rules, "calculate_dependency_levels", levels)

	batch, err := index.StepReadinessBatch(ctx, ids)
	fail(t, err)
	equal(t, compared, rules, "get_step_readiness_status_batch", batch)
	contexts, err = index.TaskExecutionContexts(ctx, ids)
	fail(t, err)
	equal(t, compared, rules, "get_task_execution_contexts_batch", contexts)
	dag, err := index.StepDAGRelationships(ctx, nil)
	fail(t, err)
	equal(t, compared, rules, "tasker_step_dag_relationships", dag)
	counts, err := index.SystemHealthCounts(ctx)
	fail(t, err)
	equal(t, compared, rules, "get_system_health_counts_v01", []tasker.SystemHealthCounts{counts},
		cmpopts.IgnoreFields(tasker.SystemHealthCounts{}, "ActiveConnections", "MaxConnections"))

	moment := cmpopts.IgnoreFields(tasker.AnalyticsMetrics{}, "AnalysisPeriodStart", "CalculatedAt")
	metrics, err := index.AnalyticsMetrics(ctx, tasker.PostgresEpoch)
	fail(t, err)
	equal(t, compared, rules, "get_analytics_metrics_v01", []tasker.AnalyticsMetrics{metrics}, moment)
	metrics, err = index.AnalyticsMetrics(ctx, tasker.NoTime)
	fail(t, err)
	equal(t, compared, rules, "get_analytics_metrics_v01_last_hour", []tasker.AnalyticsMetrics{metrics}, moment)

	filter := tasker.SlowestFilter{Since: tasker.PostgresEpoch, Limit: 50}
	slowTasks, err := index.SlowestTasks(ctx, filter)
	fail(t, err)
	equal(t, compared, rules, "get_slowest_tasks_v01", slowTasks)
	slowSteps, err := index.SlowestSteps(ctx, filter)
	fail(t, err)
	equal(t, compared, rules, "get_slowest_steps_v01", slowSteps)
	if len(compared) != goldenFiles {
		t.Errorf("%d golden files were compared, there are %d", len(compared), goldenFiles)
	}
}

func expected[T any](t *testing.T, rules tasker.Rules, name string) []T {
	t.Helper()
	rows, err := golden.Expected[T](rules, name)
	fail(t, err)
	if len(rows) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return rows
}

func equal[T any](t *testing.T, compared map[string]bool, rules tasker.Rules, name string, got []T, options ...gocmp.Option) {
	t.Helper()
	if diff := gocmp.Diff(expected[T](t, rules, name), got, options...); diff != "" {
		t.Errorf("%s: golden (-), index (+):\n%s", name, diff)
	}
	compared[name] = true
}

func fail(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
