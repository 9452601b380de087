package agenda

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Act is something to be done about a task or one of its steps.
type Act struct {
	Service Service
	TaskID  int64
	// WorkflowStepID is the step; 0: it is about the task itself.
	WorkflowStepID int64
	// Name is that of the named step or, of a task, of the named task.
	Name string
	// From is the state, To what it is to become: the same where a task is only
	// announced.
	From, To string
	// Announce is whether the task is to be announced.
	Announce bool
	// Due is the instant from which it may be done.
	Due tasker.Timestamp
	// Reason says why, for people.
	Reason string

	// Threshold is how long the step may be in progress; 0: it has none, or the
	// act is about the task.
	Threshold time.Duration
	quiet     time.Duration

	// What it was decided on: the most recent transitions of the task and of the
	// step, and the highest id of those of all its steps; 0: none.
	TaskTransition, StepTransition, StepsTransition int64
}

// key is what two plans have in common that are the same.
type key struct {
	service    Service
	task, step int64
}

func (a *Act) key() key { return key{a.Service, a.TaskID, a.WorkflowStepID} }

// same says whether two acts of one key were decided on the same transitions.
func (a *Act) same(b *Act) bool {
	return a.From == b.From && a.To == b.To && a.TaskTransition == b.TaskTransition && a.StepTransition == b.StepTransition && a.StepsTransition == b.StepsTransition
}

// before orders acts by their instants.
func (a *Act) before(b *Act) bool {
	switch {
	case a.Due != b.Due:
		return a.Due < b.Due
	case a.TaskID != b.TaskID:
		return a.TaskID < b.TaskID
	case a.WorkflowStepID != b.WorkflowStepID:
		return a.WorkflowStepID < b.WorkflowStepID
	}
	return a.Service < b.Service
}
