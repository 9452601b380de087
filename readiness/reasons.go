package readiness

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Reasons says whether a step can run at now and, if not, every reason why,
// with the steps that it waits for: all its ancestors that are not done, also
// in other tasks, at most maxBlockers of them in full. It is false where the
// step has no row.
func (v *View) Reasons(stepID int64, now tasker.Timestamp, maxBlockers int) (tasker.StepReasons, bool) {
	n := v.stepIDs.get(stepID)
	if n == 0 || !v.step(n).has(hasRow) {
		return tasker.StepReasons{}, false
	}
	s := v.step(n)
	name, _ := v.nameOf(s)
	r := tasker.StepReasons{
		WorkflowStepID:    s.id,
		TaskID:            v.task(s.task).id,
		Name:              name,
		CurrentState:      v.states[s.state],
		ReadyForExecution: s.has(candidate) && s.gate() <= now,
		ReadySince:        tasker.NoTime,
		Reasons:           []tasker.Reason{},
	}
	if r.ReadyForExecution {
		r.ReadySince = s.mark
	}
	if s.doneParents != s.parents {
		r.Reasons = append(r.Reasons, tasker.Reason{
			Code: tasker.ReasonDependenciesNotSatisfied, Since: s.createdAt, Until: tasker.NoTime,
			Detail: fmt.Sprintf("%d of %d parents are neither complete nor resolved_manually", s.parents-s.doneParents, s.parents),
		})
	}
	r.Reasons = v.appendOwn(r.Reasons, s, now)
	r.Blockers, r.BlockersOmitted = v.blockers(s, now, maxBlockers)
	return r, true
}

// appendOwn appends every reason but the dependencies.
func (v *View) appendOwn(list []tasker.Reason, s *step, now tasker.Timestamp) []tasker.Reason {
	add := func(code tasker.ReasonCode, since, until tasker.Timestamp, format string, values ...any) {
		list = append(list, tasker.Reason{Code: code, Since: since, Until: until, Detail: fmt.Sprintf(format, values...)})
	}
	const never = tasker.NoTime
	if !s.has(hasRow) {
		add(tasker.ReasonNoNamedStep, never, never, "the step itself is missing: edges or transitions refer to a row that is not there")
		return list
	}
	if _, ok := v.nameOf(s); !ok {
		add(tasker.ReasonNoNamedStep, never, never, "its named step %d is missing", v.namedSteps.at(s.named).id)
	}
	if s.state != statePending && s.state != stateError {
		add(tasker.ReasonInvalidState, s.stateAt, never, "its state is %s; only pending and error can run", v.states[s.state])
	}
	switch {
	case v.rules == tasker.RulesV01 && s.has(attemptsNull):
		add(tasker.ReasonAttemptsUnknown, never, never, "attempts is NULL, which the rules v01 read as not ready")
	case s.attemptsOr0() >= s.limitOr3():
		add(tasker.ReasonAttemptsExhausted, s.lastAttempt, never, "%d of %d attempts are used", s.attemptsOr0(), s.limitOr3())
	}
	if !s.has(retryable) {
		add(tasker.ReasonNotRetryable, never, never, "retryable is false, which bars a first run, too")
	}
	if s.has(inProcess) {
		add(tasker.ReasonInProcess, never, never, "in_process is true")
	}
	if s.has(processed) {
		add(tasker.ReasonProcessed, s.mark, never, "processed is true")
	}
	if until := s.explicitUntil(); until > now {
		add(tasker.ReasonExplicitBackoff, s.lastAttempt, until, "a wait of %d s was asked for, until %s", s.backoff, until)
	}
	if until := s.failureUntil(); until > now {
		add(tasker.ReasonFailureBackoff, s.failedAt(), until, "the wait after its failure lasts until %s", until)
	}
	return list
}
