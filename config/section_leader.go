package config

import "time"

// Leader is how one of several sidecars is chosen that may write.
type Leader struct {
	// PollInterval is how long a sidecar that does not lead waits between two
	// tries for the lock, on average: each wait is between half of it and one and
	// a half. A leader that stops hands over without that wait.
	PollInterval time.Duration `range:"10ms..10s" default:"500ms" apply:"live"`
	// LeaseTimeout is how long the server lets the session that holds the lock be
	// silent: how long a leader that stands still, or whose link was cut, keeps
	// the others from leading. It pings every fifth of it. At least three times
	// poll_interval.
	LeaseTimeout time.Duration `range:"500ms..10m" default:"5s"`
	// RetryMax bounds the wait before the connection for the lock is tried again;
	// it begins with poll_interval and grows exponentially, with jitter.
	RetryMax time.Duration `range:"10ms..10m" default:"2s" apply:"live"`
	// TransactionIdleTimeout is how long a write transaction may wait for us
	// before the server ends it, and how long a new leader waits for one that the
	// old leader has left open before it ends that session.
	TransactionIdleTimeout time.Duration `range:"100ms..10m" default:"5s"`
	// LockTimeout bounds each wait for a lock in a write transaction; less than
	// statement_timeout.
	LockTimeout time.Duration `range:"10ms..10m" default:"5s"`
	// StatementTimeout bounds each statement of a write transaction.
	StatementTimeout time.Duration `range:"20ms..1h" default:"30s"`
}
