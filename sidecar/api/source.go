package api

import (
	"context"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Source is what the server answers from. All methods are called from many
// goroutines at once.
type Source interface {
	// Current is the newest view and how fresh it is. The view is nil before
	// the first load is done; Freshness then says why in its cause. Otherwise
	// Freshness is of this very view: AsOfLSN is its position.
	Current() (*readiness.View, Freshness)
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
