package readiness

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// recount computes everything that follows from the rows anew: after a load,
// and when the rules change.
func (x *Index) recount() {
	x.health = tasker.SystemHealthCounts{}
	x.candidates, x.nameless, x.ready = 0, 0, nil
	for n := uint32(1); n <= x.taskNumber.last; n++ {
		if x.task(n).orphan() {
			continue
		}
		t := x.editTask(n)
		t.totals = totals{}
		x.includeTask(t)
	}
	for n := uint32(1); n <= x.stepNumber.last; n++ {
		s := x.editStep(n)
		s.doneParents = 0
		s.flags &^= candidate | gated | countedDone
		s.flags |= flag(s.done(), countedDone)
		if !s.has(processed) {
			s.mark = tasker.NoTime
		}
	}
	for n := uint32(1); n <= x.stepNumber.last; n++ {
		s := x.step(n)
		if !s.has(countedDone) {
			continue
		}
		for e := s.out; e != 0; {
			out := x.edge(e)
			x.step(out.to).doneParents++ // all pages are ours by now
			e = out.nextOut
		}
	}
	var keys []readyKey
	for n := uint32(1); n <= x.stepNumber.last; n++ {
		s := x.step(n)
		if x.include(n, s); s.has(candidate) {
			keys = append(keys, readyKey{s.mark, s.id})
		}
	}
	slices.SortFunc(keys, func(a, b readyKey) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	x.ready = newReadySet()
	for _, k := range keys {
		x.ready.Load(k)
	}
}
