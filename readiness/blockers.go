package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// blockers are the ancestors of a step that are not done, nearest first, then
// by id, at most limit of them, and how many more there are. A step on a cycle
// is among its own. With a negative limit they are not looked for at all: none,
// and none more.
func (v *View) blockers(s *step, now tasker.Timestamp, limit int) ([]tasker.Blocker, int) {
	if limit < 0 {
		return []tasker.Blocker{}, 0
	}
	undone := func(n uint32) bool { return !v.step(n).done() }
	var starts []uint32
	for e := s.in; e != 0; {
		in := v.edge(e)
		if undone(in.from) {
			starts = append(starts, in.from)
		}
		e = in.nextIn
	}
	g := v.ancestors(starts, undone)
	onCycle := make([]bool, len(g.steps))
	g.cyclic(func(members []int32) {
		for _, m := range members {
			onCycle[m] = true
		}
	})
	order := make([]int, len(g.steps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(g.depth[a], g.depth[b]); c != 0 {
			return c
		}
		return cmp.Compare(v.step(g.steps[a]).id, v.step(g.steps[b]).id)
	})
	shown := order[:min(len(order), max(limit, 0))]
	list := make([]tasker.Blocker, 0, len(shown))
	for _, i := range shown {
		b := v.blocker(v.step(g.steps[i]), now)
		b.Depth, b.OnCycle = g.depth[i], onCycle[i]
		for _, p := range g.parents[i] {
			b.BlockedBy = append(b.BlockedBy, v.step(g.steps[p]).id)
		}
		slices.Sort(b.BlockedBy)
		b.BlockedBy = slices.Compact(b.BlockedBy)
		b.RootCause = b.OnCycle || len(b.BlockedBy) == 0
		list = append(list, b)
	}
	return list, len(order) - len(shown)
}

func (v *View) blocker(s *step, now tasker.Timestamp) tasker.Blocker {
	b := tasker.Blocker{
		WorkflowStepID: s.id,
		CurrentState:   v.states[s.state],
		Since:          tasker.NoTime,
		BlockedBy:      []int64{},
		Reasons:        []tasker.Reason{},
	}
	if s.has(hasState) {
		b.Since = s.stateAt
	}
	if s.has(hasRow) {
		b.TaskID = v.task(s.task).id
		b.Name, _ = v.nameOf(s)
	}
	if s.state != stateInProgress {
		b.Reasons = v.appendOwn(b.Reasons, s, now)
	}
	return b
}
