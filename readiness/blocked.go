package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Blocked counts the steps that are not done and cannot run at now, a step
// once under each reason that holds. It looks at every step, some nanoseconds
// each: it is for a scrape now and then.
func (v *View) Blocked(now tasker.Timestamp) map[tasker.ReasonCode]int64 {
	counts := map[tasker.ReasonCode]int64{}
	v.eachStep(func(_ uint32, s *step) {
		if !s.has(hasRow) || s.done() || s.has(candidate) && s.gate() <= now {
			return
		}
		for _, conjunct := range [...]struct {
			fails bool
			code  tasker.ReasonCode
		}{
			{s.doneParents != s.parents, tasker.ReasonDependenciesNotSatisfied},
			{v.nameless > 0 && !v.named(s), tasker.ReasonNoNamedStep},
			{s.state != statePending && s.state != stateError, tasker.ReasonInvalidState},
			{v.rules == tasker.RulesV01 && s.has(attemptsNull), tasker.ReasonAttemptsUnknown},
			{s.attemptsOr0() >= s.limitOr3() && !(v.rules == tasker.RulesV01 && s.has(attemptsNull)), tasker.ReasonAttemptsExhausted},
			{!s.has(retryable), tasker.ReasonNotRetryable},
			{s.has(inProcess), tasker.ReasonInProcess},
			{s.has(processed), tasker.ReasonProcessed},
			{s.explicitUntil() > now, tasker.ReasonExplicitBackoff},
			{s.failureUntil() > now, tasker.ReasonFailureBackoff},
		} {
			if conjunct.fails {
				counts[conjunct.code]++
			}
		}
	})
	return counts
}

func (v *View) named(s *step) bool {
	_, ok := v.nameOf(s)
	return ok
}
