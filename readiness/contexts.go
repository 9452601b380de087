package readiness

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TaskExecutionContext answers get_task_execution_context, false where there
// is no such task.
func (v *View) TaskExecutionContext(taskID int64, now tasker.Timestamp) (tasker.TaskExecutionContext, bool) {
	var c tasker.TaskExecutionContext
	ok := v.context(&c, taskID, now)
	return c, ok
}

// TaskExecutionContexts answers get_task_execution_contexts_batch: in the
// order of the ids, a task named twice twice, unknown ones left out.
func (v *View) TaskExecutionContexts(taskIDs []int64, now tasker.Timestamp) []tasker.TaskExecutionContext {
	return v.AppendTaskExecutionContexts(nil, taskIDs, now)
}

// AppendTaskExecutionContexts appends the rows of TaskExecutionContexts to dst.
func (v *View) AppendTaskExecutionContexts(dst []tasker.TaskExecutionContext, taskIDs []int64, now tasker.Timestamp) []tasker.TaskExecutionContext {
	if !slices.IsSorted(taskIDs) {
		taskIDs = slices.Clone(taskIDs)
		slices.Sort(taskIDs)
	}
	dst = slices.Grow(dst, len(taskIDs))
	for _, id := range taskIDs {
		dst = append(dst, tasker.TaskExecutionContext{})
		if !v.context(&dst[len(dst)-1], id, now) {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

func (v *View) context(c *tasker.TaskExecutionContext, taskID int64, now tasker.Timestamp) bool {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return false
	}
	t := v.task(n)
	if !t.has(hasRow) {
		return false
	}
	ready := t.open + v.gatesPassed(t, now)
	*c = tasker.TaskExecutionContext{
		TaskID:          taskID,
		NamedTaskID:     int32(v.namedTasks.at(t.named).id),
		Status:          v.states[t.state],
		TotalSteps:      int64(t.rows),
		PendingSteps:    int64(t.pending),
		InProgressSteps: int64(t.inProgress),
		CompletedSteps:  int64(t.done),
		FailedSteps:     int64(t.failed),
		ReadySteps:      int64(ready),
	}
	switch {
	case ready > 0:
		c.ExecutionStatus, c.RecommendedAction = tasker.HasReadySteps, tasker.ExecuteReadySteps
	case t.inProgress > 0:
		c.ExecutionStatus, c.RecommendedAction = tasker.Processing, tasker.WaitForCompletion
	case t.exhausted > 0:
		c.ExecutionStatus, c.RecommendedAction = tasker.BlockedByFailures, tasker.HandleFailures
	case t.rows > 0 && t.done == t.rows:
		c.ExecutionStatus, c.RecommendedAction = tasker.AllComplete, tasker.FinalizeTask
	default:
		c.ExecutionStatus, c.RecommendedAction = tasker.WaitingForDependencies, tasker.WaitForDependencies
	}
	c.CompletionPercentage.Scale = 2
	if t.rows > 0 {
		c.CompletionPercentage = tasker.Quotient(100*int64(t.done), int64(t.rows), 2)
	}
	switch {
	case t.failed == 0:
		c.HealthStatus = tasker.Healthy
	case t.exhausted > 0 && ready == 0:
		c.HealthStatus = tasker.Blocked
	default:
		c.HealthStatus = tasker.Recovering
	}
	return true
}

// gatesPassed counts the candidates whose gate is not after now.
func (v *View) gatesPassed(t *task, now tasker.Timestamp) uint32 {
	switch {
	case t.gated == 0 || now < t.firstGate:
		return 0
	case now >= t.lastGate:
		return t.gated
	}
	var passed uint32
	for _, n := range t.steps.all() {
		if s := v.step(n); s.has(gated) && s.gate() <= now {
			passed++
		}
	}
	return passed
}
