package writer

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options configure a [Writer]. The zero value of every field but Pool means its
// default.
type Options struct {
	// Pool gives the connections, to the primary: one is used for each transaction
	// at a time. It stays the caller's. There is no default.
	Pool *pgxpool.Pool
	// Schema is the schema of the engine's tables.
	// Defaults to "public".
	Schema string

	// MaxTries is how often a transition is attempted that other writers are
	// faster with, or whose connection breaks.
	// Defaults to 8.
	MaxTries int
	// RetryMin is the wait before the second attempt, on average: each wait is
	// between half of it and one and a half, and they double up to RetryMax.
	// Defaults to 5 ms.
	RetryMin time.Duration
	// RetryMax bounds that wait.
	// Defaults to 200 ms.
	RetryMax time.Duration

	// LockTimeout is how long one attempt waits for a lock that Rails holds. Less
	// than the server's deadlock_timeout (usually 1 s), so that of a deadlock we
	// give way.
	// Defaults to 200 ms.
	LockTimeout time.Duration
	// QueueTimeout is how long one attempt waits for other writers of ours.
	// Defaults to 5 s.
	QueueTimeout time.Duration
	// StatementTimeout bounds each statement. More than QueueTimeout.
	// Defaults to 30 s.
	StatementTimeout time.Duration
	// IdleTimeout is how long a transaction may stand still before the server ends
	// it, when this process is stopped or its link is cut.
	// Defaults to 5 s.
	IdleTimeout time.Duration
	// CommitTimeout is how long the answer to a COMMIT is waited for, also when
	// the caller has given up.
	// Defaults to 10 s.
	CommitTimeout time.Duration

	// MaxLocks is how many tasks and steps one transaction locks at the most:
	// larger batches are cut. At most 500.
	// Defaults to 500.
	MaxLocks int
	// MaxBatch is how many transitions a batch may have.
	// Defaults to 10,000.
	MaxBatch int
}

// mostLocks is how many advisory locks a transaction may take: some ten thousand
// in all make other sessions' statements fail.
const mostLocks = 500

func (o Options) withDefaults() (Options, error) {
	def(&o.Schema, "public")
	def(&o.MaxTries, 8)
	def(&o.RetryMin, 5*time.Millisecond)
	def(&o.RetryMax, 200*time.Millisecond)
	def(&o.LockTimeout, 200*time.Millisecond)
	def(&o.QueueTimeout, 5*time.Second)
	def(&o.StatementTimeout, 30*time.Second)
	def(&o.IdleTimeout, 5*time.Second)
	def(&o.CommitTimeout, 10*time.Second)
	def(&o.MaxLocks, mostLocks)
	def(&o.MaxBatch, 10_000)
	return o, o.validate()
}

func (o *Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Pool != nil, "the pool of connections is missing")
	check(o.MaxTries > 0, "a transition is attempted %d times: at least once", o.MaxTries)
	check(o.RetryMin > 0 && o.RetryMin <= o.RetryMax, "wait before another attempt: at least %s, at most %s", o.RetryMin, o.RetryMax)
	check(o.LockTimeout >= time.Millisecond && o.QueueTimeout >= time.Millisecond && o.IdleTimeout >= time.Millisecond && o.CommitTimeout >= time.Millisecond,
		"lock timeout %s, queue timeout %s, idle timeout %s, commit timeout %s: all must be a millisecond or more",
		o.LockTimeout, o.QueueTimeout, o.IdleTimeout, o.CommitTimeout)
	check(o.StatementTimeout > o.QueueTimeout, "statement timeout %s: it must be more than the queue timeout, %s", o.StatementTimeout, o.QueueTimeout)
	check(o.MaxLocks > 0 && o.MaxLocks <= mostLocks, "%d locks in a transaction: between 1 and %d", o.MaxLocks, mostLocks)
	check(o.MaxBatch > 0, "%d transitions in a batch: at least one", o.MaxBatch)
	return errors.Join(errs...)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
