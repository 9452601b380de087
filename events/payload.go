package events

import (
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TaskPayload is the payload of task.* and workflow.task_*. What is not known is
// left out.
type TaskPayload struct {
	Timestamp tasker.Timestamp    `json:"timestamp"`
	TaskID    int64               `json:"task_id"`
	TaskName  tasker.Null[string] `json:"task_name,omitzero"`

	// Of the end of a task, where it was in progress: since when, until when, and
	// the seconds between, under both of the engine's names.
	StartedAt     tasker.Null[tasker.Timestamp] `json:"started_at,omitzero"`
	CompletedAt   tasker.Null[tasker.Timestamp] `json:"completed_at,omitzero"`
	TotalDuration tasker.Null[float64]          `json:"total_duration,omitzero"`
	TotalExecuted tasker.Null[float64]          `json:"total_execution_duration,omitzero"`

	// Its steps after the transaction.
	TotalSteps     tasker.Null[int64] `json:"total_steps,omitzero"`
	CompletedSteps tasker.Null[int64] `json:"completed_steps,omitzero"`
	FailedSteps    tasker.Null[int64] `json:"failed_steps,omitzero"`
	PendingSteps   tasker.Null[int64] `json:"pending_steps,omitzero"`
}

func (p *TaskPayload) count(c *Counts) {
	if c != nil {
		p.TotalSteps, p.CompletedSteps = tasker.Some(c.Total), tasker.Some(c.Completed)
		p.FailedSteps, p.PendingSteps = tasker.Some(c.Failed), tasker.Some(c.Pending)
	}
}

// StepPayload is the payload of step.*, workflow.step_* and observability.step.*.
// What is not known is left out.
type StepPayload struct {
	Timestamp tasker.Timestamp    `json:"timestamp"`
	TaskID    tasker.Null[int64]  `json:"task_id,omitzero"`
	StepID    int64               `json:"step_id"`
	StepName  tasker.Null[string] `json:"step_name,omitzero"`
	EventType string              `json:"event_type"`

	StartedAt     tasker.Null[tasker.Timestamp] `json:"started_at,omitzero"`   // last_attempted_at
	CompletedAt   tasker.Null[tasker.Timestamp] `json:"completed_at,omitzero"` // processed_at
	AttemptNumber tasker.Null[int32]            `json:"attempt_number,omitzero"`
	RetryLimit    tasker.Null[int32]            `json:"retry_limit,omitzero"`

	// ExecutionDuration is the seconds from the transition to in_progress to this
	// one, of a step that leaves in_progress.
	ExecutionDuration tasker.Null[float64] `json:"execution_duration,omitzero"`
	// StepDependencies are the names of its parents, of a step that starts.
	StepDependencies []string `json:"step_dependencies,omitzero"`

	// Of a backoff: until when, and the seconds from the failure until then.
	NextRetryAt    tasker.Null[tasker.Timestamp] `json:"next_retry_at,omitzero"`
	BackoffSeconds tasker.Null[float64]          `json:"backoff_seconds,omitzero"`
}

func (p *StepPayload) attempt(a *Attempt) {
	if a == nil {
		return
	}
	p.StartedAt, p.CompletedAt = known(a.LastAt), known(a.ProcessedAt)
	p.AttemptNumber, p.RetryLimit = tasker.Some(a.Number), tasker.Some(a.Limit)
}

// ViablePayload is the payload of workflow.viable_steps_discovered.
type ViablePayload struct {
	Timestamp tasker.Timestamp    `json:"timestamp"`
	TaskID    int64               `json:"task_id"`
	TaskName  tasker.Null[string] `json:"task_name,omitzero"`
	StepIDs   []int64             `json:"step_ids"`
	StepCount int                 `json:"step_count"`
}

// eventType is what the engine calls a step's event in its payload.
func eventType(name string) string {
	switch _, verb, _ := strings.Cut(name, "."); verb {
	case "initialize_requested":
		return "initialized"
	case "execution_requested":
		return "started"
	case "retry_requested":
		return "retry"
	default:
		return verb
	}
}

// known makes NULL of NoTime.
func known(t tasker.Timestamp) tasker.Null[tasker.Timestamp] {
	if !t.Valid() {
		return tasker.Null[tasker.Timestamp]{}
	}
	return tasker.Some(t)
}

// seconds from one instant to another; NULL unless both are finite.
func seconds(from, to tasker.Timestamp) tasker.Null[float64] {
	if !from.Finite() || !to.Finite() {
		return tasker.Null[float64]{}
	}
	return tasker.Some(to.Sub(from).Seconds())
}
