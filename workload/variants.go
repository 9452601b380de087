package workload

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// StepVariant is a step in one of the conditions that the engine's own tests
// set up.
type StepVariant struct {
	Name string
	Run  func(now tasker.Timestamp) StepRun
}

// StepVariants are the engine's. The histories are those by which the engine
// comes to such a row.
func StepVariants() []StepVariant {
	run := func(limit int32, moves ...Move) StepRun {
		return StepRun{Retryable: true, RetryLimit: tasker.Some(limit), Moves: moves}
	}
	return []StepVariant{
		{"not-retryable", func(tasker.Timestamp) StepRun {
			return StepRun{Retryable: false, RetryLimit: tasker.Some[int32](0)}
		}},
		{"limit-10", func(tasker.Timestamp) StepRun { return run(10) }},
		{"requested-backoff", func(now tasker.Timestamp) StepRun { // 30 s, asked a minute ago
			moves := Sequence("failure", now.Add(-time.Minute))
			moves[len(moves)-1].Backoff = tasker.Some[int32](30)
			return run(3, moves...)
		}},
		{"exhausted", func(now tasker.Timestamp) StepRun { // 3 of 3
			return run(3, Sequence("retries-then-failure", now)...)
		}},
		{"two-of-three-in-error", func(now tasker.Timestamp) StepRun {
			return run(3, moves(now, tasker.InProgress, tasker.Error, tasker.Pending, tasker.InProgress, tasker.Error)...)
		}},
		{"complete-after-retry", func(now tasker.Timestamp) StepRun {
			return run(3, Sequence("retry-then-success", now)...)
		}},
	}
}

// Sequences are the names that [Sequence] knows.
var Sequences = []string{"success", "failure", "retry-then-success", "retries-then-failure"}

// Sequence is one of the usual sequences of a step's transitions, the last one
// at the given time: success (2), failure (2), retry-then-success (5) and
// retries-then-failure (8). It panics on any other name.
func Sequence(name string, end tasker.Timestamp) []Move {
	switch name {
	case "success":
		return moves(end, tasker.InProgress, tasker.Complete)
	case "failure":
		return moves(end, tasker.InProgress, tasker.Error)
	case "retry-then-success":
		return moves(end, tasker.InProgress, tasker.Error, tasker.Pending, tasker.InProgress, tasker.Complete)
	case "retries-then-failure":
		return moves(end, tasker.InProgress, tasker.Error, tasker.Pending, tasker.InProgress, tasker.Error,
			tasker.Pending, tasker.InProgress, tasker.Error)
	}
	panic("workload: no sequence " + name)
}

// moves are made half a minute apart, longer than any wait after a failure.
func moves(end tasker.Timestamp, states ...string) []Move {
	made := make([]Move, len(states))
	for i, s := range states {
		made[i] = Move{To: s, At: end.Add(-time.Duration(len(states)-1-i) * 31 * time.Second)}
	}
	return made
}
