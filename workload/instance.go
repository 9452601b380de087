package workload

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Instance is one task of a workflow and what has happened to it so far.
type Instance struct {
	Workflow  *Workflow
	CreatedAt tasker.Timestamp
	// Moves are the task's transitions, oldest first.
	Moves []Move
	// Steps has one entry per step of the workflow, in its order.
	Steps []StepRun
}

// StepRun is a step of a task: its options, which a scenario may have changed,
// and its transitions, oldest first; none means pending.
type StepRun struct {
	Retryable  bool
	RetryLimit tasker.Null[int32]
	Moves      []Move
}

// Move is a transition that was made.
type Move struct {
	To string
	At tasker.Timestamp
	// Backoff is the backoff_request_seconds that a failure asked for.
	Backoff tasker.Null[int32]
}

// Instantiate is a task of the workflow to which nothing has happened yet.
func Instantiate(w *Workflow, createdAt tasker.Timestamp) *Instance {
	i := &Instance{Workflow: w, CreatedAt: createdAt, Steps: make([]StepRun, len(w.Steps))}
	for s := range w.Steps {
		i.Steps[s].Retryable = w.Steps[s].Retryable
		i.Steps[s].RetryLimit = w.Steps[s].RetryLimit
	}
	return i
}

// State is the state after the last move.
func (i *Instance) State() string { return stateAfter(i.Moves) }

// State is the state after the last move.
func (s *StepRun) State() string { return stateAfter(s.Moves) }

func stateAfter(moves []Move) string {
	if len(moves) == 0 {
		return tasker.Pending
	}
	return moves[len(moves)-1].To
}

func (i *Instance) add(to string, at tasker.Timestamp) {
	i.Moves = append(i.Moves, Move{To: to, At: at})
}

func (s *StepRun) add(to string, at tasker.Timestamp) {
	s.Moves = append(s.Moves, Move{To: to, At: at})
}

// last is the time of the latest thing that happened.
func (i *Instance) last() tasker.Timestamp {
	t := i.CreatedAt
	for s := range i.Steps {
		if m := i.Steps[s].Moves; len(m) > 0 {
			t = max(t, m[len(m)-1].At)
		}
	}
	if len(i.Moves) > 0 {
		t = max(t, i.Moves[len(i.Moves)-1].At)
	}
	return t
}

// shift moves the whole history in time.
func (i *Instance) shift(d time.Duration) {
	i.CreatedAt = i.CreatedAt.Add(d)
	for m := range i.Moves {
		i.Moves[m].At = i.Moves[m].At.Add(d)
	}
	for s := range i.Steps {
		for m := range i.Steps[s].Moves {
			i.Steps[s].Moves[m].At = i.Steps[s].Moves[m].At.Add(d)
		}
	}
}

// Check says whether every move is one that the engine's state machines allow,
// and no move lies before the one that it follows.
func (i *Instance) Check() error {
	if err := checkMoves("task", taskMoves, i.CreatedAt, i.Moves); err != nil {
		return err
	}
	for s := range i.Steps {
		if err := checkMoves("step "+i.Workflow.Steps[s].Name, stepMoves, i.CreatedAt, i.Steps[s].Moves); err != nil {
			return err
		}
	}
	return nil
}
