package projection

import (
	"cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
)

// batch is what one transaction does to the rows.
type batch struct {
	steps      []readiness.StepFacts
	tasks      []readiness.TaskFacts
	dag        []dagRow
	candidates []candidateRow

	stepsGone, tasksGone, dagGone, candidatesGone []int64

	// fresh are the candidates that are new, or are ready at another time.
	fresh []candidateRow
}

// rows is how many rows it writes or deletes.
func (b *batch) rows() int {
	return len(b.steps) + len(b.tasks) + len(b.dag) + len(b.candidates) +
		len(b.stepsGone) + len(b.tasksGone) + len(b.dagGone) + len(b.candidatesGone)
}

// add adds what makes the rows of a task into others.
func (b *batch) add(before, after *taskRows) {
	switch {
	case after.task == nil && before.task != nil:
		b.tasksGone = append(b.tasksGone, before.id)
	case after.task != nil && (before.task == nil || !before.task.Equal(after.task)):
		b.tasks = append(b.tasks, *after.task)
	}
	merge(before.steps, after.steps,
		func(a, b *readiness.StepFacts) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) },
		func(s *readiness.StepFacts) { b.stepsGone = append(b.stepsGone, s.WorkflowStepID) },
		func(was, s *readiness.StepFacts) {
			if was == nil || !sameRow(*was, *s) {
				b.steps = append(b.steps, *s)
			}
		})
	merge(before.dag, after.dag,
		func(a, b *dagRow) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) },
		func(r *dagRow) { b.dagGone = append(b.dagGone, r.WorkflowStepID) },
		func(was, r *dagRow) {
			if was == nil || !was.equal(r) {
				b.dag = append(b.dag, *r)
			}
		})
	merge(before.candidates, after.candidates,
		func(a, b *candidateRow) int { return cmp.Compare(a.step, b.step) },
		func(r *candidateRow) { b.candidatesGone = append(b.candidatesGone, r.step) },
		func(was, r *candidateRow) {
			if was == nil || *was != *r {
				b.candidates = append(b.candidates, *r)
				if was == nil || was.since != r.since {
					b.fresh = append(b.fresh, *r)
				}
			}
		})
}

// sameRow compares what step_rows has of a step.
func sameRow(a, b readiness.StepFacts) bool {
	a.ReadySince, b.ReadySince = 0, 0 // a column of candidate_rows
	return a == b
}

// merge goes through two ordered lists: gone is called with what only the first
// has, kept with what the second has and its counterpart in the first, if any.
func merge[T any](before, after []T, order func(a, b *T) int, gone func(*T), kept func(was, is *T)) {
	for i, j := 0, 0; i < len(before) || j < len(after); {
		side := 0
		switch {
		case i == len(before):
			side = 1
		case j == len(after):
			side = -1
		default:
			side = order(&before[i], &after[j])
		}
		switch {
		case side < 0:
			gone(&before[i])
			i++
		case side > 0:
			kept(nil, &after[j])
			j++
		default:
			kept(&before[i], &after[j])
			i, j = i+1, j+1
		}
	}
}
