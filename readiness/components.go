package readiness

// graph is a part of the steps in local numbers, in the order in which they
// were reached, with the edges against their direction: to the steps that each
// one waits for.
type graph struct {
	steps   []uint32
	depth   []int32 // shortest way from the starts, in edges; the starts have 1
	parents [][]int32
	place   map[uint32]int32
}

// ancestors is the graph of all steps that starts are or wait for, directly or
// through others, as far as follow lets it go.
func (v *View) ancestors(starts []uint32, follow func(n uint32) bool) *graph {
	g := &graph{place: make(map[uint32]int32, len(starts))}
	reach := func(n uint32, depth int32) int32 {
		at, ok := g.place[n]
		if !ok {
			at = int32(len(g.steps))
			g.place[n] = at
			g.steps = append(g.steps, n)
			g.depth = append(g.depth, depth)
		}
		return at
	}
	for _, n := range starts {
		reach(n, 1)
	}
	for i := 0; i < len(g.steps); i++ {
		var parents []int32
		for e := v.step(g.steps[i]).in; e != 0; {
			in := v.edge(e)
			if follow(in.from) {
				parents = append(parents, reach(in.from, g.depth[i]+1))
			}
			e = in.nextIn
		}
		g.parents = append(g.parents, parents)
	}
	return g
}

// cyclic calls f with each strongly connected component that has a cycle: two
// steps or more, or one with an edge to itself. It is Tarjan's algorithm with a
// stack of its own, as chains can be long.
func (g *graph) cyclic(f func(members []int32)) {
	count := len(g.steps)
	var (
		index   = make([]int32, count) // from 1, in the order of the visits; 0: not visited
		low     = make([]int32, count)
		onStack = make([]bool, count)
		stack   []int32
		visits  int32
	)
	type frame struct{ at, next int32 }
	var path []frame
	for start := range int32(count) {
		if index[start] != 0 {
			continue
		}
		path = append(path, frame{at: start})
		for len(path) > 0 {
			top := &path[len(path)-1]
			at := top.at
			if top.next == 0 {
				visits++
				index[at], low[at] = visits, visits
				stack, onStack[at] = append(stack, at), true
			}
			if int(top.next) < len(g.parents[at]) {
				parent := g.parents[at][top.next]
				top.next++
				if index[parent] == 0 {
					path = append(path, frame{at: parent})
				} else if onStack[parent] {
					low[at] = min(low[at], index[parent])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				child := path[len(path)-1].at
				low[child] = min(low[child], low[at])
			}
			if low[at] != index[at] {
				continue
			}
			first := len(stack) - 1
			for stack[first] != at {
				first--
			}
			members := stack[first:]
			for _, m := range members {
				onStack[m] = false
			}
			if len(members) > 1 || g.waitsFor(at, at) {
				f(members)
			}
			stack = stack[:first]
		}
	}
}

func (g *graph) waitsFor(at, parent int32) bool {
	for _, p := range g.parents[at] {
		if p == parent {
			return true
		}
	}
	return false
}
