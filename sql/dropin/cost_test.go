package dropin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// What is compared here is blocks touched, which repeat whatever else the
// machine does; the benchmarks compare times.

// example is a task of a shape.
type example struct {
	name        string
	task, steps int64
}

// load puts tasks into the database and says where they begin.
func load(t *testing.T, url string, spec workload.Spec) loader.Stats {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	stats, err := loader.Load(t.Context(), pool, workload.Generate(spec), loader.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// started is n tasks of a source, half-way through.
func started(n int, source workload.Source) workload.Spec {
	return workload.Spec{
		Tasks: n, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: source}},
		Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Started}},
	}
}

// everyShape loads a task of every shape in every size.
func everyShape(t *testing.T, url string) (list []example) {
	t.Helper()
	for _, shape := range workload.Shapes() {
		sizes := []int{10}
		if shape.Sized {
			sizes = []int{10, 100, 1000}
		}
		if shape.Name == "chain" {
			sizes = append(sizes, 10_000)
		}
		for _, size := range sizes {
			stats := load(t, url, started(1, workload.Always(shape.Build(size, 1))))
			list = append(list, example{fmt.Sprintf("%s of %d", shape.Name, stats.Steps), stats.FirstTaskID, int64(stats.Steps)})
		}
	}
	return list
}

// blocks is how many shared buffers a statement touches in this session, once
// it has been asked before.
func blocks(t *testing.T, conn *pgx.Conn, statement string) int64 {
	t.Helper()
	var text []byte
	for range 2 {
		text = one[[]byte](t, conn, "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) "+statement)
	}
	var plans []struct {
		Plan struct {
			Hit  int64 `json:"Shared Hit Blocks"`
			Read int64 `json:"Shared Read Blocks"`
		}
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.Hit + plans[0].Plan.Read
}

// both are the blocks of the engine's and of ours; %s stands for the schema.
func both(t *testing.T, conn *pgx.Conn, statement string) (engine, ours int64) {
	t.Helper()
	exec(t, conn, "SET search_path TO public")
	engine = blocks(t, conn, fmt.Sprintf(statement, "public"))
	ours = blocks(t, conn, fmt.Sprintf(statement, "tasker_sidecar_compat"))
	return engine, ours
}

func TestAnswersTouchNoMoreThanTheEngines(t *testing.T) {
	url := pgtest.Database(t)
	conn := connect(t, url)
	prepare(t, conn, tasker.RulesV02)
	examples := everyShape(t, url)
	stats := load(t, url, workload.Spec{Tasks: 5000})
	exec(t, conn, "VACUUM (ANALYZE, FREEZE)", "SET max_parallel_workers_per_gather = 0", "SET jit = off")
	usual := example{"usual", stats.FirstTaskID, 7}
	examples = append(examples, usual)

	// The plan that a session keeps. Of the engine's functions on a task of
	// thousands of steps, the first five plans of a session, and a batch's, read
	// tables from end to end instead: fewer blocks, and more time.
	exec(t, conn, "SET plan_cache_mode = force_generic_plan")
	var sumEngine, sumOurs int64
	for _, function := range []string{"get_step_readiness_status(%d)", "get_task_execution_context(%d)", "get_step_readiness_status_batch('{%d}')", "get_task_execution_contexts_batch('{%d}')"} {
		for _, e := range examples {
			if strings.Contains(function, "_batch") && e.steps > 20 {
				continue
			}
			engine, ours := both(t, conn, "SELECT * FROM %s."+fmt.Sprintf(function, e.task))
			sumEngine += engine
			sumOurs += ours
			// The row of a step's transition instead of its entry in an index.
			if ours > engine+e.steps {
				t.Errorf("%s, %s: the engine's touches %d blocks, ours %d", function, e.name, engine, ours)
			}
		}
	}
	t.Logf("all shapes one by one: %d blocks, ours %d", sumEngine, sumOurs)
	if sumOurs > sumEngine {
		t.Errorf("over all shapes the engine's touch %d blocks, ours %d", sumEngine, sumOurs)
	}

	// The best that the engine's do: planned for the array.
	exec(t, conn, "SET plan_cache_mode = force_custom_plan")
	ids := fmt.Sprintf("((SELECT array_agg(t) FROM generate_series(%d, %d) t))", stats.FirstTaskID, stats.FirstTaskID+4999)
	for _, function := range []string{"get_step_readiness_status_batch", "get_task_execution_contexts_batch"} {
		engine, ours := both(t, conn, "SELECT * FROM %s."+function+ids)
		t.Logf("%s of 5,000: %d blocks, ours %d", function, engine, ours)
		if ours > engine {
			t.Errorf("%s of 5,000 tasks: the engine's touches %d blocks, ours %d", function, engine, ours)
		}
	}

	exec(t, conn, "SET plan_cache_mode = auto")
	for _, e := range examples {
		if e.steps > 20 {
			continue // its paths may be more than can be walked
		}
		engine, ours := both(t, conn, fmt.Sprintf("SELECT * FROM %%s.calculate_dependency_levels(%d)", e.task))
		if ours > engine {
			t.Errorf("levels, %s: the engine's touches %d blocks, ours %d", e.name, engine, ours)
		}
	}
}

// What asking for one task costs has nothing to do with how many others there
// are, but that indexes grow a level.
func TestViewTouchesWhatIsAskedFor(t *testing.T) {
	url := pgtest.Database(t)
	conn := connect(t, url)
	prepare(t, conn, tasker.RulesV02)
	first := load(t, url, started(1, workload.Always(workload.Diamond()))).FirstTaskID
	deep := load(t, url, started(1, workload.Always(workload.Chain(100)))).FirstTaskID
	step := one[int64](t, conn, "SELECT max(workflow_step_id) FROM tasker_workflow_steps WHERE task_id = $1", first)
	questions := map[string]int64{ // most blocks
		fmt.Sprintf("workflow_step_id = %d", step):                               60,
		fmt.Sprintf("workflow_step_id = ANY ('{%d,%d}')", step, step-1):          120,
		fmt.Sprintf("workflow_step_id IN (%d, %d)", step, step-1):                120,
		fmt.Sprintf("task_id = %d", first):                                       150,
		fmt.Sprintf("task_id = ANY ('{%d}')", first):                             150,
		fmt.Sprintf("workflow_step_id = ANY (ARRAY(SELECT %d::bigint))", step-1): 60,
		// A hundred steps, each with up to fifty ancestors.
		fmt.Sprintf("task_id = %d", deep): 100 * 51 * 4,
	}
	measure := func() map[string]int64 {
		exec(t, conn, "VACUUM (ANALYZE, FREEZE)")
		got := map[string]int64{}
		for where := range questions {
			got[where] = blocks(t, conn, "SELECT * FROM tasker_sidecar_compat.tasker_step_dag_relationships WHERE "+where)
		}
		return got
	}
	load(t, url, started(100, workload.Always(workload.Mixed())))
	few := measure()
	load(t, url, started(4000, workload.Always(workload.Mixed())))
	many := measure()
	for where, most := range questions {
		if many[where] > most || many[where] > 2*few[where] {
			t.Errorf("%s: %d blocks beside 100 tasks, %d beside 4,100; at the most %d", where, few[where], many[where], most)
		}
	}
	t.Log(few, many)
}

// 2^1000 paths, and steps on and behind a loop that a root reaches: the
// engine's function never ends.
func TestLevelsEndWhereTheEnginesDoNot(t *testing.T) {
	url := pgtest.Database(t)
	conn := connect(t, url)
	prepare(t, conn, tasker.RulesV02)
	task := load(t, url, started(1, workload.Always(workload.Ladder(1000)))).FirstTaskID
	exec(t, conn, "SET statement_timeout = '60s'")
	const question = "SELECT count(*)::text || ' ' || max(dependency_level) FROM tasker_sidecar_compat.calculate_dependency_levels($1)"
	if got := one[string](t, conn, question, task); got != "3001 2000" {
		t.Errorf("1,000 diamonds: %s, want 3,001 steps up to level 2,000", got)
	}
	// An edge from the end of the second diamond back to its beginning.
	exec(t, conn, fmt.Sprintf(`
		WITH s AS (SELECT workflow_step_id, dependency_level FROM tasker_sidecar_compat.calculate_dependency_levels(%d))
		INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
		SELECT b.workflow_step_id, a.workflow_step_id, 'provides', now(), now()
		FROM s a, s b WHERE a.dependency_level = 2 AND b.dependency_level = 4`, task))
	if got := one[string](t, conn, question, task); got != "3 1" {
		t.Errorf("with a loop after the first diamond's branches: %s, want the 3 steps before", got)
	}
}

// Where tasks differ much in size, a plan for a small one looks cheaper than one
// for any, and a session would make it anew at every call: which shows in the
// blocks that planning touches.
func TestSessionsKeepAPlanWhereTasksDiffer(t *testing.T) {
	url := pgtest.Database(t)
	conn := connect(t, url)
	prepare(t, conn, tasker.RulesV02)
	load(t, url, started(1, workload.Always(workload.Chain(1000))))
	load(t, url, workload.Spec{Tasks: 300})
	small := load(t, url, started(1, workload.Always(workload.Diamond()))).FirstTaskID
	exec(t, conn, "VACUUM (ANALYZE, FREEZE)")
	for _, function := range []string{
		"get_step_readiness_status(%d)", "get_task_execution_context(%d)", "calculate_dependency_levels(%d)",
		"get_step_readiness_status_batch('{%d}')", "get_task_execution_contexts_batch('{%d}')",
	} {
		question := "SELECT * FROM tasker_sidecar_compat." + fmt.Sprintf(function, small)
		touched := func(mode string) (n int64) {
			session := connect(t, url)
			exec(t, session, "SET plan_cache_mode = "+mode)
			for range 5 { // each asks twice
				n = blocks(t, session, question)
			}
			return n
		}
		if auto, kept := touched("auto"), touched("force_generic_plan"); auto != kept {
			t.Errorf("%s: %d blocks at the tenth call, %d with a plan that is kept", question, auto, kept)
		}
	}
}
