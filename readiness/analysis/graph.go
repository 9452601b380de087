package analysis

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// graph is a task's steps, by id, and the edges between them. Steps go by their
// places in it.
type graph struct {
	steps    []tasker.StepReadiness
	children [][]int32 // ascending, each once
	parents  [][]int32 // likewise

	// components are the sets of steps that reach each other, most of them of one
	// step, in an order in which what lies behind one comes before it.
	components [][]int32
	component  []int32 // of each step
	cyclic     []bool  // whether it lies on a cycle
}

// newGraph joins rows, by step id, with their edges; edges to anything that is
// not among the rows are left out.
func newGraph(steps []tasker.StepReadiness, childrenOf func(stepID int64) []int64) *graph {
	n := len(steps)
	g := &graph{steps: steps, children: make([][]int32, n), parents: make([][]int32, n), component: make([]int32, n), cyclic: make([]bool, n)}
	place := make(map[int64]int32, n)
	for i := range steps {
		place[steps[i].WorkflowStepID] = int32(i) //nolint:gosec // a task has no 2^31 steps
	}
	for i := range steps {
		for _, id := range childrenOf(steps[i].WorkflowStepID) {
			if c, ok := place[id]; ok {
				g.children[i] = append(g.children[i], c)
			}
		}
		slices.Sort(g.children[i])
		g.children[i] = slices.Compact(g.children[i])
		for _, c := range g.children[i] {
			g.parents[c] = append(g.parents[c], int32(i)) //nolint:gosec // likewise
		}
	}
	g.findComponents()
	return g
}

// findComponents is Tarjan's algorithm with a stack of its own, so that a long
// chain is no deep recursion.
func (g *graph) findComponents() {
	n := len(g.steps)
	type frame struct{ step, next int32 }
	var (
		found  = make([]int32, n) // when a step was found, from 1; 0: not yet
		low    = make([]int32, n) // the earliest found that it reaches on the stack
		stack  []int32
		onIt   = make([]bool, n)
		frames []frame
		clock  int32
	)
	enter := func(v int32) {
		clock++
		found[v], low[v], onIt[v] = clock, clock, true
		stack = append(stack, v)
		frames = append(frames, frame{v, 0})
	}
	for root := range int32(n) { //nolint:gosec // a task has no 2^31 steps
		if found[root] != 0 {
			continue
		}
		for enter(root); len(frames) > 0; {
			f := &frames[len(frames)-1]
			v := f.step
			if int(f.next) < len(g.children[v]) {
				c := g.children[v][f.next]
				f.next++
				if found[c] == 0 {
					enter(c)
				} else if onIt[c] {
					low[v] = min(low[v], found[c])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				above := frames[len(frames)-1].step
				low[above] = min(low[above], low[v])
			}
			if low[v] == found[v] {
				at := slices.Index(stack, v)
				if i := len(stack) - 1; stack[i] == v {
					at = i // nearly always, and cheaper to see
				}
				g.close(slices.Clone(stack[at:]), onIt)
				stack = stack[:at]
			}
		}
	}
}

// close notes a component.
func (g *graph) close(members []int32, onIt []bool) {
	_, toItself := slices.BinarySearch(g.children[members[0]], members[0])
	for _, m := range members {
		onIt[m] = false
		g.component[m] = int32(len(g.components)) //nolint:gosec // a task has no 2^31 steps
		g.cyclic[m] = len(members) > 1 || toItself
	}
	g.components = append(g.components, members)
}
