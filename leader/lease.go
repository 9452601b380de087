package leader

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Lease is the right to write, from an election to its loss. Its methods are
// safe for concurrent use; of its transactions one has the turn at a time, the
// others wait for it in the database.
type Lease struct {
	term  Term
	fence string

	mu   sync.Mutex
	err  error
	done chan struct{}
	stop func(why error) // tells the leading function
}

// Beginner begins transactions: a *pgx.Conn, or a pool of them. It may lead
// through a connection pooler in transaction mode.
type Beginner interface {
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
}

func newLease(o *Options, term Term, stop func(why error)) *Lease {
	return &Lease{term: term, fence: fenceSQL(o, term), done: make(chan struct{}), stop: stop}
}

// fenceSQL is sent in one message, and its last command tag tells the result.
// Holder is of a form that needs no quoting, see nameForm.
func fenceSQL(o *Options, term Term) string {
	return fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %s; SET LOCAL lock_timeout = %s; SET LOCAL statement_timeout = %s; "+
		"SELECT FROM tasker_sidecar.leader WHERE epoch = %d AND holder = '%s' FOR NO KEY UPDATE",
		milliseconds(o.TransactionIdleTimeout), milliseconds(o.LockTimeout), milliseconds(o.StatementTimeout), term.Epoch, term.Holder)
}

// Term is what the election wrote: epoch, holder, since.
func (l *Lease) Term() Term { return l.term }

// Epoch is the number that the election raised the database's epoch to.
func (l *Lease) Epoch() int64 { return l.term.Epoch }

// Done is closed when the lease has ended. That is later than the end of the
// leading function's context when it is asked to return for another reason
// than the loss of the lease: until it does, the lease holds.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Err is nil while the lease holds, and then says why it has ended: an error
// of which [Over] is true.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// end ends the lease; the first reason counts.
func (l *Lease) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.err = why
	l.stop(why)
	close(l.done)
}

// Begin begins a write transaction, READ COMMITTED, that commits only while no
// later epoch is in the database: it holds the row with the epoch locked, and
// finds it unchanged. The database's timeouts, see [Options], bound how long it
// may stand still.
//
// An error of which [Over] is true means that the lease has ended; any other
// (the row's lock could not be had in time, the connection broke) that only this
// transaction has not begun.
func (l *Lease) Begin(ctx context.Context, conn Beginner) (pgx.Tx, error) {
	if err := l.Err(); err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return nil, fmt.Errorf("beginning a write transaction: %w", err)
	}
	tag, err := tx.Exec(ctx, l.fence)
	switch {
	case err != nil:
		err = explained("beginning a write transaction", err)
	case tag.RowsAffected() != 1:
		err = l.deposed(ctx, tx)
		l.end(err)
	default:
		return tx, nil
	}
	rollback(ctx, tx)
	return nil, err
}

// InTx runs f in a transaction of [Lease.Begin] and commits it; an error of
// f's rolls it back and is returned as it is. When the commit's answer is lost
// with the connection, it may have been done or not.
func (l *Lease) InTx(ctx context.Context, conn Beginner, f func(pgx.Tx) error) error {
	tx, err := l.Begin(ctx, conn)
	if err != nil {
		return err
	}
	defer rollback(ctx, tx)
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing a write transaction of epoch %d: %w", l.term.Epoch, err)
	}
	return nil
}

// keep holds the lease on its session until ctx ends or it is lost; then it
// has ended.
func (l *Lease) keep(ctx context.Context, s *session) {
	for {
		err := s.wait(ctx, s.o.pingInterval())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrLost, err)
		} else {
			err = s.ping(l)
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}
