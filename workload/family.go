package workload

import (
	"math/rand/v2"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// playFamily plays a scenario on tasks tied by edges as if their steps were
// those of one workflow, so that the guards hold across the tasks too, and then
// gives each task the moves that its own steps bring about.
func playFamily(tasks []*Instance, links []Link, s Scenario, now tasker.Timestamp, age time.Duration, r *rand.Rand) {
	if len(tasks) == 1 {
		tasks[0].Play(s, now, age, r)
		return
	}
	union, refs := unite(tasks, links)
	union.Play(s, now, age, r)
	for i, ref := range refs {
		tasks[ref.Task].Steps[ref.Step] = union.Steps[i]
	}
	for _, t := range tasks {
		t.CreatedAt = union.CreatedAt
		for m, move := range union.Moves {
			if m == 0 || t.concerns(union.Moves[m], t.Moves) {
				if move.To == tasker.Complete {
					move.At = t.last().Add(time.Millisecond)
				}
				t.Moves = append(t.Moves, move)
			}
		}
	}
}

// concerns says whether a move of the family is one of this task too.
func (i *Instance) concerns(m Move, before []Move) bool {
	switch m.To {
	case tasker.Error: // of those with a step out of attempts
		for s := range i.Steps {
			if i.Steps[s].State() == tasker.Error {
				return true
			}
		}
		return false
	case tasker.ResolvedManually:
		return stateAfter(before) == tasker.Error
	}
	return true
}

// unite is one instance with the steps of all tasks, parents first, and where
// each step came from. It panics on a cycle across tasks.
func unite(tasks []*Instance, links []Link) (*Instance, []StepRef) {
	above := map[StepRef][]StepRef{}
	for _, l := range links {
		above[l.To] = append(above[l.To], l.From)
	}
	w, at := New("", "family"), map[StepRef]int{}
	var refs []StepRef
	var place func(ref StepRef)
	place = func(ref StepRef) {
		if i, ok := at[ref]; ok {
			if i < 0 {
				panic("workload: the edges between the tasks of a family form a cycle")
			}
			return
		}
		at[ref] = -1 // being placed
		step := tasks[ref.Task].Workflow.Steps[ref.Step]
		parents := above[ref]
		for _, p := range step.Parents {
			parents = append(parents, StepRef{ref.Task, p})
		}
		step.Parents = nil
		for _, p := range parents {
			place(p)
			step.Parents = append(step.Parents, at[p])
		}
		at[ref] = len(w.Steps)
		w.Steps = append(w.Steps, step)
		refs = append(refs, ref)
	}
	for t := range tasks {
		for s := range tasks[t].Steps {
			place(StepRef{t, s})
		}
	}
	return Instantiate(w, 0), refs
}
