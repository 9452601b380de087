package engine_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open is a pool for a fresh database with the testbed and the golden data in
// the given schema.
func open(t *testing.T, options testbed.Options) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	err = pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		if err := testbed.Install(t.Context(), c.Conn(), options); err != nil {
			return err
		}
		if options.Schema != "" {
			defer func() { _, _ = c.Exec(context.Background(), "RESET search_path") }()
			if _, err := c.Exec(t.Context(), "SET search_path TO "+pgx.Identifier{options.Schema}.Sanitize()); err != nil {
				return err
			}
		}
		return golden.Load(t.Context(), c.Conn())
	})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

// equal compares an answer with the golden one of the name.
func equal[T any](t *testing.T, rules tasker.Rules, name string, got []T, err error, options ...cmp.Option) {
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

func taskIDs(t *testing.T) []int64 {
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

func TestGolden(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		for _, schema := range []string{"", "Rails App"} {
			t.Run(fmt.Sprintf("%s in schema %q", rules, schema), func(t *testing.T) {
				pool := open(t, testbed.Options{Rules: rules, Schema: schema})
				db := engine.New(pool, engine.Options{Schema: schema})
				t.Run("one by one", func(t *testing.T) { testGolden(t, rules, db) })
				t.Run("in one snapshot", func(t *testing.T) {
					err := db.In(t.Context(), func(s *engine.Snapshot) error {
						testGolden(t, rules, s)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func testGolden(t *testing.T, rules tasker.Rules, db tasker.Answerer) {
	ctx, ids := t.Context(), taskIDs(t)

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
	equal(t, rules, "get_step_readiness_status", steps, nil, byStep)
	equal(t, rules, "get_task_execution_context", contexts, nil)
	equal(t, rules, "calculate_dependency_levels", levels, nil)

	batch, err := db.StepReadinessBatch(ctx, ids)
	equal(t, rules, "get_step_readiness_status_batch", batch, err)
	contexts, err = db.TaskExecutionContexts(ctx, ids)
	equal(t, rules, "get_task_execution_contexts_batch", contexts, err)
	view, err := db.StepDAGRelationships(ctx, nil)
	equal(t, rules, "tasker_step_dag_relationships", view, err)
	counts, err := db.SystemHealthCounts(ctx)
	if counts.ActiveConnections.V < 1 || counts.MaxConnections.V < 1 {
		t.Errorf("connections: %+v", counts)
	}
	equal(t, rules, "get_system_health_counts_v01", []tasker.SystemHealthCounts{counts}, err,
		cmpopts.IgnoreFields(tasker.SystemHealthCounts{}, "ActiveConnections", "MaxConnections"))

	const since tasker.Timestamp = tasker.PostgresEpoch // 2000-01-01
	session := cmpopts.IgnoreFields(tasker.AnalyticsMetrics{}, "AnalysisPeriodStart", "CalculatedAt")
	metrics, err := db.AnalyticsMetrics(ctx, since)
	if metrics.AnalysisPeriodStart != since {
		t.Errorf("period start %v, want %v", metrics.AnalysisPeriodStart, since)
	}
	equal(t, rules, "get_analytics_metrics_v01", []tasker.AnalyticsMetrics{metrics}, err, session)
	metrics, err = db.AnalyticsMetrics(ctx, tasker.NoTime)
	if got := metrics.CalculatedAt.Sub(metrics.AnalysisPeriodStart).Hours(); got != 1 {
		t.Errorf("period of %v hours, want 1", got)
	}
	equal(t, rules, "get_analytics_metrics_v01_last_hour", []tasker.AnalyticsMetrics{metrics}, err, session)
}

// The two slowest functions are asked in a database where somebody has mended
// them.
func TestGoldenSlowestWhereTheyWork(t *testing.T) {
	pool := open(t, testbed.Options{})
	for name, result := range map[string]string{
		"get_slowest_tasks_v01": `task_id bigint, task_name varchar, namespace_name varchar, version varchar, duration_seconds numeric, step_count bigint,
			completed_steps bigint, error_steps bigint, created_at timestamptz, completed_at timestamptz, initiator varchar, source_system varchar`,
		"get_slowest_steps_v01": `workflow_step_id bigint, task_id bigint, step_name varchar, task_name varchar, namespace_name varchar, version varchar,
			duration_seconds numeric, attempts integer, created_at timestamptz, completed_at timestamptz, retryable boolean, step_status varchar`,
	} {
		working, err := os.ReadFile("../testbed/testdata/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		_, err = pool.Exec(t.Context(), fmt.Sprintf(`DROP FUNCTION %[1]s; CREATE FUNCTION %[1]s(timestamptz, integer, text, text, text)
			RETURNS TABLE (%[2]s) LANGUAGE sql AS $$ %[3]s $$`, name, result, working))
		if err != nil {
			t.Fatal(err)
		}
	}
	db := engine.New(pool, engine.Options{})
	filter := tasker.SlowestFilter{Since: tasker.PostgresEpoch, Limit: 50}
	tasks, err := db.SlowestTasks(t.Context(), filter)
	equal(t, tasker.RulesV02, "get_slowest_tasks_v01", tasks, err)
	steps, err := db.SlowestSteps(t.Context(), filter)
	equal(t, tasker.RulesV02, "get_slowest_steps_v01", steps, err)
}
