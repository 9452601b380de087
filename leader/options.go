package leader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"
)

// Options configure an [Elector]. The zero value of every field but Connect
// means its default.
type Options struct {
	// Connect opens a connection to the database, on the server itself. The
	// elector gives it settings of its own and closes it. It bounds its own
	// time. There is no default.
	Connect func(context.Context) (*pgx.Conn, error)
	// Name is who we are, for people who read tasker_sidecar.leader: letters,
	// digits, space and . _ : @ / -, 100 bytes at the most. Each lease adds
	// some random letters.
	// Defaults to the name of the host and the number of the process.
	Name string

	// PollInterval is how long a follower waits between two tries for the
	// lock, on average: each wait is between half of it and one and a half. A
	// lock that is given back is heard of at once.
	// Defaults to 500 ms.
	PollInterval time.Duration
	// LeaseTimeout is how long the server lets the session that holds the lock
	// be silent before it ends it: how long a leader that stands still, or
	// whose link was cut, remains leader. It pings every fifth of it. At least
	// three times PollInterval, and 500 ms.
	// Defaults to 5 s.
	LeaseTimeout time.Duration
	// RetryMax bounds the wait before a connection is tried again, which
	// begins with PollInterval and grows exponentially, with jitter.
	// Defaults to 2 s.
	RetryMax time.Duration

	// TransactionIdleTimeout is how long a write transaction may wait for its
	// client before the server ends it, and how long a new leader waits for
	// one of the old leader's before it ends its session, whatever that does.
	// Defaults to 5 s.
	TransactionIdleTimeout time.Duration
	// LockTimeout bounds each wait for a lock in a write transaction, that for
	// the lease's other write transactions included.
	// Defaults to 5 s.
	LockTimeout time.Duration
	// StatementTimeout bounds each statement of a write transaction. More than
	// LockTimeout.
	// Defaults to 30 s.
	StatementTimeout time.Duration

	// Ready says whether this process could lead now: nil, or why it could
	// not. It is asked before each try for the lock and must not block. Who is
	// not ready keeps nobody else from leading.
	// Defaults to nil: always ready.
	Ready func() error
	// Raise is called in the transaction that raises the epoch to term's, when
	// no transaction of the leader before is open any more and none will
	// commit: what it reads is what the new leader begins with, and what it
	// writes is there with the new epoch or not at all. An error gives it all
	// up; ErrNotReady just for a moment. Names need their schemas there
	// (search_path is empty), and TransactionIdleTimeout holds.
	// Defaults to nil: nothing is done.
	Raise func(ctx context.Context, tx pgx.Tx, term Term) error

	// OnElected is called when a lease begins, before the leading function.
	OnElected func(Term)
	// OnEnded is called when a lease has ended and the leading function has
	// returned. Cause is nil when that returned nil of its own accord, or
	// because Run was to end.
	OnEnded func(term Term, cause error)
	// OnFailed is called when a try to follow or to lead has failed; another
	// one comes. Like the other two it is called from Run's goroutine, which
	// waits for it; nil: nobody is told.
	OnFailed func(error)

	// Logger takes log lines.
	// Defaults to one that discards them.
	Logger hclog.Logger
}

const leastLeaseTimeout = 500 * time.Millisecond

// A holder is written into SQL as it is, so it is kept simple.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9._:@/ -]{1,100}$`)

// withDefaults fills in the defaults and reports everything that is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		host, err := os.Hostname()
		if err != nil || !nameForm.MatchString(host) {
			host = "sidecar"
		}
		o.Name = fmt.Sprintf("%.60s:%d", host, os.Getpid())
	}
	for d, value := range map[*time.Duration]time.Duration{
		&o.PollInterval: 500 * time.Millisecond, &o.LeaseTimeout: 5 * time.Second, &o.RetryMax: 2 * time.Second,
		&o.TransactionIdleTimeout: 5 * time.Second, &o.LockTimeout: 5 * time.Second, &o.StatementTimeout: 30 * time.Second,
	} {
		if *d == 0 {
			*d = value
		}
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Raise == nil {
		o.Raise = func(context.Context, pgx.Tx, Term) error { return nil }
	}
	if o.OnElected == nil {
		o.OnElected = func(Term) {}
	}
	if o.OnEnded == nil {
		o.OnEnded = func(Term, error) {}
	}
	if o.OnFailed == nil {
		o.OnFailed = func(error) {}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, o.validate()
}

func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Connect != nil, "nothing says how to connect")
	check(nameForm.MatchString(o.Name), "name %q: letters, digits, space and . _ : @ / - are allowed, 100 at the most", o.Name)
	check(o.PollInterval >= time.Millisecond, "poll interval %s is below 1 ms", o.PollInterval)
	check(o.LeaseTimeout >= leastLeaseTimeout, "lease timeout %s is below %s", o.LeaseTimeout, leastLeaseTimeout)
	check(o.LeaseTimeout >= 3*o.PollInterval, "lease timeout %s is less than three times the poll interval %s", o.LeaseTimeout, o.PollInterval)
	check(o.RetryMax >= o.PollInterval, "the longest wait before another try, %s, is less than the poll interval %s", o.RetryMax, o.PollInterval)
	check(o.TransactionIdleTimeout >= time.Millisecond, "idle timeout of transactions %s is below 1 ms", o.TransactionIdleTimeout)
	check(o.LockTimeout >= time.Millisecond, "lock timeout %s is below 1 ms", o.LockTimeout)
	check(o.StatementTimeout > o.LockTimeout, "statement timeout %s is not more than the lock timeout %s", o.StatementTimeout, o.LockTimeout)
	return errors.Join(errs...)
}
