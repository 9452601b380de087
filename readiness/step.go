package readiness

import (
	"math"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// step is what the index knows of a workflow step: the columns of its row, its
// most recent transition, and the counts that its parents keep for it. It
// holds no pointer.
//
// It exists as long as something tells of it: its row, a most recent
// transition, or an edge. Whatever comes first creates it.
type step struct {
	id           int64
	transitionID int64            // the most recent one, where hasState
	stateAt      tasker.Timestamp // its created_at
	lastAttempt  tasker.Timestamp
	createdAt    tasker.Timestamp
	// mark is processed_at of a step that is processed, and of a candidate
	// since when it is ready: no step is both.
	mark        tasker.Timestamp
	task        uint32 // number of its task; 0 without a row
	named       uint32 // number of its named step; 0 without a row
	attempts    int32
	limit       int32
	backoff     int32
	parents     uint32 // edges to it
	doneParents uint32 // those of them from steps with countedDone
	in, out     uint32 // first edge to it and from it
	state       uint16 // pending where not hasState
	flags       uint16
}

const (
	hasRow uint16 = 1 << iota
	hasState
	retryable
	inProcess
	processed
	attemptsNull
	limitNull
	backoffNull
	countedDone // its children count it as done
	candidate   // everything but the clock lets it run
	gated       // a candidate with an instant before which it cannot run
	touched     // its share of the totals is taken out until the commit
	restated    // its transition changed since then
)

func (s *step) has(f uint16) bool { return s.flags&f != 0 }

func (s *step) done() bool { return s.state == stateComplete || s.state == stateResolved }

// attemptsOr0 and limitOr3 read the columns as the functions do.
func (s *step) attemptsOr0() int32 {
	if s.has(attemptsNull) {
		return 0
	}
	return s.attempts
}

func (s *step) limitOr3() int32 {
	if s.has(limitNull) {
		return tasker.DefaultRetryLimit
	}
	return s.limit
}

// failedAt is when it failed, where that is the latest that happened to it.
func (s *step) failedAt() tasker.Timestamp {
	if s.state != stateError {
		return tasker.NoTime
	}
	return s.stateAt
}

// explicitUntil is last_attempted_at + backoff_request_seconds.
func (s *step) explicitUntil() tasker.Timestamp {
	if s.has(backoffNull) || s.lastAttempt == tasker.NoTime {
		return tasker.NoTime
	}
	return s.lastAttempt.AddSeconds(int64(s.backoff))
}

// failureUntil is failed_at + min(2^attempts, 30) seconds, NULL attempts
// counting as 1.
func (s *step) failureUntil() tasker.Timestamp {
	at := s.failedAt()
	if !at.Finite() {
		return at
	}
	attempts := s.attempts
	if s.has(attemptsNull) {
		attempts = 1
	}
	switch {
	case attempts >= 5: // 2^5 > 30
		return at.AddSeconds(tasker.MaxFailureBackoffSeconds)
	case attempts >= 0:
		return at.AddSeconds(1 << attempts)
	}
	// Below zero, which only a hand-made row is, the wait is a part of a second.
	until := at + tasker.Timestamp(math.RoundToEven(math.Ldexp(1e6, int(attempts))))
	if until < at {
		return tasker.Infinity
	}
	return until
}

// gate is the instant from which both backoffs have passed, NoTime without any.
func (s *step) gate() tasker.Timestamp { return max(s.explicitUntil(), s.failureUntil()) }

// runnable says whether everything but the clock lets the step run.
func (s *step) runnable(rules tasker.Rules, hasName bool) bool {
	return hasName &&
		s.flags&(hasRow|retryable|inProcess|processed) == hasRow|retryable &&
		(s.state == statePending || s.state == stateError) &&
		s.doneParents == s.parents &&
		s.attemptsOr0() < s.limitOr3() &&
		(rules != tasker.RulesV01 || !s.has(attemptsNull))
}

// exhausted says whether a failed step counts as out of attempts in a context.
func (s *step) exhausted(rules tasker.Rules) bool {
	return s.state == stateError && s.attemptsOr0() >= s.limitOr3() &&
		(rules != tasker.RulesV01 || !s.has(attemptsNull))
}

// retryEligible is the column of that name.
func (s *step) retryEligible(rules tasker.Rules, now tasker.Timestamp) bool {
	at := s.retryAt(rules)
	return at != tasker.NoTime && at <= now
}

// retryAt is the instant from which on the step is retry_eligible, NoTime for
// never.
func (s *step) retryAt(rules tasker.Rules) tasker.Timestamp {
	if rules != tasker.RulesV01 {
		if s.attemptsOr0() < s.limitOr3() {
			return tasker.NegativeInfinity
		}
		return tasker.NoTime
	}
	if !s.has(attemptsNull) && (s.attempts >= s.limitOr3() || s.attempts > 0 && !s.has(retryable)) {
		return tasker.NoTime
	}
	if s.failedAt() == tasker.NoTime {
		return tasker.NegativeInfinity
	}
	if until := s.explicitUntil(); until != tasker.NoTime {
		return until
	}
	return s.failureUntil()
}

// orphan says whether nothing tells of the step any more.
func (s *step) orphan() bool { return !s.has(hasRow|hasState) && s.in == 0 && s.out == 0 }
