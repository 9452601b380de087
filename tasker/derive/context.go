package derive

import (
	"strconv"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// WorkflowSummary is what the engine calls workflow_summary of a task.
type WorkflowSummary struct {
	TotalSteps           int64           `json:"total_steps"`
	Completed            int64           `json:"completed"`
	Pending              int64           `json:"pending"`
	InProgress           int64           `json:"in_progress"`
	Failed               int64           `json:"failed"`
	Ready                int64           `json:"ready"`
	CompletionPercentage tasker.Decimal  `json:"completion_percentage"`
	Status               string          `json:"status"` // the execution status, not the task's
	Health               string          `json:"health"`
	RecommendedAction    string          `json:"recommended_action"`
	ProgressDetails      ProgressDetails `json:"progress_details"`
}

// ProgressDetails is the part progress_details of a [WorkflowSummary].
type ProgressDetails struct {
	CompletedRatio       string `json:"completed_ratio"`       // 3/7
	CompletionPercentage string `json:"completion_percentage"` // 42.86%
	RemainingSteps       int64  `json:"remaining_steps"`
	FailedSteps          int64  `json:"failed_steps"`
	ReadySteps           int64  `json:"ready_steps"`
}

// Urgency grades a recommended action.
type Urgency string

// The grades of an action's urgency.
const (
	UrgencyLow      Urgency = "low"
	UrgencyMedium   Urgency = "medium"
	UrgencyHigh     Urgency = "high"
	UrgencyCritical Urgency = "critical"
)

// NextAction is what the engine calls next_action_details.
type NextAction struct {
	Action      string  `json:"action"`
	Description string  `json:"description"` // in our words
	Urgency     Urgency `json:"urgency"`
	CanProceed  bool    `json:"can_proceed"`
}

// ContextFlags are the yes-or-no questions that users ask of an execution context.
type ContextFlags struct {
	HasWorkToDo          bool `json:"has_work_to_do"`
	IsBlocked            bool `json:"is_blocked"`
	IsComplete           bool `json:"is_complete"`
	IsHealthy            bool `json:"is_healthy"`
	NeedsIntervention    bool `json:"needs_intervention"`
	CanMakeProgress      bool `json:"can_make_progress"`
	ShouldReenqueue      bool `json:"should_reenqueue"`
	NeedsImmediateAction bool `json:"needs_immediate_action"`
}

// ContextFlagsOf answers them.
func ContextFlagsOf(c *tasker.TaskExecutionContext) ContextFlags {
	status := c.ExecutionStatus
	return ContextFlags{
		HasWorkToDo:          status == tasker.HasReadySteps || status == tasker.Processing,
		IsBlocked:            status == tasker.BlockedByFailures,
		IsComplete:           status == tasker.AllComplete,
		IsHealthy:            c.HealthStatus == tasker.Healthy,
		NeedsIntervention:    c.HealthStatus == tasker.Blocked,
		CanMakeProgress:      c.ReadySteps > 0,
		ShouldReenqueue:      status == tasker.Processing || status == tasker.WaitingForDependencies,
		NeedsImmediateAction: status == tasker.HasReadySteps,
	}
}

// WorkflowSummaryOf gives the summary of a task's context.
func WorkflowSummaryOf(c *tasker.TaskExecutionContext) WorkflowSummary {
	return WorkflowSummary{
		TotalSteps:           c.TotalSteps,
		Completed:            c.CompletedSteps,
		Pending:              c.PendingSteps,
		InProgress:           c.InProgressSteps,
		Failed:               c.FailedSteps,
		Ready:                c.ReadySteps,
		CompletionPercentage: c.CompletionPercentage,
		Status:               c.ExecutionStatus,
		Health:               c.HealthStatus,
		RecommendedAction:    c.RecommendedAction,
		ProgressDetails:      ProgressDetailsOf(c),
	}
}

// ProgressDetailsOf gives the progress of a task; the percentage is printed
// with the places that it has.
func ProgressDetailsOf(c *tasker.TaskExecutionContext) ProgressDetails {
	return ProgressDetails{
		CompletedRatio:       strconv.FormatInt(c.CompletedSteps, 10) + "/" + strconv.FormatInt(c.TotalSteps, 10),
		CompletionPercentage: c.CompletionPercentage.String() + "%",
		RemainingSteps:       c.TotalSteps - c.CompletedSteps,
		FailedSteps:          c.FailedSteps,
		ReadySteps:           c.ReadySteps,
	}
}

// NextActionOf details the recommended action. An action that the engine does
// not know is passed through, not urgent and not to be proceeded with.
func NextActionOf(c *tasker.TaskExecutionContext) NextAction {
	next := NextAction{Action: c.RecommendedAction}
	switch c.RecommendedAction {
	case tasker.ExecuteReadySteps:
		next.Description = "steps are ready and can be executed now: " + strconv.FormatInt(c.ReadySteps, 10)
		next.Urgency, next.CanProceed = UrgencyHigh, true
	case tasker.WaitForCompletion:
		next.Description = "steps are being executed: " + strconv.FormatInt(c.InProgressSteps, 10) + "; wait for them"
		next.Urgency = UrgencyLow
	case tasker.HandleFailures:
		next.Description = "steps have failed: " + strconv.FormatInt(c.FailedSteps, 10) + "; somebody has to look at them"
		next.Urgency = UrgencyCritical
	case tasker.FinalizeTask:
		next.Description = "all steps are done; the task can be finished"
		next.Urgency, next.CanProceed = UrgencyMedium, true
	case tasker.WaitForDependencies:
		next.Description = "no step can run yet; wait for what they depend on"
		next.Urgency = UrgencyLow
	default:
		next.Description = "not an action that the engine recommends"
		next.Urgency = UrgencyLow
	}
	return next
}
