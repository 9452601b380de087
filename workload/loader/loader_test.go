package loader_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// everything is a spec with every shape, every scenario, and families.
func everything(tasks int) workload.Spec {
	spec := workload.Spec{Tasks: tasks, Seed: 4, BatchSteps: 300,
		Mix: []workload.Share[workload.Source]{{Percent: 10, Of: workload.AlwaysFamily(workload.DefaultHierarchy())}}}
	for _, s := range workload.Shapes() {
		spec.Mix = append(spec.Mix, workload.Share[workload.Source]{Percent: 4, Of: workload.OfShape(s, 1, 20)})
	}
	for _, s := range workload.Scenarios() {
		spec.Scenarios = append(spec.Scenarios, workload.Share[workload.Scenario]{Percent: 6, Of: s})
	}
	return spec
}

// What is in the database afterwards is, column by column, what the rows are
// by the state machines' contract.
func TestLoadWritesTheRows(t *testing.T) {
	pool := workloadtest.Database(t)
	spec := everything(400)
	var last loader.Stats
	stats, err := loader.Load(t.Context(), pool, workload.Generate(spec), loader.Options{
		Parallel: 1, CheckReferences: true, Progress: func(s loader.Stats) { last = s }})
	if err != nil {
		t.Fatal(err)
	}
	want := workload.NewDataset(0)
	for b := range workload.Generate(spec) {
		want.Add(b)
	}
	got := workloadtest.Rows(t, pool)
	named(t, pool, &got, want)
	if diff := cmp.Diff(want.Rows, got); diff != "" {
		t.Error(diff)
	}
	if stats.Tasks != len(want.Tasks) || stats.Steps != len(want.WorkflowSteps) || stats.Edges != len(want.WorkflowStepEdges) ||
		stats.TaskTransitions != len(want.TaskTransitions) || stats.Transitions != len(want.WorkflowStepTransitions) ||
		stats.FirstTaskID != 1 || stats.LastTaskID != int64(len(want.Tasks)) || !stats.ReferencesChecked {
		t.Errorf("%+v", stats)
	}
	if last.Batches != stats.Batches || last.Steps != stats.Steps || stats.Batches < 3 {
		t.Errorf("the last progress is %+v, the result %+v", last, stats)
	}
}

// named replaces the database's ids of named tasks and steps by those of the
// data set that mean the same names.
func named(t *testing.T, pool *pgxpool.Pool, got *workload.Rows, want *workload.Dataset) {
	t.Helper()
	tasks, steps := map[int32]int32{}, map[int32]int32{}
	var id int32
	var a, b, c string
	rows, err := pool.Query(t.Context(), `SELECT named_task_id, n.name, t.name, version FROM tasker_named_tasks t JOIN tasker_task_namespaces n USING (task_namespace_id)`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&id, &a, &b, &c); err != nil {
			t.Fatal(err)
		}
		tasks[id] = want.NamedTaskID(&workload.Workflow{Namespace: a, Name: b, Version: c})
	}
	rows, err = pool.Query(t.Context(), `SELECT named_step_id, d.name, s.name FROM tasker_named_steps s JOIN tasker_dependent_systems d USING (dependent_system_id)`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&id, &a, &b); err != nil {
			t.Fatal(err)
		}
		steps[id] = want.NamedStepID(&workload.Step{System: a, Name: b})
	}
	if len(tasks) != len(want.NamedTasks) || len(steps) != len(want.NamedSteps) {
		t.Errorf("%d named tasks and %d named steps, want %d and %d", len(tasks), len(steps), len(want.NamedTasks), len(want.NamedSteps))
	}
	for i := range got.Tasks {
		got.Tasks[i].NamedTaskID = tasks[got.Tasks[i].NamedTaskID]
	}
	for i := range got.WorkflowSteps {
		got.WorkflowSteps[i].NamedStepID = steps[got.WorkflowSteps[i].NamedStepID]
	}
}

// Loaders and somebody who inserts, all at once: nobody gets another's id.
func TestLoadBesideOthers(t *testing.T) {
	pool := workloadtest.Database(t)
	spec := workload.Spec{Tasks: 600, BatchSteps: 200}
	var wg sync.WaitGroup
	for seed := range uint64(3) {
		wg.Go(func() {
			s := spec
			s.Seed = seed
			if _, err := loader.Load(t.Context(), pool, workload.Generate(s), loader.Options{Parallel: 2}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 200 {
				_, err := pool.Exec(t.Context(), `WITH t AS (
					INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at)
					SELECT named_task_id, now(), gen_random_uuid()::text, now(), now() FROM tasker_named_tasks LIMIT 1 RETURNING task_id)
					INSERT INTO tasker_task_transitions (to_state, sort_key, task_id, created_at, updated_at) SELECT 'pending', 10, task_id, now(), now() FROM t`)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var tasks, orphans int
	err := pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM tasker_tasks WHERE identity_hash LIKE 'workload-%'),
		(SELECT count(*) FROM tasker_workflow_steps s LEFT JOIN tasker_tasks t USING (task_id) WHERE t.identity_hash NOT LIKE 'workload-%' OR t.task_id IS NULL)
		+ (SELECT count(*) FROM tasker_workflow_step_edges e LEFT JOIN tasker_workflow_steps f ON f.workflow_step_id = from_step_id
			LEFT JOIN tasker_workflow_steps t ON t.workflow_step_id = to_step_id WHERE f.task_id IS DISTINCT FROM t.task_id)
		+ (SELECT count(*) FROM tasker_workflow_step_transitions x LEFT JOIN tasker_workflow_steps s USING (workflow_step_id) WHERE s.task_id IS NULL)`).Scan(&tasks, &orphans)
	if err != nil || tasks != 1800 || orphans != 0 {
		t.Errorf("%d tasks, %d rows that refer to nothing or to another's: %v", tasks, orphans, err)
	}
}

// A batch that cannot be written leaves nothing, those before it stay.
func TestLoadStopsWhole(t *testing.T) {
	pool := workloadtest.Database(t)
	if _, err := pool.Exec(t.Context(), `INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('default', now(), now())`); err != nil {
		t.Fatal(err)
	}
	bad := workload.Linear()
	bad.Steps[2].Name = ""
	batches := func(yield func(*workload.Batch) bool) {
		for b := range workload.Generate(workload.Spec{Tasks: 50, Seed: 1, BatchSteps: 50}) {
			if !yield(b) {
				return
			}
		}
		if yield(&workload.Batch{Tasks: []*workload.Instance{workload.Instantiate(bad, 0)}}) {
			panic("asked for more after the failure")
		}
	}
	stats, err := loader.Load(t.Context(), pool, iter.Seq[*workload.Batch](batches), loader.Options{})
	if err == nil {
		t.Fatal("a step without a name was loaded")
	}
	var tasks int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM tasker_tasks").Scan(&tasks); err != nil || tasks != stats.Tasks {
		t.Errorf("%d tasks, %d reported: %v", tasks, stats.Tasks, err)
	}
}

// A COPY that fails ends the load, whoever waits for whom at that moment.
func TestLoadStopsWhenTheDatabaseRefuses(t *testing.T) {
	pool := workloadtest.Database(t)
	if _, err := pool.Exec(t.Context(), `ALTER TABLE tasker_workflow_steps ADD CHECK (workflow_step_id < 1000)`); err != nil {
		t.Fatal(err)
	}
	stats, err := loader.Load(t.Context(), pool, workload.Generate(workload.Spec{Tasks: 10_000, Seed: 1, BatchSteps: 100}), loader.Options{Parallel: 3})
	if err == nil || !strings.Contains(err.Error(), "copying") || !strings.Contains(err.Error(), "tasker_workflow_steps") {
		t.Error(err)
	}
	var tasks, steps int
	err = pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM tasker_tasks), (SELECT count(*) FROM tasker_workflow_steps)").Scan(&tasks, &steps)
	if err != nil || tasks != stats.Tasks || steps != stats.Steps || steps == 0 {
		t.Errorf("%d tasks and %d steps; %+v; %v", tasks, steps, stats, err)
	}
}

func TestLoadStopsByContext(t *testing.T) {
	pool := workloadtest.Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	stats, err := loader.Load(ctx, pool, workload.Generate(workload.Spec{Tasks: 100_000, Seed: 1, BatchSteps: 100}), loader.Options{
		Progress: func(s loader.Stats) {
			if s.Batches == 3 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var tasks int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM tasker_tasks").Scan(&tasks); err != nil || tasks < stats.Tasks || stats.Batches < 3 {
		t.Errorf("%d tasks in the database; %+v; %v", tasks, stats, err)
	}
}

func TestLoadWithoutTables(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	_, err = loader.Load(t.Context(), pool, workload.Generate(workload.Spec{Tasks: 1}), loader.Options{})
	if err == nil || err.Error() != "the database has no table tasker_tasks with a column task_id in its search_path: install the engine's tables first" {
		t.Error(err)
	}
}

// The encoder has every column of the table, in no particular order.
func TestCopiedColumnsAreComplete(t *testing.T) {
	pool := workloadtest.Database(t)
	for table, columns := range loader.CopiedColumns() {
		var want []string
		err := pool.QueryRow(t.Context(), `SELECT array_agg(attname ORDER BY attname) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped`, table.String()).Scan(&want)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(columns)
		if diff := cmp.Diff(want, columns); diff != "" {
			t.Errorf("%s: %s", table, diff)
		}
	}
}
