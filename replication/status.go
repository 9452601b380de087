package replication

import (
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// State is what a follower is doing.
type State uint8

const (
	// StateStopped: not running, or not any more.
	StateStopped State = iota
	// StateWaiting: between two attempts.
	StateWaiting
	// StateConnecting: opening sessions, looking at tables and publication.
	StateConnecting
	// StateWaitingForSlot: the slot is being created, which waits for the
	// transactions that were running.
	StateWaitingForSlot
	// StateLoading: the snapshot is being read.
	StateLoading
	// StateStreaming: changes are applied as they come.
	StateStreaming
)

// String gives the state in words.
func (s State) String() string {
	switch s {
	case StateStopped:
		return "stopped"
	case StateWaiting:
		return "waiting"
	case StateConnecting:
		return "connecting"
	case StateWaitingForSlot:
		return "waiting for slot"
	case StateLoading:
		return "loading"
	case StateStreaming:
		return "streaming"
	}
	return "unknown"
}

// MarshalText gives the state in words.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// System is which database is followed, of which cluster: after a fail-over the
// timeline is another one, after a restore elsewhere the identifier.
type System struct {
	Identifier string // as pg_control_system() has it
	Timeline   int32
	Database   string
}

// Status is what a follower knows about itself at one moment.
type Status struct {
	State State
	// Since is when the state began.
	Since time.Time
	// Loaded is whether a load was ever finished, so that there are answers.
	Loaded bool
	// Stale is whether answers, if there are any, may be behind without
	// bound or wrong: everything but streaming, and streaming while a change
	// of the catalog is in doubt. Cause says why; it is nil otherwise.
	Stale bool
	Cause error
	// LastError is what ended the last attempt; nil when none has ended.
	LastError error
	// NextAttempt is when the wait of StateWaiting ends; zero otherwise.
	NextAttempt time.Time

	// Slot is the name of the slot, empty without one.
	Slot string
	// Schema is the schema with the engine's tables; empty until it is known.
	Schema string
	// ServerVersion is server_version_num; 0 until it is known.
	ServerVersion int
	// Rules are what was found last; the zero value before.
	Rules RulesFinding
	// System is the cluster and the database that are followed; zero until they
	// are known.
	System System
	// Blockers are the transactions that the slot's creation waits for.
	Blockers []Blocker

	// RowsLoaded and RowsEstimated tell how far a load is, RowsPerSecond how
	// fast it is; they keep the last load's values.
	RowsLoaded, RowsEstimated int64
	RowsPerSecond             float64
	// LoadDuration is how long the last finished load took, slot included.
	LoadDuration time.Duration

	// Received is the newest position that was read from the stream, Applied
	// the newest up to which readers see everything, Flushed the newest that
	// was confirmed to the server.
	Received, Applied, Flushed tasker.LSN
	// Server is the server's own position as probed last.
	Server tasker.LSN
	// LagBytes is how far Applied is behind Server.
	LagBytes int64
	// KnownAt is a time of this machine up to which everything that was
	// committed is applied; zero before the first load.
	KnownAt time.Time
	// Age is how long ago that was. It grows while nothing is known of the
	// server, and not because nothing happens there.
	Age time.Duration
	// ClockOffset is how far the server's clock is ahead of this machine's, as
	// well as the probes tell.
	ClockOffset time.Duration
	// WALBehind is how many bytes of log the slot holds back on the server,
	// Spilled how many bytes decoding has spilled to its disk since the last
	// time that all was applied; MaxWALBehind is what both may reach.
	WALBehind, Spilled, MaxWALBehind int64

	// Counts since the follower was made.
	Reconnects, Snapshots, Transactions, Changes uint64
	// ChangesByTable are Changes by the table's number.
	ChangesByTable [tasker.FollowedTables + 1]uint64
}

// phase is the part of the status that changes as a whole.
type phase struct {
	state       State
	since       time.Time
	cause       error
	nextAttempt time.Time
	slot        string
	schema      string
	version     int
	system      System
	estimated   int64
	started     time.Time // of the load
}

// counters is the part of the status that changes by itself. All of it is
// written by one goroutine each and read by any.
type counters struct {
	phase     atomic.Pointer[phase]
	suspended atomic.Pointer[error] // why the answers of a stream are stale
	rules     atomic.Pointer[RulesFinding]
	lastError atomic.Pointer[error]
	blockers  atomic.Pointer[[]Blocker]
	loaded    atomic.Bool
	duration  atomic.Int64 // of the last load
	rate      atomic.Pointer[float64]
	rows      atomic.Int64

	received, applied, flushed, server  atomic.Uint64
	knownAt                             atomic.Pointer[time.Time]
	walBehind, spilled, maxWAL          atomic.Int64
	reconnects, snapshots, transactions atomic.Uint64
	changes                             [tasker.FollowedTables + 1]atomic.Uint64
}

// Status tells how the follower is. It takes no lock and is safe for
// concurrent use.
func (f *Follower) Status() Status {
	c := &f.counters
	p := c.phase.Load()
	now := f.o.Now()
	s := Status{
		State: p.state, Since: p.since, NextAttempt: p.nextAttempt,
		Loaded: c.loaded.Load(), Slot: p.slot, Schema: p.schema, System: p.system, ServerVersion: p.version,
		RowsLoaded: c.rows.Load(), RowsEstimated: p.estimated,
		LoadDuration: time.Duration(c.duration.Load()),
		Received:     tasker.LSN(c.received.Load()), Applied: tasker.LSN(c.applied.Load()), Flushed: tasker.LSN(c.flushed.Load()),
		Server:    tasker.LSN(c.server.Load()),
		WALBehind: c.walBehind.Load(), Spilled: c.spilled.Load(), MaxWALBehind: c.maxWAL.Load(),
		Reconnects: c.reconnects.Load(), Snapshots: c.snapshots.Load(), Transactions: c.transactions.Load(),
	}
	if s.Stale = p.state != StateStreaming; s.Stale {
		s.Cause = p.cause
	} else if why := c.suspended.Load(); why != nil {
		s.Stale, s.Cause = true, *why
	}
	if r := c.rules.Load(); r != nil {
		s.Rules = *r
	}
	if err := c.lastError.Load(); err != nil {
		s.LastError = *err
	}
	if b := c.blockers.Load(); b != nil && p.state == StateWaitingForSlot {
		s.Blockers = *b
	}
	if p.state == StateLoading {
		if took := now.Sub(p.started).Seconds(); took > 0 {
			s.RowsPerSecond = float64(s.RowsLoaded) / took
		}
	} else if r := c.rate.Load(); r != nil {
		s.RowsPerSecond = *r
	}
	s.ClockOffset = f.clock.ahead()
	if s.Server > s.Applied {
		s.LagBytes = int64(s.Server - s.Applied) //nolint:gosec // a difference of positions
	}
	if at := c.knownAt.Load(); at != nil {
		s.KnownAt, s.Age = *at, max(0, now.Sub(*at))
	}
	for t := range c.changes {
		s.ChangesByTable[t] = c.changes[t].Load()
		s.Changes += s.ChangesByTable[t]
	}
	return s
}

// enter begins a state.
func (f *Follower) enter(state State, change func(p *phase)) {
	p := *f.counters.phase.Load()
	p.state, p.since, p.nextAttempt = state, f.o.Now(), time.Time{}
	if change != nil {
		change(&p)
	}
	f.counters.phase.Store(&p)
}
