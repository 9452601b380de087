package workload

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// stepMoves and taskMoves are what the engine's state machines allow, guards
// apart, by the state left.
var (
	stepMoves = map[string][]string{
		tasker.Pending:    {tasker.InProgress, tasker.Error, tasker.Cancelled, tasker.ResolvedManually},
		tasker.InProgress: {tasker.Complete, tasker.Error, tasker.Cancelled},
		tasker.Error:      {tasker.Pending, tasker.ResolvedManually},
	}
	taskMoves = map[string][]string{
		tasker.Pending:          {tasker.InProgress, tasker.Cancelled, tasker.Error},
		tasker.InProgress:       {tasker.Complete, tasker.Error, tasker.Cancelled, tasker.Pending},
		tasker.Error:            {tasker.Pending, tasker.ResolvedManually},
		tasker.Complete:         {tasker.Cancelled},
		tasker.ResolvedManually: {tasker.Cancelled},
	}
)

// StepMoveAllowed says whether the engine's state machine lets a step go from
// one state to the other (its guards apart).
func StepMoveAllowed(from, to string) bool { return allowed(stepMoves, from, to) }

// TaskMoveAllowed says the same of a task.
func TaskMoveAllowed(from, to string) bool { return allowed(taskMoves, from, to) }

func allowed(moves map[string][]string, from, to string) bool {
	for _, t := range moves[from] {
		if t == to {
			return true
		}
	}
	return false
}

func checkMoves(of string, moves map[string][]string, since tasker.Timestamp, made []Move) error {
	state := tasker.Pending
	for _, m := range made {
		if !allowed(moves, state, m.To) {
			return fmt.Errorf("%s goes from %s to %s, which no state machine allows", of, state, m.To)
		}
		if m.At < since {
			return fmt.Errorf("%s goes to %s at %v, before %v", of, m.To, m.At, since)
		}
		state, since = m.To, m.At
	}
	return nil
}

// JSON that the rows of a task carry.
const (
	emptyObject  = `{}`
	emptyArray   = `[]`
	doneResults  = `{"status": "done"}`
	errorResults = `{"error": "the handler failed", "error_class": "StandardError"}`
)

// ApplyToStep changes a step's columns as the move does in the engine, or,
// where the engine has no writer for it, as an outside writer has to.
func (m Move) ApplyToStep(row *tasker.WorkflowStep) {
	switch m.To {
	case tasker.InProgress:
		return // the engine leaves the row untouched
	case tasker.Complete:
		row.Attempts = tasker.Some(row.Attempts.Or(0) + 1)
		row.LastAttemptedAt = m.At
		row.Processed, row.InProcess, row.ProcessedAt = true, false, m.At
		row.Results = []byte(doneResults)
	case tasker.Error:
		row.Attempts = tasker.Some(row.Attempts.Or(0) + 1)
		row.LastAttemptedAt = m.At
		row.Processed, row.InProcess = false, false
		row.Results = []byte(errorResults)
		if m.Backoff.Valid {
			row.BackoffRequestSeconds = m.Backoff
		}
	case tasker.Pending:
		row.Processed, row.InProcess = false, false
		if b := row.BackoffRequestSeconds; b.Valid && row.LastAttemptedAt.AddSeconds(int64(b.V)) <= m.At {
			row.BackoffRequestSeconds = tasker.Null[int32]{}
		}
	case tasker.ResolvedManually:
		row.Processed, row.InProcess, row.ProcessedAt = true, false, m.At
	case tasker.Cancelled:
		row.InProcess = false
	default:
		return
	}
	row.UpdatedAt = m.At
}

// ApplyToTask does the same for a task.
func (m Move) ApplyToTask(row *tasker.Task) {
	switch m.To {
	case tasker.Complete, tasker.ResolvedManually:
		row.Complete, row.UpdatedAt = true, m.At
	}
}
