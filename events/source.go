package events

import (
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Transaction is what was committed at once, or recovered at once.
type Transaction struct {
	// LSN is the position behind the commit; zero where it is not known.
	LSN tasker.LSN
	// At is when it was committed, by the database's clock.
	At tasker.Timestamp
	// Recovered says that it was read from the transition tables afterwards.
	Recovered bool
	// Transitions are the rows inserted, in the order of the log.
	Transitions []Transition
	// Viable are the tasks of which it let steps run, ascending.
	Viable []Viable
	// Idle are the tasks of which it left nothing that runs or can run, ascending.
	Idle []int64
}

// Transition is a row that was inserted into a transition table.
type Transition struct {
	Kind     statemachine.Kind
	ID       int64 // the row's
	ParentID int64 // of the task or the step
	To       string
	At       tasker.Timestamp // created_at
}

// Viable are steps of a task that can run now, ascending.
type Viable struct {
	TaskID  int64
	StepIDs []int64
}

// State is the most recent transition of a task or a step: the zero value where
// there has been none.
type State struct {
	Name  string
	Since tasker.Timestamp
}

// Task is what is known of a task. All of it may be missing.
type Task struct {
	Name tasker.Null[string]
	// Counts of its steps, nil where they are not known.
	Counts *Counts
}

// Counts are how many steps a task has, and in which states.
type Counts struct{ Total, Completed, Failed, Pending int64 }

// Step is what is known of a step. All of it may be missing.
type Step struct {
	TaskID tasker.Null[int64]
	Name   tasker.Null[string]
	// Attempt is what its row says, nil where that is not known.
	Attempt *Attempt
	// Dependencies are the names of its parents; nil where they are not known or
	// where there are none.
	Dependencies []string
}

// Attempt is what a step's row says of the attempts to run it.
type Attempt struct {
	Number      int32
	Limit       int32
	LastAt      tasker.Timestamp // last_attempted_at
	ProcessedAt tasker.Timestamp // NoTime unless it is processed
	// Retryable says whether it may be tried again, by its columns.
	Retryable bool
	// WaitUntil is the instant before which it is not, NoTime for none.
	WaitUntil tasker.Timestamp
}

// Source answers what a transaction does not tell itself: of the moment before
// it, and of the moment after it, as of which everything else is.
type Source interface {
	// Before is the state in which the transaction found a task or a step.
	Before(kind statemachine.Kind, id int64) State
	// Task is what is known of a task after it.
	Task(id int64) Task
	// Step is what is known of a step after it.
	Step(id int64) Step
}
