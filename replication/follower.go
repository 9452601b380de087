package replication

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Follower follows a database and hands what it reads to a [Target]. Make one
// with [New]; Run may be called once. Status is safe for concurrent use.
type Follower struct {
	o      Options
	target Target
	log    hclog.Logger

	counters counters
	age      age
	clock    clock
	pace     pace
	loading  bool // the attempt at hand came to read a snapshot

	written atomic.Uint64                // see Written
	ack     atomic.Pointer[acknowledger] // the latest
}

// New makes a follower. An error names everything that is wrong with the options.
func New(o Options, target Target) (*Follower, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if target == nil {
		return nil, errors.New("a follower needs a target")
	}
	f := &Follower{o: o, target: target, log: o.Logger}
	f.pace = pace{min: o.ReloadPause, max: o.ReloadPauseMax}
	f.counters.phase.Store(&phase{state: StateStopped, since: o.Now()})
	f.written.Store(uint64(Released))
	return f, nil
}

// Released is what [Follower.Written] is told by somebody who writes nothing
// any more.
const Released tasker.LSN = 1<<64 - 1

// Written tells that somebody writes down what the target reflects, and has
// come to lsn: no later position is confirmed to the server from now on, until
// it is called again, so that whoever reads the slot's confirmed_flush_lsn
// knows what is written. Before a call that comes while the slot exists, and
// after one with Released, everything applied is confirmed. The server is told
// at once. Safe for concurrent use.
func (f *Follower) Written(lsn tasker.LSN) {
	if f.written.Swap(uint64(lsn)) == uint64(lsn) {
		return
	}
	if a := f.ack.Load(); a != nil {
		a.soon()
	}
}

// Run follows until ctx ends, and then returns nil once nothing of ours is left
// running; a target that does not return holds it up, but not the server: the
// connections are closed by then. Whatever breaks is begun again with a new
// snapshot. An error is returned only when the first start fails for a reason
// that does not pass, or for longer than Options.FirstStartPatience, or when
// the database has lost what is needed (see [StopError]). Its message is one
// line and says what to do.
func (f *Follower) Run(ctx context.Context) error {
	wait := &backoff.ExponentialBackOff{
		InitialInterval: f.o.ReconnectMin, MaxInterval: f.o.ReconnectMax,
		Multiplier: 2, RandomizationFactor: 0.5,
	}
	wait.Reset()
	var failing time.Time // since when nothing came to a snapshot
	for {
		f.loading = false
		err := f.attempt(ctx)
		if ctx.Err() != nil {
			f.enter(StateStopped, func(p *phase) { p.cause, p.slot = nil, "" })
			return nil
		}
		now := f.o.Now()
		f.counters.lastError.Store(&err)
		f.pace.ended(now)
		switch {
		case f.loading:
			wait.Reset()
			failing = time.Time{}
		case failing.IsZero():
			failing = now
		}
		var stop *stopError
		final := errors.As(err, &stop)
		if !f.counters.loaded.Load() {
			final = final || Permanent(err) || !f.loading && now.Sub(failing) >= f.o.FirstStartPatience
		}
		if final {
			err = Explain(err)
			f.enter(StateStopped, func(p *phase) { p.cause, p.slot = err, "" })
			return err
		}
		next := now.Add(wait.NextBackOff())
		if earliest := f.pace.earliest(); f.loading && earliest.After(next) {
			next = earliest
		}
		if errors.Is(err, ErrWALBehind) && now.Add(f.o.WALBehindPause).After(next) {
			next = now.Add(f.o.WALBehindPause)
		}
		f.enter(StateWaiting, func(p *phase) { p.cause, p.slot, p.nextAttempt = err, "", next })
		f.log.Warn("not following any more; answers are stale until the next load", "error", Explain(err), "next attempt in", next.Sub(now).Round(time.Millisecond))
		f.counters.reconnects.Add(1)
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// know tells the status up to when everything is known.
func (f *Follower) know(at time.Time) {
	if !at.IsZero() {
		f.counters.knownAt.Store(&at)
	}
}

// suspend marks the answers stale though changes are applied; nil ends that.
func (f *Follower) suspend(why error) {
	if why == nil {
		f.counters.suspended.Store(nil)
		return
	}
	f.counters.suspended.Store(&why)
}

// stopError marks what ends Run whenever it happens.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }
func (e *stopError) Unwrap() error { return e.err }
