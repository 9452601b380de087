package replication

import (
	"context"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Target receives what the follower reads: first a snapshot of all followed
// rows, then every later transaction, in the order in which they were
// committed. A target may be loaded any number of times; until a new load is
// finished, what the last one built stays as it is.
type Target interface {
	// NewLoad begins a load. An error ends the attempt, which is repeated.
	NewLoad(ctx context.Context, s Snapshot) (Load, error)
}

// Snapshot says what a load is of.
type Snapshot struct {
	// LSN is the position that the rows are of: they hold everything that was
	// committed up to it and nothing that was committed after.
	LSN tasker.LSN
	// Time is the server's clock just before the snapshot was taken.
	Time tasker.Timestamp
	// Rules are those that answers have to be made by. When the database turns
	// out to follow others, a new load is made.
	Rules tasker.Rules
	// Rows are estimates of how many rows of each table will come, by the
	// table's number; the planner's, so they may be far off either way.
	Rows [tasker.FollowedTables + 1]int64
}

// Load takes the rows of one snapshot. Exactly one of Finish and Discard is
// called, after the last Add has returned.
type Load interface {
	// Add takes a batch of rows of one table. It is called by several
	// goroutines at once, in no particular order; the batch and its slices
	// are reused after it returns, strings may be kept. Of the transitions
	// only those come that are the most recent of their task or step.
	Add(rows *tasker.Rows) error
	// Finish is told that all rows have come, and returns what takes the
	// changes that follow. What was loaded is to be seen by readers from the
	// first Publish on.
	Finish(ctx context.Context) (Stream, error)
	// Discard gives the load up.
	Discard()
}

// Stream takes committed transactions, by one goroutine, one after another:
//
//	Publish  ( Begin Apply* Commit | Advance | Publish )*  Discard
//
// A transaction without any change of a followed table is not announced; its
// end is part of a later Advance. Any error ends the connection, and a new
// load follows.
type Stream interface {
	// Begin announces a transaction that is certain to have been committed.
	Begin(xid uint32, commitTime tasker.Timestamp)
	// Apply takes a change, which is reused after it returns; strings may be
	// kept. Nothing of it is to be seen before the transaction is published.
	Apply(c *tasker.Change) error
	// Commit ends the transaction; end is the position behind its commit
	// record. It may be seen from now on and has to be from the next Publish.
	Commit(end tasker.LSN) error
	// Publish makes readers see everything committed so far. It is called
	// when nothing more has arrived, and otherwise every
	// Options.PublishInterval, so that its cost is shared by many commits
	// under load and no commit waits when there is none.
	Publish() error
	// Advance says that nothing has changed up to lsn. It is called only
	// when nothing is unpublished.
	Advance(lsn tasker.LSN)
	// Discard gives up what is not published and ends the stream; what is
	// published stays.
	Discard()
}
