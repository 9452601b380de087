package api

import (
	"context"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Source is what the server answers from. All methods are called from many
// goroutines at once.
type Source interface {
	// Current is the newest view and how fresh it is. The view is nil before
	// the first load is done; Freshness then says why in its cause. The view
	// must not change while it is used, and is of Freshness.AsOfLSN.
	Current() (View, Freshness)
	// WaitFor returns nil once the current view reflects at least lsn, or ctx's
	// error.
	WaitFor(ctx context.Context, lsn tasker.LSN) error
	// Status is everything there is to tell about the process.
	Status() Status
	// ConnectionCounts asks the database for the number of its active backends
	// and for max_connections.
	ConnectionCounts(ctx context.Context) (active, maximum int64, err error)
}

// Freshness says what an answer reflects.
type Freshness struct {
	// AsOfLSN is the position up to which everything is in the answer.
	AsOfLSN tasker.LSN
	// Staleness is now less the time at which the newest position known to be
	// applied was the server's own.
	Staleness time.Duration
	// Stale says that the follower cannot vouch for the answer, StaleCause why,
	// in plain words. StaleCause is empty exactly when Stale is false.
	Stale      bool
	StaleCause string
}

// View answers questions about the rows as they were at one position of the
// log, with the clock given. Rows are ordered by id unless the question orders
// otherwise. It is immutable.
type View interface {
	HasTask(taskID int64) bool
	TaskStepIDs(taskID int64) []int64
	StepReadiness(taskID int64, stepIDs []int64, now tasker.Timestamp) []tasker.StepReadiness
	Step(stepID int64, now tasker.Timestamp) (tasker.StepReadiness, bool)
	Reasons(stepID int64, now tasker.Timestamp, maxBlockers int) (tasker.StepReasons, bool)
	TaskExecutionContext(taskID int64, now tasker.Timestamp) (tasker.TaskExecutionContext, bool)
	TaskExecutionContexts(taskIDs []int64, now tasker.Timestamp) []tasker.TaskExecutionContext
	DependencyLevels(taskID int64) []tasker.DependencyLevel
	Cycles(taskID int64) []tasker.Cycle
	ReadySteps(now tasker.Timestamp, after tasker.Timestamp, afterStepID int64, limit int) []tasker.ReadyStep
	SystemHealthCounts(now tasker.Timestamp) tasker.SystemHealthCounts
	AnalyticsMetrics(since, now tasker.Timestamp) tasker.AnalyticsMetrics
	SlowestTasks(filter tasker.SlowestFilter, now tasker.Timestamp) []tasker.SlowestTask
	SlowestSteps(filter tasker.SlowestFilter, now tasker.Timestamp) []tasker.SlowestStep
	StepDAGRelationships(taskIDs []int64) []tasker.StepDAGRelationship
}
