package dropin_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// graph is steps, each of a task, and edges between them, by step id.
type graph struct {
	task  map[int64]int64
	edges [][2]int64
}

// random makes a graph of a few tasks with loops, rootless ones and such that
// a root reaches, edges across tasks, duplicates and steps on edges to
// themselves; and one in five with edges from and to steps that do not exist.
func random(r *rand.Rand) graph {
	g := graph{task: map[int64]int64{}}
	steps, tasks := 1+r.Int64N(40), 1+r.Int64N(4)
	for s := int64(1); s <= steps; s++ {
		// Steps of a task need not follow each other, and ids can be far apart.
		g.task[s*(1+r.Int64N(2)*1_000_000)] = 1 + r.Int64N(tasks)
	}
	var ids []int64
	for id := range g.task {
		ids = append(ids, id)
	}
	if r.IntN(5) == 0 {
		ids = append(ids, 7_777_777, 8_888_888)
	}
	forward := r.IntN(2) == 0
	for range r.IntN(3 * len(ids)) {
		from, to := ids[r.IntN(len(ids))], ids[r.IntN(len(ids))]
		if forward && from > to && r.IntN(20) > 0 {
			from, to = to, from
		}
		g.edges = append(g.edges, [2]int64{from, to})
	}
	return g
}

func (g graph) String() string { return fmt.Sprintf("task of step: %v\nedges: %v", g.task, g.edges) }

// store puts the graph into empty tables, in an order of its own.
func (g graph) store(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var b strings.Builder
	b.WriteString("BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE tasker_tasks, tasker_workflow_steps, tasker_workflow_step_edges CASCADE;")
	for id, task := range g.task {
		fmt.Fprintf(&b, "INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, created_at, updated_at) VALUES (%d, %d, 1, now(), now());", id, task)
	}
	for _, e := range g.edges {
		fmt.Fprintf(&b, "INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) VALUES (%d, %d, 'provides', now(), now());", e[0], e[1])
	}
	b.WriteString("COMMIT")
	if _, err := conn.PgConn().Exec(t.Context(), b.String()).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// index is the readiness index over the same rows.
func (g graph) index(t *testing.T) *readiness.View {
	t.Helper()
	steps, edges := &tasker.Rows{Table: tasker.WorkflowSteps}, &tasker.Rows{Table: tasker.WorkflowStepEdges}
	for id, task := range g.task {
		steps.WorkflowSteps = append(steps.WorkflowSteps, tasker.WorkflowStep{WorkflowStepID: id, TaskID: task, NamedStepID: 1})
	}
	for i, e := range g.edges {
		edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{ID: int64(i) + 1, FromStepID: e[0], ToStepID: e[1]})
	}
	load := readiness.NewLoad(readiness.Options{})
	for _, rows := range []*tasker.Rows{steps, edges} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	x, err := load.Finish(readiness.Position{})
	if err != nil {
		t.Fatal(err)
	}
	return x.View()
}

func (g graph) tasks() map[int64]bool {
	tasks := map[int64]bool{}
	for _, task := range g.task {
		tasks[task] = true
	}
	return tasks
}

func levels(t *testing.T, conn *pgx.Conn, task int64) []tasker.DependencyLevel {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT workflow_step_id, dependency_level FROM tasker_sidecar_compat.calculate_dependency_levels($1)", task)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tasker.DependencyLevel])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// relationships asks the view with a condition.
func relationships(t *testing.T, conn *pgx.Conn, where string, args ...any) []tasker.StepDAGRelationship {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step, min_depth_from_root
		FROM tasker_sidecar_compat.tasker_step_dag_relationships `+where+" ORDER BY workflow_step_id", args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r tasker.StepDAGRelationship, err error) {
		var named int32
		var depth *int32
		err = row.Scan(&r.WorkflowStepID, &r.TaskID, &named, &r.ParentStepIDs, &r.ChildStepIDs, &r.ParentCount, &r.ChildCount, &r.IsRootStep, &r.IsLeafStep, &depth)
		if depth != nil {
			r.MinDepthFromRoot = tasker.Some(*depth)
		}
		return r, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The index has no path to walk and ends on every graph; the engine's functions
// do not, so ours are compared with it where there are loops.
func TestGraphsWithLoopsAreAnsweredAsByTheIndex(t *testing.T) {
	conn := installed(t, tasker.RulesV02)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	ignored := cmpopts.IgnoreFields(tasker.StepDAGRelationship{}, "NamedStepID")
	loops, unleveled := 0, 0
	for i := 0; i < 100 && !t.Failed(); i++ {
		g := random(r)
		g.store(t, conn)
		index := g.index(t)
		for task := range g.tasks() {
			want := index.DependencyLevels(task)
			if diff := cmp.Diff(want, levels(t, conn, task), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("seed %d, graph %d, levels of task %d: index (-), ours (+):\n%s\n%s", seed, i, task, diff, g)
			}
			if len(index.Cycles(task)) > 0 {
				loops++
			}
			if len(want) > 0 && len(want) < len(index.StepDAGRelationships([]int64{task})) {
				unleveled++
			}
			want2 := index.StepDAGRelationships([]int64{task})
			if diff := cmp.Diff(want2, relationships(t, conn, "WHERE task_id = $1", task), ignored); diff != "" {
				t.Errorf("seed %d, graph %d, view of task %d: index (-), ours (+):\n%s\n%s", seed, i, task, diff, g)
			}
		}
	}
	if loops < 10 || unleveled < 10 {
		t.Errorf("only %d tasks had loops, %d a step without a level beside ones with", loops, unleveled)
	}
}

// The questions that Rails asks of the view give the same rows as all of it.
func TestViewGivesTheSameRowsHoweverItIsAsked(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	all := relationships(t, conn, "")
	if len(all) != 2582 {
		t.Fatalf("%d rows", len(all))
	}
	pick := func(f func(tasker.StepDAGRelationship) bool) (rows []tasker.StepDAGRelationship) {
		for _, r := range all {
			if f(r) {
				rows = append(rows, r)
			}
		}
		return rows
	}
	for _, step := range []int64{all[0].WorkflowStepID, all[1000].WorkflowStepID, all[2581].WorkflowStepID} {
		want := pick(func(r tasker.StepDAGRelationship) bool { return r.WorkflowStepID == step })
		if diff := cmp.Diff(want, relationships(t, conn, "WHERE workflow_step_id = $1", step)); diff != "" {
			t.Errorf("step %d: %s", step, diff)
		}
	}
	lists := pick(func(r tasker.StepDAGRelationship) bool { return r.WorkflowStepID%7 == 0 })
	var ids []int64
	for _, r := range lists {
		ids = append(ids, r.WorkflowStepID)
	}
	if diff := cmp.Diff(lists, relationships(t, conn, "WHERE workflow_step_id = ANY ($1)", ids)); diff != "" {
		t.Errorf("a list of steps: %s", diff)
	}
	tasks := pick(func(r tasker.StepDAGRelationship) bool { return r.TaskID < 40 })
	if diff := cmp.Diff(tasks, relationships(t, conn, "WHERE task_id = ANY (SELECT generate_series(0, 39))")); diff != "" {
		t.Errorf("a list of tasks: %s", diff)
	}
	roots := pick(func(r tasker.StepDAGRelationship) bool { return r.IsRootStep })
	if diff := cmp.Diff(roots, relationships(t, conn, "WHERE is_root_step")); diff != "" {
		t.Errorf("roots: %s", diff)
	}
}
