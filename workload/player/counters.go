package player

import (
	"sync/atomic"
	"time"
)

// Counters say what has been committed, and what happened on the way.
type Counters struct {
	Commits          int64 // all transactions that wrote something
	Tasks            int64 // created
	TasksCompleted   int64
	TasksFailed      int64 // moved to error
	TasksCancelled   int64
	Steps            int64 // created
	StepsTaken       int64
	StepsCompleted   int64
	StepsFailed      int64 // moved to error by a worker, lost races included
	StepsResolved    int64 // by hand
	StepsCancelled   int64
	StepsRetried     int64 // error → pending, by the operator
	LostRaces        int64 // unique violations and refused transitions that another worker caused
	WinnersOverruled int64 // of those, how often the loser moved the step to error
	Deaths           int64 // of workers
	Hanging          int64 // tasks that a finalizer left, in all
	Reconnects       int64
	Spins            int64 // rounds in which all that was ready had failed
	// Late is how far behind its moment the last commit began.
	Late time.Duration
}

// counters is Counters, for several goroutines.
type counters struct {
	commits, tasks, tasksCompleted, tasksFailed, tasksCancelled                atomic.Int64
	steps, stepsTaken, stepsCompleted, stepsFailed                             atomic.Int64
	stepsResolved, stepsCancelled, stepsRetried                                atomic.Int64
	lostRaces, winnersOverruled, deaths, hanging, reconnects, spins, lateNanos atomic.Int64
}

func (c *counters) read() Counters {
	return Counters{
		Commits: c.commits.Load(), Tasks: c.tasks.Load(), TasksCompleted: c.tasksCompleted.Load(),
		TasksFailed: c.tasksFailed.Load(), TasksCancelled: c.tasksCancelled.Load(),
		Steps: c.steps.Load(), StepsTaken: c.stepsTaken.Load(), StepsCompleted: c.stepsCompleted.Load(),
		StepsFailed: c.stepsFailed.Load(), StepsResolved: c.stepsResolved.Load(), StepsCancelled: c.stepsCancelled.Load(),
		StepsRetried: c.stepsRetried.Load(), LostRaces: c.lostRaces.Load(), WinnersOverruled: c.winnersOverruled.Load(),
		Deaths: c.deaths.Load(), Hanging: c.hanging.Load(), Reconnects: c.reconnects.Load(), Spins: c.spins.Load(), Late: time.Duration(c.lateNanos.Load()),
	}
}

// Kind is what a commit did.
type Kind uint8

// The kinds of commits.
const (
	TaskCreated    Kind = iota + 1 // or, split, its row only
	StepsAdded                     // the steps of a split creation, or one that a template has gained
	EdgesAdded                     // the edges of a split creation, or those across tasks
	TaskTransition                 // of the task, with its row when that changes
	StepTaken
	StepCompleted
	StepFailed
	StepOperated // retried, resolved or cancelled by hand
)

// Commit is a transaction that was committed.
type Commit struct {
	Kind           Kind
	TaskID, StepID int64 // StepID is 0 where it is not about one step
	// Due is the moment that the pace gave it; flat out: when it began.
	Due time.Time
	// Sent is when COMMIT was sent, Returned when the server confirmed it.
	Sent, Returned time.Time
}
