package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Chain is step_1 → … → step_n.
func Chain(n int) *Workflow {
	w := New("default", "chain_workflow")
	for i := range n {
		if i == 0 {
			w.Add(numbered(i))
		} else {
			w.Add(numbered(i), i-1)
		}
	}
	return w
}

// Fan is initialize_batch → process_chunk_1 … process_chunk_n → aggregate_results:
// n+2 steps, 2n edges.
func Fan(n int) *Workflow {
	w := New("data_processing", "fan_workflow")
	w.Add("initialize_batch")
	chunks := make([]int, n)
	for i := range chunks {
		chunks[i] = w.Add(fmt.Sprintf("process_chunk_%d", i+1), 0)
	}
	if n == 0 {
		chunks = []int{0}
	}
	w.Add("aggregate_results", chunks...)
	return w
}

// Merge is n roots that one step waits for: n+1 steps, n edges.
func Merge(n int) *Workflow {
	w := New("data_processing", "merge_workflow")
	roots := make([]int, n)
	for i := range roots {
		roots[i] = w.Add(fmt.Sprintf("fetch_source_%d", i+1))
	}
	w.Add("merge_sources", roots...)
	return w
}

// Tree is a tree of n steps in which each has at most the given number of
// children: n-1 edges.
func Tree(n, children int) *Workflow {
	w := New("default", "branching_workflow")
	for i := range n {
		if i == 0 {
			w.Add(numbered(i))
		} else {
			w.Add(numbered(i), (i-1)/max(children, 1))
		}
	}
	return w
}

// Ladder is a chain of n diamonds: 3n+1 steps, 4n edges, 2^n paths.
func Ladder(n int) *Workflow {
	w := New("default", "ladder_workflow")
	top := w.Add(numbered(0))
	for range n {
		left := w.Add(numbered(len(w.Steps)), top)
		right := w.Add(numbered(len(w.Steps)), top)
		top = w.Add(numbered(len(w.Steps)), left, right)
	}
	return w
}

// Layered is n steps in layers of at most width steps; each step but those of
// the first layer depends on one to three different steps of the layer before.
func Layered(n, width int, seed uint64) *Workflow {
	w := New("default", "layered_workflow")
	r := random(seed, "layered")
	var before, layer []int
	for len(w.Steps) < n {
		layer = nil
		for range min(1+r.IntN(max(width, 1)), n-len(w.Steps)) {
			layer = append(layer, w.Add(numbered(len(w.Steps)), pick(r, before, 1+r.IntN(3))...))
		}
		before = layer
	}
	return w
}

// Sparse is n steps with about edges·n edges between random pairs; the edge
// goes from the earlier step to the later one.
func Sparse(n int, edges float64, seed uint64) *Workflow {
	w := New("default", "sparse_workflow")
	r := random(seed, "sparse")
	parents := make([][]int, n)
	if n > 1 {
		for range int(edges*float64(n) + 0.5) {
			child := 1 + r.IntN(n-1)
			parent := r.IntN(child)
			if !slices.Contains(parents[child], parent) {
				parents[child] = append(parents[child], parent)
			}
		}
	}
	for i := range n {
		slices.Sort(parents[i])
		w.Add(numbered(i), parents[i]...)
	}
	return w
}

// Shape is a family of workflows by name.
type Shape struct {
	Name string
	// Sized is false where Build ignores the size.
	Sized bool
	// Build gives a workflow of about size steps; the seed matters only to
	// the random shapes.
	Build func(size int, seed uint64) *Workflow
}

// Shapes are all families, the engine's own first.
func Shapes() []Shape {
	fixed := func(name string, f func() *Workflow) Shape {
		return Shape{Name: name, Build: func(int, uint64) *Workflow { return f() }}
	}
	sized := func(name string, f func(int, uint64) *Workflow) Shape {
		return Shape{Name: name, Sized: true, Build: f}
	}
	return []Shape{
		fixed("linear", Linear), fixed("diamond", Diamond), fixed("parallel-merge", ParallelMerge),
		fixed("two-level-tree", TwoLevelTree), fixed("mixed", Mixed), fixed("flaky", FlakyChain),
		fixed("api-integration", APIIntegration), fixed("customer-analytics", CustomerAnalytics),
		fixed("process-order", ProcessOrder), fixed("user-registration", UserRegistration),
		fixed("payments-refund", PaymentsRefund), fixed("customer-success-refund", CustomerSuccessRefund),
		fixed("conditional", Conditional),
		sized("chain", func(n int, _ uint64) *Workflow { return Chain(n) }),
		sized("fan", func(n int, _ uint64) *Workflow { return Fan(max(n-2, 0)) }),
		sized("merge", func(n int, _ uint64) *Workflow { return Merge(max(n-1, 0)) }),
		sized("tree", func(n int, _ uint64) *Workflow { return Tree(n, 2) }),
		sized("ladder", func(n int, _ uint64) *Workflow { return Ladder(max(n-1, 0) / 3) }),
		sized("layered", func(n int, seed uint64) *Workflow { return Layered(n, max(2, n/10), seed) }),
		sized("sparse", func(n int, seed uint64) *Workflow { return Sparse(n, 1.2, seed) }),
		sized("coordination", func(n int, _ uint64) *Workflow { return Coordination(max(n-2, 1) / 3) }),
		sized("long-batch", func(n int, _ uint64) *Workflow { return LongBatch(max(n-3, 1)) }),
	}
}

// ShapeByName finds a family; the error lists those that there are.
func ShapeByName(name string) (Shape, error) {
	var names []string
	for _, s := range Shapes() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Shape{}, fmt.Errorf("no shape %q; there are %s", name, strings.Join(names, ", "))
}

// pick is n different elements of from (fewer when there are not as many), in order.
func pick(r *rand.Rand, from []int, n int) []int {
	if n > len(from) {
		n = len(from)
	}
	if n == 0 {
		return nil
	}
	chosen := make([]int, 0, n)
	for len(chosen) < n {
		if c := from[r.IntN(len(from))]; !slices.Contains(chosen, c) {
			chosen = append(chosen, c)
		}
	}
	slices.Sort(chosen)
	return chosen
}
