package writer

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Hooks are what a caller wants done in the same transaction as the transitions.
// Each may be nil. All are called anew at each attempt.
type Hooks struct {
	// Begin begins the transaction on the connection, READ COMMITTED, as
	// leader.Lease.Begin does. Its error is returned as it is, and nothing is
	// tried again.
	Begin func(ctx context.Context, conn *pgx.Conn) (pgx.Tx, error)
	// Check is told what is about to be written, once it is locked, and what it
	// reads is newer than the locks. It returns one error for each, nil for what
	// may be written; an error refuses that one alone ([Vetoed]). Returning nil
	// instead of a slice lets all of it be written. The second error gives up the
	// attempt and is returned as it is.
	Check func(ctx context.Context, tx Tx, planned []Planned) ([]error, error)
	// Written is told what was written, and may write more (an audit row) before
	// the transaction is committed. An error gives up the attempt, nothing of
	// which stays, and is returned as it is.
	Written func(ctx context.Context, tx Tx, results []Result) error
}

// Tx asks within the transaction; it is not for ending it.
type Tx interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Planned is a transition that is about to be written.
type Planned struct {
	Request      *Request
	Transition   statemachine.Transition
	TransitionID int64            // the most recent one so far, 0 for none
	At           tasker.Timestamp // the server's clock, under the lock
}
