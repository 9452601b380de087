package readiness

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// maxDepth is where the view tasker_step_dag_relationships gives up.
const maxDepth = 50

// StepDAGRelationships answers the view of that name for the steps of the
// tasks, nil meaning all, by step id. Depths are computed over the ancestors of
// those steps alone, across tasks.
func (v *View) StepDAGRelationships(taskIDs []int64) []tasker.StepDAGRelationship {
	wanted := v.stepsOf(taskIDs)
	depths := v.depths(wanted)
	rows := make([]tasker.StepDAGRelationship, 0, len(wanted))
	for _, n := range wanted {
		s := v.step(n)
		row := tasker.StepDAGRelationship{
			WorkflowStepID: s.id,
			TaskID:         v.task(s.task).id,
			NamedStepID:    int32(v.namedSteps.at(s.named).id),
			ParentStepIDs:  []int64{},
			ChildStepIDs:   []int64{},
		}
		for e := s.in; e != 0; {
			in := v.edge(e)
			row.ParentStepIDs = append(row.ParentStepIDs, v.step(in.from).id)
			e = in.nextIn
		}
		for e := s.out; e != 0; {
			out := v.edge(e)
			row.ChildStepIDs = append(row.ChildStepIDs, v.step(out.to).id)
			e = out.nextOut
		}
		slices.Sort(row.ParentStepIDs)
		slices.Sort(row.ChildStepIDs)
		row.ParentCount, row.ChildCount = int64(len(row.ParentStepIDs)), int64(len(row.ChildStepIDs))
		row.IsRootStep, row.IsLeafStep = s.in == 0, s.out == 0
		if d, ok := depths[n]; ok && d <= maxDepth {
			row.MinDepthFromRoot = tasker.Some(d)
		}
		rows = append(rows, row)
	}
	return rows
}

// stepsOf are the numbers of the steps of the tasks, by step id.
func (v *View) stepsOf(taskIDs []int64) []uint32 {
	var list []uint32
	if taskIDs == nil {
		v.eachStep(func(n uint32, s *step) {
			if s.has(hasRow) {
				list = append(list, n)
			}
		})
	} else {
		for _, id := range taskIDs {
			if n := v.taskIDs.get(id); n != 0 {
				list = v.task(n).steps.appendTo(list)
			}
		}
	}
	slices.SortFunc(list, func(a, b uint32) int { return compare(v.step(a).id, v.step(b).id) })
	return slices.Compact(list)
}

// depths gives the shortest path from any step without incoming edges to each
// of the steps and their ancestors, where there is one.
func (v *View) depths(steps []uint32) map[uint32]int32 {
	seen := make(map[uint32]struct{}, len(steps))
	reach := make([]uint32, 0, len(steps))
	visit := func(n uint32) {
		if _, ok := seen[n]; !ok {
			seen[n] = struct{}{}
			reach = append(reach, n)
		}
	}
	for _, n := range steps {
		visit(n)
	}
	depth := make(map[uint32]int32, len(steps))
	var queue []uint32
	for i := 0; i < len(reach); i++ {
		s := v.step(reach[i])
		if s.in == 0 && s.has(hasRow) {
			depth[reach[i]] = 0
			queue = append(queue, reach[i])
		}
		for e := s.in; e != 0; {
			in := v.edge(e)
			visit(in.from)
			e = in.nextIn
		}
	}
	for i := 0; i < len(queue); i++ {
		d := depth[queue[i]]
		for e := v.step(queue[i]).out; e != 0; {
			out := v.edge(e)
			if _, ok := seen[out.to]; ok {
				if _, done := depth[out.to]; !done {
					depth[out.to] = d + 1
					queue = append(queue, out.to)
				}
			}
			e = out.nextOut
		}
	}
	return depth
}

// Tasks calls f with the id of every task that has a row, ascending (negative
// ids last), until it says false.
func (v *View) Tasks(f func(taskID int64) bool) {
	v.taskIDs.all(func(id int64, n uint32) bool { return !v.task(n).has(hasRow) || f(id) })
}
