package projection

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Source is what is projected: an index that follows a database. Its methods
// are called from one goroutine.
type Source interface {
	// Reflection is the newest view with what is known about it; false while
	// its answers are stale, or before there is one.
	Reflection() (Reflection, bool)
	// Changed is closed when the next Reflection is another one, or a step can
	// run by the clock alone.
	Changed() <-chan struct{}
	// Now is the server's clock.
	Now() tasker.Timestamp
}

// Reflection is a view and what it is of.
type Reflection struct {
	View *readiness.View
	// AsOf is the newest time, by the server's clock, up to which everything
	// that was committed is in the view.
	AsOf time.Time
	// SystemIdentifier and Timeline are the server's.
	SystemIdentifier int64
	Timeline         int32
	// Slot is the replication slot through which the view was fed.
	Slot string
}

// identity is whose log positions are of.
type identity struct {
	system   int64
	timeline int32
}

func (r *Reflection) identity() identity { return identity{r.SystemIdentifier, r.Timeline} }
