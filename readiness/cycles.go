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
	var cycles []tasker.Cycle
	g := v.ancestors(v.task(n).steps.appendTo(nil), false)
	g.cyclic(func(members []int32) {
		var c tasker.Cycle
		mine := false
		for _, m := range members {
			s := v.step(g.steps[m])
			c.StepIDs = append(c.StepIDs, s.id)
			if s.has(hasRow) {
				c.TaskIDs = append(c.TaskIDs, v.task(s.task).id)
				mine = mine || s.task == n
			}
		}
		if mine {
			slices.Sort(c.StepIDs)
			slices.Sort(c.TaskIDs)
			c.TaskIDs = slices.Compact(c.TaskIDs)
			cycles = append(cycles, c)
		}
	})
	slices.SortFunc(cycles, func(a, b tasker.Cycle) int { return cmp.Compare(a.StepIDs[0], b.StepIDs[0]) })
	return cycles
}
