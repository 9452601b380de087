// Package follow joins the log to the index: it is the [replication.Target]
// that feeds a [readiness.Index], and keeps the one that is current.
//
//	replication.Follower ──rows──▶ readiness.Load ──▶ Index 1 (old, still read)
//	                     ──changes───────────────────▶ Index 2 (current)
//
// A reload builds a new index beside the current one and puts it in place in
// one step; until then readers keep the old one, and [Follower.Status] says
// that it is stale and why. Whoever waits for a position goes on waiting over
// such a change.
//
// It owns the timer for what becomes ready by the clock alone, and nothing
// else: no state of the index is kept here.
package follow
