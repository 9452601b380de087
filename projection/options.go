package projection

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Options configure a [Projector]. The zero value of every field but
// DatabaseURL means its default.
type Options struct {
	// DatabaseURL is the database to write to, the one that is followed. It is
	// never printed. There is no default.
	DatabaseURL string
	// ApplicationName is what the writing session calls itself.
	// Defaults to "tasker-sidecar".
	ApplicationName string
	// ConnectTimeout bounds an attempt to connect.
	// Defaults to 10 s.
	ConnectTimeout time.Duration
	// FlushTimeout bounds one write transaction; one that takes longer ends the
	// lease.
	// Defaults to 30 s.
	FlushTimeout time.Duration
	// WithdrawTimeout is how long it is tried, at the end of a lease, to say that
	// the rows do not count any more.
	// Defaults to 5 s.
	WithdrawTimeout time.Duration
	// MinPause is the least time between the beginnings of two flushes that
	// write rows: less of it makes rows newer under load, more of it costs the
	// database less.
	// Defaults to 8 ms.
	MinPause time.Duration
	// Rest is how many times as long as a flush, or a part of the reconciliation,
	// took the next one waits, so that the projection gives way on a busy server:
	// in proportion longer where they usually take longer than MinPause; at most
	// MaxPause. Negative: not at all.
	// Defaults to 2.
	Rest float64
	// MaxPause bounds that waiting.
	// Defaults to 100 ms.
	MaxPause time.Duration
	// Heartbeat is how often a flush says how old the rows are while nothing
	// changes. How old they get is this and the age of what the source knows.
	// Defaults to 250 ms.
	Heartbeat time.Duration
	// KeepFinished is how long the rows of a task stay after it was finished.
	// Negative: not at all.
	// Defaults to 1 h.
	KeepFinished time.Duration
	// SweepInterval is how often rows are looked for that have been kept long
	// enough.
	// Defaults to 1 min.
	SweepInterval time.Duration
	// RowsPerTransaction bounds how many rows of steps a transaction writes
	// while rows are put right after a start.
	// Defaults to 10,000.
	RowsPerTransaction int
	// KeepFlushes is how many rows of flushes stay.
	// Defaults to 100.
	KeepFlushes int
	// CompactInterval is how often it is looked whether tables of rows have grown
	// too large: to more than CompactRatio times the size that their rows take in
	// a table just filled, and to more than CompactFloor bytes. Those are emptied
	// and filled anew; negative: never. One that has grown by half is after
	// CompactAfter, too; negative: never.
	// Defaults to 15 s, 2.5, 4 MiB and 1 h.
	CompactInterval time.Duration
	CompactRatio    float64
	CompactFloor    int64
	CompactAfter    time.Duration
	// CompactLockTimeout bounds how long that waits for who is reading each table,
	// and others wait behind it.
	// Defaults to 50 ms.
	CompactLockTimeout time.Duration
	// Notify is the channel on which a transaction that gives a task ready steps
	// notifies, with the task's id as payload; at most NotifyMost of them each
	// flush, then one without payload.
	// Defaults to "": nobody is notified.
	Notify string
	// NotifyMost is how many tasks are named.
	// Defaults to 100.
	NotifyMost int
	// Version is that of this program, for people.
	// Defaults to "".
	Version string
	// Written is told, after each flush and whenever nothing differs, which
	// position the rows reflect, so that no later one is confirmed to the server;
	// 0 before the first flush, and [Released] when nothing is written any more.
	// Defaults to nobody.
	Written func(tasker.LSN)
	// Logger takes log lines.
	// Defaults to one that discards them.
	Logger hclog.Logger
}

// Released is what [Options.Written] is told when nothing is written any more.
const Released tasker.LSN = 1<<64 - 1

func (o Options) withDefaults() (Options, error) {
	def(&o.ApplicationName, "tasker-sidecar")
	def(&o.ConnectTimeout, 10*time.Second)
	def(&o.FlushTimeout, 30*time.Second)
	def(&o.WithdrawTimeout, 5*time.Second)
	def(&o.MinPause, 8*time.Millisecond)
	def(&o.Rest, 2)
	def(&o.MaxPause, 100*time.Millisecond)
	def(&o.Heartbeat, 250*time.Millisecond)
	def(&o.KeepFinished, time.Hour)
	def(&o.SweepInterval, time.Minute)
	def(&o.RowsPerTransaction, 10_000)
	def(&o.KeepFlushes, 100)
	def(&o.CompactInterval, 15*time.Second)
	def(&o.CompactRatio, 2.5)
	def(&o.CompactFloor, 4<<20)
	def(&o.CompactAfter, time.Hour)
	def(&o.CompactLockTimeout, 50*time.Millisecond)
	def(&o.NotifyMost, 100)
	o.Rest, o.KeepFinished = max(o.Rest, 0), max(o.KeepFinished, 0)
	if o.Written == nil {
		o.Written = func(tasker.LSN) {}
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
	check(o.DatabaseURL != "", "the database URL is missing")
	check(o.MinPause > 0 && o.MinPause <= o.MaxPause, "pause between flushes: minimum %s, maximum %s", o.MinPause, o.MaxPause)
	check(o.WithdrawTimeout > 0, "withdrawing is tried for %s, which is not above 0", o.WithdrawTimeout)
	check(o.Heartbeat > 0 && o.FlushTimeout > 0 && o.ConnectTimeout > 0 && o.SweepInterval > 0,
		"heartbeat %s, flush timeout %s, connect timeout %s, sweep interval %s: all must be above 0", o.Heartbeat, o.FlushTimeout, o.ConnectTimeout, o.SweepInterval)
	check(o.CompactRatio > 1 && o.CompactFloor > 0 && o.CompactLockTimeout >= time.Millisecond,
		"tables are filled anew at %g times their size and %d bytes, waiting %s for a lock: above 1, and the rest above 0", o.CompactRatio, o.CompactFloor, o.CompactLockTimeout)
	check(o.RowsPerTransaction > 0 && o.KeepFlushes > 1 && o.NotifyMost > 0, "rows per transaction %d, kept flushes %d, tasks named in notifications %d: too few",
		o.RowsPerTransaction, o.KeepFlushes, o.NotifyMost)
	return errors.Join(errs...)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
