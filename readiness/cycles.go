package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Cycles lists the cycles that a step of the task lies on, by the least id of
// their members; cycles that share a step are one. They may reach into other
// tasks.
func (v *View) Cycles(taskID int64) []tasker.Cycle {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return nil
	}
	g := v.ancestors(v.task(n).steps.appendTo(nil), func(uint32) bool { return true })
	return v.cyclesOf(g, func(s *step) bool { return s.has(hasRow) && s.task == n })
}

// AllCycles lists the cycles of all tasks, in the same way. It takes time in
// proportion to all edges: it first takes away, step by step, what has nothing
// left before it, and looks for cycles in the rest.
func (v *View) AllCycles() []tasker.Cycle {
	waits := make([]uint32, v.lastStep+1)
	var free []uint32
	v.eachStep(func(n uint32, s *step) {
		if waits[n] = s.parents; s.parents == 0 {
			free = append(free, n)
		}
	})
	for len(free) > 0 {
		n := free[len(free)-1]
		free = free[:len(free)-1]
		for e := v.step(n).out; e != 0; {
			out := v.edge(e)
			if waits[out.to]--; waits[out.to] == 0 {
				free = append(free, out.to)
			}
			e = out.nextOut
		}
	}
	var rest []uint32
	for n, w := range waits {
		if w > 0 {
			rest = append(rest, uint32(n))
		}
	}
	g := v.ancestors(rest, func(n uint32) bool { return waits[n] > 0 })
	return v.cyclesOf(g, func(*step) bool { return true })
}

// cyclesOf gives the cycles of a graph that have a member as wanted.
func (v *View) cyclesOf(g *graph, wanted func(*step) bool) []tasker.Cycle {
	var cycles []tasker.Cycle
	g.cyclic(func(members []int32) {
		var c tasker.Cycle
		found := false
		for _, m := range members {
			s := v.step(g.steps[m])
			found = found || wanted(s)
			c.StepIDs = append(c.StepIDs, s.id)
			if s.has(hasRow) {
				c.TaskIDs = append(c.TaskIDs, v.task(s.task).id)
			}
		}
		if found {
			slices.Sort(c.StepIDs)
			slices.Sort(c.TaskIDs)
			c.TaskIDs = slices.Compact(c.TaskIDs)
			cycles = append(cycles, c)
		}
	})
	slices.SortFunc(cycles, func(a, b tasker.Cycle) int { return cmp.Compare(a.StepIDs[0], b.StepIDs[0]) })
	return cycles
}
