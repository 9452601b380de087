package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// include adds a step's share to its task's totals and to the counts over all
// steps; exclude takes the same share out again. Between two commits every
// step with a row is included exactly once, by the facts that it has: whoever
// changes one excludes the step first (touch) and the commit includes it again.
func (x *Index) include(n uint32, s *step) {
	if !s.has(hasRow) {
		return
	}
	t := x.editTask(s.task)
	_, hasName := x.nameOf(s)
	if s.runnable(x.rules, hasName) {
		x.enlist(n, s, t)
	}
	x.count(s, t, hasName, 1)
	if s.state == stateComplete && s.stateAt.Finite() && s.createdAt.Finite() {
		t.completedAt.add(int64(s.stateAt))
		t.totals.createdAt.add(int64(s.createdAt))
	}
}

func (x *Index) exclude(s *step) {
	if !s.has(hasRow) {
		return
	}
	t := x.editTask(s.task)
	_, hasName := x.nameOf(s)
	if s.has(candidate) {
		x.delist(s, t)
	}
	x.count(s, t, hasName, -1)
	if s.state == stateComplete && s.stateAt.Finite() && s.createdAt.Finite() {
		t.completedAt.subtract(int64(s.stateAt))
		t.totals.createdAt.subtract(int64(s.createdAt))
	}
}

// count adds delta wherever the step counts.
func (x *Index) count(s *step, t *task, hasName bool, delta int) {
	d, h := uint32(delta), &x.health
	failedOut := s.exhausted(x.rules)
	if hasName {
		t.rows += d
		switch s.state {
		case statePending:
			t.pending += d
		case stateInProgress:
			t.inProgress += d
		case stateComplete, stateResolved:
			t.done += d
		case stateError:
			t.failed += d
			if failedOut {
				t.exhausted += d
			}
		}
	} else {
		x.nameless += delta
	}
	h.TotalSteps += int64(delta)
	if !s.has(hasState) {
		return
	}
	switch s.state {
	case statePending:
		t.active += d
		h.PendingSteps += int64(delta)
	case stateInProgress:
		t.active += d
		h.InProgressSteps += int64(delta)
	case stateComplete:
		t.complete += d
		h.CompleteSteps += int64(delta)
	case stateError:
		t.errors += d
		countFailed(s, h, int64(delta))
	case stateResolved, stateSkipped:
	default:
		t.active += d
	}
}

// countFailed follows the health counts: raw columns, where NULL on either
// side makes a comparison false.
func countFailed(s *step, h *tasker.SystemHealthCounts, delta int64) {
	h.ErrorSteps += delta
	switch {
	case s.has(attemptsNull | limitNull):
	case s.attempts >= s.limit:
		h.ExhaustedRetrySteps += delta
	case s.has(retryable):
		h.RetryableErrorSteps += delta
		if s.lastAttempt != tasker.NoTime {
			h.InBackoffSteps += delta
		}
	}
}

// enlist makes a step a candidate.
func (x *Index) enlist(n uint32, s *step, t *task) {
	s.flags |= candidate
	gate := s.gate()
	s.mark = max(gate, x.readyFrom(s))
	if gate == tasker.NoTime {
		t.open++
	} else {
		s.flags |= gated
		if t.gated == 0 {
			t.firstGate, t.lastGate = gate, gate
		}
		t.firstGate, t.lastGate = min(t.firstGate, gate), max(t.lastGate, gate)
		t.gated++
	}
	x.candidates++
	if x.ready != nil {
		x.ready.Set(readyKey{s.mark, s.id})
	}
}

func (x *Index) delist(s *step, t *task) {
	if x.ready != nil {
		x.ready.Delete(readyKey{s.mark, s.id})
	}
	x.candidates--
	if s.has(gated) {
		t.gated--
	} else {
		t.open--
	}
	s.flags &^= candidate | gated
	s.mark = tasker.NoTime
}

// readyFrom is when everything but the clock came to let a step run, as far as
// the rows tell: the latest of its creation, of its own transition and of its
// parents', and not later than the commit at which we see it.
func (x *Index) readyFrom(s *step) tasker.Timestamp {
	at := s.createdAt
	if s.has(hasState) {
		at = max(at, s.stateAt)
	}
	for e := s.in; e != 0; {
		in := x.edge(e)
		if p := x.step(in.from); p.has(hasState) {
			at = max(at, p.stateAt)
		}
		e = in.nextIn
	}
	return min(at, x.commitTime)
}

// includeTask and excludeTask do for the counts over all tasks what include
// and exclude do for those over steps.
func (x *Index) includeTask(t *task) { x.countTask(t, 1) }
func (x *Index) excludeTask(t *task) { x.countTask(t, -1) }

func (x *Index) countTask(t *task, delta int64) {
	if !t.has(hasRow) {
		return
	}
	h := &x.health
	h.TotalTasks += delta
	if !t.has(hasState) {
		return
	}
	switch t.state {
	case statePending:
		h.PendingTasks += delta
	case stateInProgress:
		h.InProgressTasks += delta
	case stateComplete:
		h.CompleteTasks += delta
	case stateError:
		h.ErrorTasks += delta
	case stateCancelled:
		h.CancelledTasks += delta
	}
}
