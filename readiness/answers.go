package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// StepReadiness answers get_step_readiness_status: the steps of the task, or
// those of them that are named by stepIDs where it is not nil, by id. An
// unknown task has no rows.
func (v *View) StepReadiness(taskID int64, stepIDs []int64, now tasker.Timestamp) []tasker.StepReadiness {
	return v.AppendStepReadiness(nil, taskID, stepIDs, now)
}

// AppendStepReadiness appends the rows of StepReadiness to dst.
func (v *View) AppendStepReadiness(dst []tasker.StepReadiness, taskID int64, stepIDs []int64, now tasker.Timestamp) []tasker.StepReadiness {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return dst
	}
	t := v.task(n)
	if stepIDs == nil {
		return v.appendTask(slices.Grow(dst, t.steps.len()), t, now)
	}
	start := len(dst)
	for _, id := range stepIDs {
		sn := v.stepIDs.get(id)
		if sn == 0 {
			continue
		}
		if s := v.step(sn); s.task == n {
			dst = v.appendStep(dst, s, taskID, now)
		}
	}
	rows := dst[start:]
	byID := func(a, b tasker.StepReadiness) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) }
	slices.SortFunc(rows, byID)
	rows = slices.CompactFunc(rows, func(a, b tasker.StepReadiness) bool { return a.WorkflowStepID == b.WorkflowStepID })
	return dst[:start+len(rows)]
}

// StepReadinessBatch answers get_step_readiness_status_batch: the rows of all
// steps of the tasks, each task once, by step id.
func (v *View) StepReadinessBatch(taskIDs []int64, now tasker.Timestamp) []tasker.StepReadiness {
	var rows []tasker.StepReadiness
	sorted := slices.Clone(taskIDs)
	slices.Sort(sorted)
	for _, id := range slices.Compact(sorted) {
		rows = v.AppendStepReadiness(rows, id, nil, now)
	}
	slices.SortFunc(rows, func(a, b tasker.StepReadiness) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) })
	return rows
}

// Step is one step's row, false where the step or its named step is missing.
func (v *View) Step(stepID int64, now tasker.Timestamp) (tasker.StepReadiness, bool) {
	n := v.stepIDs.get(stepID)
	if n == 0 {
		return tasker.StepReadiness{}, false
	}
	s := v.step(n)
	name, ok := v.nameOf(s)
	if !ok || !s.has(hasRow) {
		return tasker.StepReadiness{}, false
	}
	var row tasker.StepReadiness
	v.readiness(&row, s, v.task(s.task).id, name, now)
	return row, true
}

func (v *View) appendTask(dst []tasker.StepReadiness, t *task, now tasker.Timestamp) []tasker.StepReadiness {
	for _, n := range t.steps.all() {
		dst = v.appendStep(dst, v.step(n), t.id, now)
	}
	return dst
}

func (v *View) appendStep(dst []tasker.StepReadiness, s *step, taskID int64, now tasker.Timestamp) []tasker.StepReadiness {
	name, ok := v.nameOf(s)
	if !ok {
		return dst
	}
	dst = append(dst, tasker.StepReadiness{})
	v.readiness(&dst[len(dst)-1], s, taskID, name, now)
	return dst
}

// readiness fills a row.
func (v *View) readiness(r *tasker.StepReadiness, s *step, taskID int64, name string, now tasker.Timestamp) {
	explicit, failure := s.explicitUntil(), s.failureUntil()
	next := explicit
	if next == tasker.NoTime {
		next = failure
	}
	*r = tasker.StepReadiness{
		WorkflowStepID:        s.id,
		TaskID:                taskID,
		NamedStepID:           int32(v.namedSteps.at(s.named).id),
		Name:                  name,
		CurrentState:          v.states[s.state],
		DependenciesSatisfied: s.doneParents == s.parents,
		RetryEligible:         s.retryEligible(v.rules, now),
		ReadyForExecution:     s.has(candidate) && max(explicit, failure) <= now,
		LastFailureAt:         s.failedAt(),
		NextRetryAt:           next,
		TotalParents:          int32(s.parents),
		CompletedParents:      int32(s.doneParents),
		RetryLimit:            s.limitOr3(),
		LastAttemptedAt:       s.lastAttempt,
	}
	if !s.has(attemptsNull) || v.rules != tasker.RulesV01 {
		r.Attempts = tasker.Some(s.attemptsOr0())
	}
	if !s.has(backoffNull) {
		r.BackoffRequestSeconds = tasker.Some(s.backoff)
	}
}
