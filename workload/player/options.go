package player

import (
	"errors"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// Options of a [Player]. The zero value plays the usual mix flat out with four
// workers, without failures beyond those that the workflows name, without an
// operator, until its context ends.
type Options struct {
	// Workers is how many workers run at once, each with a connection of its
	// own. Defaults to 4.
	Workers int
	// Rate is the number of commits per second, as an open loop: each commit
	// has its moment, and those missed are made up for as fast as possible.
	// Zero: flat out.
	Rate float64
	// Tasks is how many tasks are created; the player ends when all that can
	// be done with them is done. Zero: without end.
	Tasks int
	// Stay lets workers wait for what [Player.Enqueue] brings when nothing is left
	// to do, until the player's context ends. Tasks zero then means none.
	Stay bool
	// Mix says of what the tasks are. Defaults to [workload.UsualMix].
	Mix []workload.Share[workload.Source]
	// Seed of everything that is drawn. With one worker and an injected clock
	// a run repeats exactly.
	Seed uint64
	// Adopt takes up the tasks that are in the database and not complete when
	// the player starts.
	Adopt bool

	// FailureRate is the share of attempts (0 to 1) that fail besides those
	// that a workflow's FailingAttempts names.
	FailureRate float64
	// BackoffRate is the share of failures (0 to 1) that ask for a backoff.
	BackoffRate float64
	// BackoffSeconds is what they ask for. Defaults to 30.
	BackoffSeconds int32
	// DeathRate is the share of steps taken (0 to 1) whose worker dies: before
	// the result, or in the middle of the transaction that records it.
	DeathRate float64
	// RaceRate is the share of tasks (0 to 1) that are enqueued twice, so that
	// two workers go after the same steps.
	RaceRate float64
	// SplitRate is the share of creations (0 to 1) that commit the task's row,
	// its steps and its edges one after another.
	SplitRate float64
	// Spins is how often in a row a coordinator asks again when all that is ready
	// has failed, which no worker takes: the engine's goes on as long as that is so.
	// Defaults to 0: it stops at once.
	Spins int
	// GrowthRate is the share of a coordinator's rounds (0 to 1) that first
	// add a step to the task, as when a template has gained one.
	GrowthRate float64
	// HandlerTime is how long a step runs on average; each one between half
	// of it and one and a half. One that exceeds its step's timeout fails.
	HandlerTime time.Duration

	// Operator acts on tasks left hanging. The zero value does nothing.
	Operator Operator

	// Asker answers what is ready. Defaults to the database's functions,
	// asked unqualified on the worker's own connection.
	Asker Asker
	// Clock tells and spends the time. Defaults to the system's.
	Clock Clock
	// OnCommit is told of each commit, by several goroutines at once.
	OnCommit func(Commit)
	// OnError is told of errors that a worker survives (a lost connection),
	// by several goroutines at once.
	OnError func(error)
}

// Operator says what is done by hand about a task left hanging. The weights
// decide between what is possible; all zero: nothing is done.
type Operator struct {
	// Retry moves failed steps back to pending and enqueues the task again; a
	// step whose worker is gone is first moved to error.
	Retry int
	// Resolve resolves failed and pending steps by hand, and goes on.
	Resolve int
	// Cancel cancels the task, and what of its steps has not run.
	Cancel int
	// Patience is how long a task hangs before something is done about it, and
	// between two looks at one that only waits. Defaults to one second.
	Patience time.Duration
}

func (o Operator) active() bool { return o.Retry+o.Resolve+o.Cancel > 0 }

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Mix == nil {
		o.Mix = workload.UsualMix()
	}
	if o.BackoffSeconds == 0 {
		o.BackoffSeconds = 30
	}
	if o.Operator.Patience <= 0 {
		o.Operator.Patience = time.Second
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	return o
}

// check collects everything that is wrong.
func (o Options) check() error {
	var errs []error
	for _, r := range []struct {
		name  string
		value float64
	}{
		{"FailureRate", o.FailureRate}, {"BackoffRate", o.BackoffRate}, {"DeathRate", o.DeathRate},
		{"RaceRate", o.RaceRate}, {"SplitRate", o.SplitRate}, {"GrowthRate", o.GrowthRate},
	} {
		if !(r.value >= 0 && r.value <= 1) {
			errs = append(errs, fmt.Errorf("%s is %v: a share lies between 0 and 1", r.name, r.value))
		}
	}
	if !(o.Rate >= 0 && o.Rate <= 1e6) {
		errs = append(errs, fmt.Errorf("Rate is %v commits/s: between 0 (flat out) and 1,000,000", o.Rate))
	}
	if o.Tasks < 0 {
		errs = append(errs, fmt.Errorf("Tasks is %d: 0 (without end) or more", o.Tasks))
	}
	if o.Spins < 0 {
		errs = append(errs, fmt.Errorf("Spins is %d: 0 or more", o.Spins))
	}
	if o.Operator.Retry < 0 || o.Operator.Resolve < 0 || o.Operator.Cancel < 0 {
		errs = append(errs, errors.New("the operator's weights must not be negative"))
	}
	if o.BackoffSeconds < 0 {
		errs = append(errs, fmt.Errorf("BackoffSeconds is %d: 0 or more", o.BackoffSeconds))
	}
	return errors.Join(errs...)
}
