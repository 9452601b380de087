package verify

import (
	"context"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Index is what is verified: something that has a current view and applies the
// log. It is safe for concurrent use.
type Index interface {
	// View is the current view; nil before the first load is done.
	View() *readiness.View
	// WaitFor returns when the view reflects at least lsn.
	WaitFor(ctx context.Context, lsn tasker.LSN) error
}

// snapshot is what a database's snapshot can see of other transactions:
// Postgres' pg_current_snapshot().
type snapshot struct {
	xmin, xmax uint64
	inProgress map[uint64]bool
}

// sees says whether the transaction that made m is visible in the snapshot.
// The log has 32 bits of a transaction's number; the nearest 64-bit number to
// the snapshot's own is the one meant.
func (s snapshot) sees(m readiness.Mark) bool {
	if m.XID == 0 { // loaded from an exported snapshot, and so committed long before
		return true
	}
	xid := s.xmax + uint64(int64(int32(m.XID-uint32(s.xmax)))) //nolint:gosec // modular arithmetic is meant
	return xid < s.xmin || xid < s.xmax && !s.inProgress[xid]
}

// bracket decides whether what changed at a mark is the same for both sides.
type bracket struct {
	before tasker.LSN
	snapshot
}

func (b bracket) settled(m readiness.Mark) bool { return m.LSN <= b.before && b.sees(m) }

// tasksOf collects the ids of all tasks of a view.
func tasksOf(view *readiness.View) map[int64]bool {
	all := map[int64]bool{}
	view.Tasks(func(id int64) bool {
		all[id] = true
		return true
	})
	return all
}
