package analysis

import "math/bits"

// behind is how many steps wait for one, directly or not, and how many of them
// have unmet dependencies themselves.
type behind struct{ downstream, blocked int64 }

// set is a set of steps, out of as many as it has bits; eight words are a line
// of the cache.
type set [8]uint64

const setSize = len(set{}) * 64

func (s *set) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s *set) join(o *set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// count is how many are in both.
func (s *set) count(o *set) (n int64) {
	for i := range s {
		n += int64(bits.OnesCount64(s[i] & o[i]))
	}
	return n
}

// reach counts what lies behind each step. Steps get bits, in the order of their
// components, as many at a time as a set holds, and the bits run from the leaves
// up. That takes steps/512 passes over the edges.
func (g *graph) reach() []behind {
	var (
		n        = len(g.components)
		from, to = g.condensed()
		order    = make([]int32, 0, len(g.steps))
		reach    = make([]behind, len(g.steps))
		counts   = make([]behind, n)
		sets     = make([]set, n) // what lies behind a component, its members included
		all      set
	)
	for i := range all {
		all[i] = ^uint64(0)
	}
	for _, members := range g.components {
		order = append(order, members...)
	}
	for first := 0; first < len(order); first += setSize {
		var blocked set
		some := order[first:min(first+setSize, len(order))]
		earliest := int(g.component[some[0]]) // nothing of them lies behind those before it
		for c := earliest; c < n; c++ {
			sets[c] = set{}
		}
		for i, at := range some {
			sets[g.component[at]].add(i)
			if !g.steps[at].DependenciesSatisfied {
				blocked.add(i)
			}
		}
		for c := earliest; c < n; c++ {
			s := &sets[c]
			for _, at := range to[from[c]:from[c+1]] {
				if int(at) >= earliest {
					s.join(&sets[at])
				}
			}
			counts[c].downstream += s.count(&all)
			counts[c].blocked += s.count(&blocked)
		}
	}
	for at := range reach { // a step is not behind itself
		b := counts[g.component[at]]
		reach[at] = behind{b.downstream - 1, b.blocked - one(!g.steps[at].DependenciesSatisfied)}
	}
	return reach
}

// condensed is the edges between components: those of c lead to
// to[from[c]:from[c+1]].
func (g *graph) condensed() (from, to []int32) {
	for c, members := range g.components {
		from = append(from, int32(len(to))) //nolint:gosec // a task has no 2^31 edges
		for _, m := range members {
			for _, child := range g.children[m] {
				if at := g.component[child]; int(at) != c {
					to = append(to, at)
				}
			}
		}
	}
	return append(from, int32(len(to))), to //nolint:gosec // likewise
}
