package config

import "time"

// Writer is how transitions are written to the engine's tables, when somebody
// asks for them.
type Writer struct {
	// Connections is how many requests for transitions are carried out at the
	// same time; others wait. Each takes a connection, which is closed when it
	// has been idle for a minute.
	Connections int `range:"1..100" default:"4" apply:"restart"`
	// MaxTries is how often a transition is attempted that other writers are
	// faster with, or whose connection breaks.
	MaxTries int `range:"1..100" default:"8"`
	// RetryMin is the wait before the second attempt, on average: each wait is
	// between half of it and one and a half, and they double up to retry_max.
	RetryMin time.Duration `range:"1ms..10s" default:"5ms"`
	// RetryMax bounds that wait.
	RetryMax time.Duration `range:"1ms..1m" default:"200ms"`
	// LockTimeout is how long one attempt waits for a lock that Rails holds. Less
	// than the server's deadlock_timeout, so that of a deadlock it is not Rails
	// that has to give way.
	LockTimeout time.Duration `range:"1ms..1m" default:"200ms"`
	// QueueTimeout is how long one attempt waits for other writers of ours; less
	// than statement_timeout.
	QueueTimeout time.Duration `range:"1ms..10m" default:"5s"`
	// StatementTimeout bounds each statement.
	StatementTimeout time.Duration `range:"20ms..1h" default:"30s"`
	// IdleTimeout is how long a transaction may stand still before the server ends
	// it, when this process is stopped or its link is cut.
	IdleTimeout time.Duration `range:"100ms..10m" default:"5s"`
	// CommitTimeout is how long the answer to a COMMIT is waited for.
	CommitTimeout time.Duration `range:"100ms..10m" default:"10s"`
	// MaxLocks is how many tasks and steps one transaction locks at the most:
	// larger batches are cut.
	MaxLocks int `range:"1..500" default:"500"`
	// MaxBatch is how many transitions one request may ask for.
	MaxBatch int `range:"1..100000" default:"10000"`
}
