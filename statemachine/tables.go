package statemachine

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Names of the engine's events.
const (
	StepInitializeRequested = "step.initialize_requested"
	StepExecutionRequested  = "step.execution_requested"
	StepCompleted           = "step.completed"
	StepFailed              = "step.failed"
	StepRetryRequested      = "step.retry_requested"
	StepCancelled           = "step.cancelled"
	StepResolvedManually    = "step.resolved_manually"

	TaskInitializeRequested = "task.initialize_requested"
	TaskStartRequested      = "task.start_requested"
	TaskCompleted           = "task.completed"
	TaskFailed              = "task.failed"
	TaskRetryRequested      = "task.retry_requested"
	TaskCancelled           = "task.cancelled"
	TaskResolvedManually    = "task.resolved_manually"
)

var steps = Machine{
	kind: Step,
	transitions: []Transition{
		{tasker.Pending, tasker.InProgress, ParentsDone, StepExecutionRequested, nil},
		{tasker.Pending, tasker.Error, NoGuard, StepFailed, failed},
		{tasker.Pending, tasker.Cancelled, NoGuard, StepCancelled, cancelled},
		{tasker.Pending, tasker.ResolvedManually, NoGuard, StepResolvedManually, resolved},
		{tasker.InProgress, tasker.Complete, NoGuard, StepCompleted, completed},
		{tasker.InProgress, tasker.Error, NoGuard, StepFailed, failed},
		{tasker.InProgress, tasker.Cancelled, NoGuard, StepCancelled, cancelled},
		{tasker.Error, tasker.Pending, NoGuard, StepRetryRequested, retried},
		{tasker.Error, tasker.ResolvedManually, NoGuard, StepResolvedManually, resolved},
	},
	first: map[string]string{
		tasker.Pending:          StepInitializeRequested,
		tasker.InProgress:       StepExecutionRequested,
		tasker.Complete:         StepCompleted,
		tasker.Error:            StepFailed,
		tasker.Cancelled:        StepCancelled,
		tasker.ResolvedManually: StepResolvedManually,
	},
}

var tasks = Machine{
	kind: Task,
	transitions: []Transition{
		{tasker.Pending, tasker.InProgress, NoGuard, TaskStartRequested, nil},
		{tasker.Pending, tasker.Error, NoGuard, TaskFailed, nil},
		{tasker.Pending, tasker.Cancelled, NoGuard, TaskCancelled, nil},
		{tasker.InProgress, tasker.Pending, NoGuard, TaskInitializeRequested, nil},
		{tasker.InProgress, tasker.Complete, StepsDone, TaskCompleted, finished},
		{tasker.InProgress, tasker.Error, NoGuard, TaskFailed, nil},
		{tasker.InProgress, tasker.Cancelled, NoGuard, TaskCancelled, nil},
		{tasker.Complete, tasker.Cancelled, NoGuard, TaskCancelled, nil},
		{tasker.Error, tasker.Pending, NoGuard, TaskRetryRequested, nil},
		{tasker.Error, tasker.ResolvedManually, NoGuard, TaskResolvedManually, finished},
		{tasker.ResolvedManually, tasker.Cancelled, NoGuard, TaskCancelled, nil},
	},
	first: map[string]string{
		tasker.Pending:          TaskInitializeRequested,
		tasker.InProgress:       TaskStartRequested,
		tasker.Complete:         TaskCompleted,
		tasker.Error:            TaskFailed,
		tasker.Cancelled:        TaskCancelled,
		tasker.ResolvedManually: TaskResolvedManually,
	},
}
