package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Outlook is what can still become of a task by itself: by its workers, its
// other steps and the clock, without a hand that changes rows.
type Outlook struct {
	// Open are the steps that are not done and can still come to an end; with
	// none, the task stays as it is.
	Open int64
	// Those that can never run again: failed or never run with no attempt left
	// or not retryable, cancelled, or behind such a one.
	Exhausted, NotRetryable, Cancelled, Behind int64
}

// Dead are the steps that can never run again.
func (o *Outlook) Dead() int64 { return o.Exhausted + o.NotRetryable + o.Cancelled + o.Behind }

// Outlook looks at every step of a task that is not done and, where it waits,
// at what it waits for, also in other tasks. Whatever is not certain counts as
// open: a state that the engine does not know, a step without a row, a cycle.
// It takes time in proportion to the edges above those steps.
func (v *View) Outlook(taskID int64) Outlook {
	var o Outlook
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return o
	}
	seen := map[uint32]fate{}
	for _, sn := range v.task(n).steps.all() {
		if v.step(sn).done() {
			continue
		}
		switch v.fate(sn, seen) {
		case fateOpen:
			o.Open++
		case fateExhausted:
			o.Exhausted++
		case fateNotRetryable:
			o.NotRetryable++
		case fateCancelled:
			o.Cancelled++
		case fateBehind:
			o.Behind++
		}
	}
	return o
}

// fate is what can become of a step that is not done. While it is being found
// out it is open, so that a cycle is.
type fate uint8

const (
	fateOpen fate = iota
	fateExhausted
	fateNotRetryable
	fateCancelled
	fateBehind
)

func (v *View) fate(n uint32, seen map[uint32]fate) fate {
	if f, ok := seen[n]; ok {
		return f
	}
	seen[n] = fateOpen
	s := v.step(n)
	f := v.ownFate(s)
	if f == fateOpen && s.doneParents != s.parents && (s.state == statePending || s.state == stateError) {
		for e := s.in; e != 0 && f == fateOpen; {
			in := v.edge(e)
			if p := v.step(in.from); !p.done() && v.fate(in.from, seen) != fateOpen {
				f = fateBehind
			}
			e = in.nextIn
		}
	}
	seen[n] = f
	return f
}

func (v *View) ownFate(s *step) fate {
	switch {
	case !s.has(hasRow):
		return fateOpen
	case v.states[s.state] == tasker.Cancelled:
		return fateCancelled
	case s.state != statePending && s.state != stateError, s.has(inProcess | processed):
		return fateOpen
	case s.attemptsOr0() >= s.limitOr3():
		return fateExhausted
	case !s.has(retryable):
		return fateNotRetryable
	}
	return fateOpen
}

// StepTransition is the id of a step's most recent transition, 0 without one.
func (v *View) StepTransition(stepID int64) int64 {
	if n := v.stepIDs.get(stepID); n != 0 && v.step(n).has(hasState) {
		return v.step(n).transitionID
	}
	return 0
}

// TaskTransitions are the id of a task's most recent transition and the highest
// of those of its steps, 0 where there is none. As transitions are only ever
// added, the two tell one state of the task from every other.
func (v *View) TaskTransitions(taskID int64) (task, steps int64) {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return 0, 0
	}
	t := v.task(n)
	if t.has(hasState) {
		task = t.transitionID
	}
	for _, sn := range t.steps.all() {
		if s := v.step(sn); s.has(hasState) {
			steps = max(steps, s.transitionID)
		}
	}
	return task, steps
}
