package follow

import (
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Listener is shown what is committed, transaction by transaction, with the
// views on both sides of each. All calls come from the goroutine that applies
// the log, which is kept waiting by them.
//
// While somebody listens each transaction is published by itself, and not
// together with others, as otherwise under load.
type Listener interface {
	// Listening says whether transactions are wanted; it is asked at the
	// beginning of each. Safe for concurrent use.
	Listening() bool
	// Most is how many transitions of one transaction are kept.
	Most() int
	// Committed takes a transaction.
	Committed(c Committed)
	// Advanced says that nothing has changed from since up to the position of
	// view, which is the newest.
	Advanced(since tasker.LSN, view *readiness.View)
}

// Committed is a transaction that is in the log, and in the index.
type Committed struct {
	// Since is a position from which on the listener has been told everything
	// but this transaction. It is beyond the one told last where something was
	// not: the log was read anew, or nobody listened.
	Since tasker.LSN
	// LSN is the position behind the commit, At when it was made.
	LSN tasker.LSN
	At  tasker.Timestamp
	// Transitions are the rows inserted into both tables, in their order, each
	// under its table; they are the listener's now. Cut says that there are more.
	Transitions []Inserted
	Cut         bool
	// Before and After are what the index knew, and knows.
	Before, After *readiness.View
}

// Inserted is a new row of one of the two tables of transitions.
type Inserted struct {
	Table tasker.Table
	Row   tasker.Transition
}

// deaf is nobody.
type deaf struct{}

func (deaf) Listening() bool                      { return false }
func (deaf) Most() int                            { return 0 }
func (deaf) Committed(Committed)                  {}
func (deaf) Advanced(tasker.LSN, *readiness.View) {}

// hearing is a stream's part of it.
type hearing struct {
	Listener
	since   tasker.LSN      // up to here everything is told, or never will be
	before  *readiness.View // not nil: the transaction at hand is listened to
	heard   Committed
	pending bool // something is committed that is not published
}

func (h *hearing) begin(x *readiness.Index, at tasker.Timestamp) {
	h.before = nil
	if !h.Listening() {
		return
	}
	if h.pending {
		x.Publish()
		h.pending = false
	}
	h.before = x.View()
	h.heard = Committed{Since: h.since, At: at, Before: h.before}
}

func (h *hearing) change(c *tasker.Change) {
	if h.before == nil || c.Op != tasker.Insert {
		return
	}
	var row *tasker.Transition
	switch c.Table {
	case tasker.TaskTransitions:
		row = &c.TaskTransition
	case tasker.WorkflowStepTransitions:
		row = &c.WorkflowStepTransition
	default:
		return
	}
	if len(h.heard.Transitions) >= h.Most() {
		h.heard.Transitions, h.heard.Cut = nil, true
	}
	if !h.heard.Cut {
		h.heard.Transitions = append(h.heard.Transitions, Inserted{c.Table, *row})
	}
}

func (h *hearing) commit(x *readiness.Index, end tasker.LSN) {
	h.since, h.pending = end, h.before == nil
	if h.before == nil {
		return
	}
	x.Publish()
	h.heard.LSN, h.heard.After = end, x.View()
	h.Committed(h.heard)
	h.heard, h.before = Committed{}, nil
}

// reached is called whenever all that is committed is published.
func (h *hearing) reached(x *readiness.Index) {
	h.pending = false
	if h.Listening() {
		h.Advanced(h.since, x.View())
	}
}
