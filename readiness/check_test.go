package readiness

import (
	"errors"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Check computes everything that a view keeps beside the facts anew and says
// where it differs, for tests.
func (v *View) Check() error {
	var problems []error
	wrong := func(format string, values ...any) { problems = append(problems, fmt.Errorf(format, values...)) }
	v.checkSteps(wrong)
	v.checkTasks(wrong)
	v.checkEdges(wrong)
	v.checkReady(wrong)
	return errors.Join(problems...)
}

type reporter func(format string, values ...any)

func (v *View) checkSteps(wrong reporter) {
	count, rows, nameless := 0, 0, 0
	uses := map[uint32]uint32{}
	v.eachStep(func(n uint32, s *step) {
		count++
		if s.has(touched) || s.has(restated) {
			wrong("step %d is marked as at work", s.id)
		}
		if got := v.stepIDs.get(s.id); got != n {
			wrong("step %d is number %d, found as %d", s.id, n, got)
		}
		if s.has(countedDone) != s.done() {
			wrong("step %d: done %t, counted as %t", s.id, s.done(), s.has(countedDone))
		}
		if !s.has(hasState) && (s.state != statePending || s.stateAt != 0 || s.transitionID != 0) {
			wrong("step %d has a state without a transition", s.id)
		}
		var parents, done uint32
		for e := s.in; e != 0; e = v.edge(e).nextIn {
			if v.edge(e).to != n {
				wrong("step %d lists edge %d to another", s.id, v.edge(e).id)
			}
			parents++
			if v.step(v.edge(e).from).done() {
				done++
			}
		}
		if parents != s.parents || done != s.doneParents {
			wrong("step %d: %d/%d parents done, kept %d/%d", s.id, done, parents, s.doneParents, s.parents)
		}
		for e := s.out; e != 0; e = v.edge(e).nextOut {
			if v.edge(e).from != n {
				wrong("step %d lists edge %d from another", s.id, v.edge(e).id)
			}
		}
		_, named := v.nameOf(s)
		if s.has(candidate) != s.runnable(v.rules, named) {
			wrong("step %d: candidate %t", s.id, s.has(candidate))
		}
		if s.has(gated) != (s.has(candidate) && s.gate() != tasker.NoTime) {
			wrong("step %d: gated %t", s.id, s.has(gated))
		}
		if !s.has(hasRow) {
			return
		}
		rows++
		uses[s.named]++
		if !named {
			nameless++
		}
		if !v.holds(v.task(s.task), s, n) {
			wrong("step %d is not in the list of its task", s.id)
		}
	})
	if count != v.stepIDs.count || int64(rows) != v.health.TotalSteps || nameless != v.nameless {
		wrong("%d steps, %d rows, %d nameless; kept %d, %d, %d", count, rows, nameless,
			v.stepIDs.count, v.health.TotalSteps, v.nameless)
	}
	for n := uint32(1); n <= v.namedSteps.last; n++ {
		if got := v.namedSteps.at(n).uses; got != uses[n] {
			wrong("named step %d is used %d times, kept %d", v.namedSteps.at(n).id, uses[n], got)
		}
	}
}

func (v *View) checkTasks(wrong reporter) {
	fresh := &Index{store: v.store, rules: v.rules} // to count with
	fresh.freeze()
	count := 0
	uses := map[uint32]uint32{}
	v.taskIDs.all(func(id int64, n uint32) bool {
		count++
		t := v.task(n)
		if t.id != id || t.orphan() || t.has(touched) {
			wrong("task %d is found as %d", t.id, id)
		}
		if t.has(hasRow) {
			uses[t.named]++
		}
		var want task
		var last int64 = -1 << 63
		var gatedSteps uint32
		for _, sn := range t.steps.all() {
			s := v.step(sn)
			if s.id <= last || s.task != n || !s.has(hasRow) {
				wrong("task %d lists step %d", id, s.id)
			}
			last = s.id
			_, named := v.nameOf(s)
			fresh.count(s, &want, named, 1)
			if s.state == stateComplete && s.stateAt.Finite() && s.createdAt.Finite() {
				want.completedAt.add(int64(s.stateAt))
				want.totals.createdAt.add(int64(s.createdAt))
			}
			switch {
			case s.has(gated):
				gatedSteps++
				if g := s.gate(); g < t.firstGate || g > t.lastGate {
					wrong("task %d: gate %s outside of %s to %s", id, g, t.firstGate, t.lastGate)
				}
			case s.has(candidate):
				want.open++
			}
		}
		want.gated, want.firstGate, want.lastGate = gatedSteps, t.firstGate, t.lastGate
		if want.totals != t.totals {
			wrong("task %d: totals %+v, kept %+v", id, want.totals, t.totals)
		}
		fresh.includeTask(t)
		return true
	})
	if count != v.taskIDs.count {
		wrong("%d tasks, kept %d", count, v.taskIDs.count)
	}
	if fresh.health != v.health {
		wrong("health %+v, kept %+v", fresh.health, v.health)
	}
	for n := uint32(1); n <= v.namedTasks.last; n++ {
		if got := v.namedTasks.at(n).uses; got != uses[n] {
			wrong("named task %d is used %d times, kept %d", v.namedTasks.at(n).id, uses[n], got)
		}
	}
}

func (v *View) checkEdges(wrong reporter) {
	in, out, rows := 0, 0, 0
	v.eachStep(func(_ uint32, s *step) {
		for e := s.in; e != 0; e = v.edge(e).nextIn {
			in++
		}
		for e := s.out; e != 0; e = v.edge(e).nextOut {
			out++
		}
	})
	v.edges.each(func(_ uint64, page *edgePage) bool {
		for i := range page {
			if page[i].to != 0 {
				rows++
			}
		}
		return true
	})
	if in != v.edgeCount || out != v.edgeCount || rows != v.edgeCount {
		wrong("%d edges in lists of children, %d in lists of parents, %d in pages; kept %d", in, out, rows, v.edgeCount)
	}
}

func (v *View) checkReady(wrong reporter) {
	count := 0
	v.eachStep(func(_ uint32, s *step) {
		if !s.has(candidate) {
			return
		}
		count++
		if _, ok := v.ready.Get(readyKey{s.mark, s.id}); !ok {
			wrong("step %d is not in the set of ready ones", s.id)
		}
		if s.mark < s.gate() {
			wrong("step %d is ready before its gate", s.id)
		}
	})
	if count != v.candidates || count != v.ready.Len() {
		wrong("%d candidates, kept %d, %d in the set", count, v.candidates, v.ready.Len())
	}
}

// holds says whether a task lists a step where it is looked for.
func (v *View) holds(t *task, s *step, n uint32) bool {
	at, found := v.place(&t.steps, s.id)
	return found && t.steps.at(at) == n
}
