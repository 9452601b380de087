package config

import (
	"path"
	"slices"
	"strings"
	"time"
)

// Maintenance is what the leader does about tasks that the engine leaves
// undone. Each service is off, observes (it says what it would do, and writes
// nothing) or acts.
type Maintenance struct {
	// Retrier moves failed steps back to pending when their wait is over. Acting
	// needs projection.mode auto, as all acting does, and rights to the engine's
	// tables.
	Retrier string `oneof:"off observe act" default:"observe"`
	// Enqueuer announces tasks that have something to do and nobody on them, and
	// moves them to pending where the machine allows it. Acting needs
	// announce_channel or announce_sql.
	Enqueuer string `oneof:"off observe act" default:"observe"`
	// Rescuer moves steps to error that have been in progress for longer than
	// their threshold. Acting needs rescuer_thresholds.
	Rescuer string `oneof:"off observe act" default:"observe"`
	// Finalizer ends tasks whose steps are all done, or of which nothing can run
	// any more.
	Finalizer string `oneof:"off observe act" default:"observe"`
	// Canceller cancels those steps of cancelled tasks that have not started.
	Canceller string `oneof:"off observe act" default:"observe"`
	// Include are the tasks that the services deal with, each
	// NAMESPACE/NAME/VERSION; in each part * stands for anything. Empty: all.
	Include []string `form:"namespace/name/version"`
	// Exclude are tasks that they leave alone, in the same form, whatever include
	// says.
	Exclude []string `form:"namespace/name/version"`
	// QuietPeriod is how long nothing may have happened in a task before the
	// enqueuer, the finalizer and the canceller deal with it. It must be more
	// than a job waits in the application's queue when that is busy: a task that
	// is announced while a worker is on its way to it gets two, and the engine
	// makes a failure of that.
	QuietPeriod time.Duration `range:"1s..24h" default:"1m" scope:"workflow"`
	// RescuerThresholds are how long a step may be in progress, each NAME=DURATION
	// with the name of a named step, such as charge_card=30m. It must be more
	// than its handler can ever take: the result of a worker that is alive after
	// all is refused, and lost. Steps that are not named are never rescued.
	RescuerThresholds []string `form:"step=duration" scope:"workflow"`
	// RescuerObserveAfter is after how long the rescuer mentions, while it only
	// observes, a step that has no threshold.
	RescuerObserveAfter time.Duration `range:"1s..8760h" default:"1h" scope:"workflow"`
	// LostRaceErrors are the error classes of failures that no handler had: a
	// worker that finds a step taken by another, and in this way loses a race,
	// makes a failure of it while the other is still at work. The retrier leaves
	// such a step alone until it has been failed for its rescuer_threshold, or
	// for good where it has none.
	LostRaceErrors []string `default:"Statesman::TransitionFailedError,Statesman::TransitionConflictError,ActiveRecord::RecordNotUnique"`
	// AnnounceChannel is the channel of NOTIFY on which the enqueuer announces
	// tasks, with the task's id as payload. Empty: none.
	AnnounceChannel string `form:"identifier"`
	// AnnounceSQL is a statement that the enqueuer executes to announce a task,
	// with $1 the task's id (bigint), in the transaction that writes the
	// transition: it enqueues a job where the queue is in this database. It must
	// do nothing where that job is in the queue already. Empty: none.
	AnnounceSQL string
	// RetrierRate is how many steps a second the retrier moves at the most.
	RetrierRate float64 `range:"0.01..10000" default:"100"`
	// EnqueuerRate is how many tasks a second are announced at the most.
	EnqueuerRate float64 `range:"0.01..10000" default:"20"`
	// RescuerRate is how many steps a second are rescued at the most.
	RescuerRate float64 `range:"0.01..10000" default:"5"`
	// FinalizerRate is how many tasks a second are ended at the most.
	FinalizerRate float64 `range:"0.01..10000" default:"20"`
	// CancellerRate is how many steps a second are cancelled at the most.
	CancellerRate float64 `range:"0.01..10000" default:"50"`
	// RetrierBudget is how many steps a minute the retrier may move. One more,
	// and it stops itself and raises an alarm, until an operator resumes it; so
	// do the others.
	RetrierBudget int `range:"1..1000000" default:"3000"`
	// EnqueuerBudget is how many tasks a minute may be announced.
	EnqueuerBudget int `range:"1..1000000" default:"600"`
	// RescuerBudget is how many steps a minute may be rescued.
	RescuerBudget int `range:"1..1000000" default:"60"`
	// FinalizerBudget is how many tasks a minute may be ended.
	FinalizerBudget int `range:"1..1000000" default:"600"`
	// CancellerBudget is how many steps a minute may be cancelled.
	CancellerBudget int `range:"1..1000000" default:"1500"`
	// MinPause is the least time between two looks at what has changed.
	MinPause time.Duration `range:"1ms..1s" default:"10ms"`
	// SweepInterval is how often all tasks are looked at again, for what no
	// change of their own tells.
	SweepInterval time.Duration `range:"10s..24h" default:"5m"`
	// CheckInterval is how often it is looked whether services were paused or
	// resumed, to tell it; what they do is decided by the database each time.
	CheckInterval time.Duration `range:"100ms..1m" default:"1s"`
	// RetryPause is how long it takes until an act that could not be done is tried
	// again: a row was locked, a statement failed.
	RetryPause time.Duration `range:"10ms..1h" default:"5s"`
	// LockTimeout bounds each wait for a row that somebody else holds: while one
	// of our transactions waits, rows are not written either.
	LockTimeout time.Duration `range:"1ms..10s" default:"200ms"`
	// StatementTimeout bounds each statement of an act, announce_sql included.
	StatementTimeout time.Duration `range:"10ms..1m" default:"5s"`
	// KeepActs is how long tasker_sidecar.maintenance_acts keeps what was done.
	KeepActs time.Duration `range:"1h..87600h" default:"720h"`
	// ListMost is how many acts of a service are listed that are due, or would be
	// if it acted.
	ListMost int `range:"1..10000" default:"100"`
}

func checkWorkflows(s string) error {
	if strings.Count(s, "/") == 2 {
		if _, err := path.Match(s, ""); err == nil && !slices.Contains(strings.Split(s, "/"), "") {
			return nil
		}
	}
	return errWorkflows
}

func checkThreshold(s string) error {
	name, text, ok := strings.Cut(s, "=")
	d, err := time.ParseDuration(text)
	switch {
	case !ok || name == "" || err != nil || d < time.Second:
		return errThreshold
	case strings.ContainsAny(name, "*?"):
		return errThresholdPattern
	}
	return nil
}
