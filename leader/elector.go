package leader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Elector tries to lead, leads, and tries again. Make one with [New]; Run may
// run once at a time. Status is safe for concurrent use.
type Elector struct {
	o     Options // but for pace
	leads func(context.Context, *Lease) error
	pace  atomic.Pointer[pace]

	mu     sync.Mutex
	status Status
}

// New makes an elector. An error names everything that is wrong with the
// options.
//
// Lead is called each time that this process is elected, and leads for as long
// as it runs. Its context ends when the lease is lost, with the cause, and when
// Run is to end; then the lease still holds, for as long as lead takes to write
// its last under a context of its own. It is to return soon, in both cases:
// nobody here tries to lead again before. When it returns by itself, the lock
// is given back, and others have the first chance.
func New(o Options, lead func(context.Context, *Lease) error) (*Elector, error) {
	o, err := o.withDefaults()
	if lead == nil {
		err = errors.Join(err, errors.New("nothing says what a leader does"))
	}
	if err != nil {
		return nil, err
	}
	e := &Elector{o: o, leads: lead, status: Status{State: Stopped}}
	e.pace.Store(&pace{o.PollInterval, o.RetryMax})
	return e, nil
}

// pace is how often it is tried to lead. Everything else is agreed with the
// server for as long as a session or a lease lasts.
type pace struct{ poll, retryMax time.Duration }

// Prepare checks options that are to hold from now on, and gives what puts them
// into force: PollInterval and RetryMax from the next try on. All others stay as
// they were.
func (e *Elector) Prepare(o Options) (apply func(), err error) {
	next := e.o
	next.PollInterval, next.RetryMax = o.PollInterval, o.RetryMax
	if next, err = next.withDefaults(); err != nil {
		return nil, err
	}
	return func() { e.pace.Store(&pace{next.PollInterval, next.RetryMax}) }, nil
}

// Run follows and leads until ctx ends, and then returns nil once the leading
// function has returned and no connection of ours is left. Whatever goes wrong
// is tried again; only an error that waiting does not mend, [ErrPooler], is
// returned.
func (e *Elector) Run(ctx context.Context) error {
	var wait *backoff.ExponentialBackOff
	var of *pace
	defer e.enter(Stopped, nil)
	for {
		if now := e.pace.Load(); now != of {
			of = now
			wait = &backoff.ExponentialBackOff{InitialInterval: of.poll, MaxInterval: of.retryMax, Multiplier: 2, RandomizationFactor: 0.5}
			wait.Reset()
		}
		e.enter(Waiting, nil)
		began := time.Now()
		err := e.campaign(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			e.enter(Waiting, func(s *Status) { s.Err = err })
			e.o.OnFailed(err)
			e.o.Logger.Warn("neither leading nor following", "error", err)
			if errors.Is(err, ErrPooler) {
				return err
			}
		}
		if time.Since(began) > of.retryMax {
			wait.Reset()
		}
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// campaign is the life of one session: it tries for the lock until it has it,
// and leads. It returns nil when it came to lead, however that ended.
func (e *Elector) campaign(ctx context.Context) error {
	s, err := openSession(ctx, &e.o)
	if err != nil {
		return err
	}
	defer s.close()
	for {
		unready := e.o.Ready()
		seen, locked, err := s.poll(ctx, unready == nil)
		if err != nil {
			return err
		}
		if locked {
			e.enter(Raising, func(st *Status) { st.Term, st.Err = seen, nil })
			term, err := s.raise(ctx)
			if err == nil {
				e.lead(ctx, s, term)
				return nil
			}
			if !errors.Is(err, ErrNotReady) {
				return err
			}
			if unready = err; s.unlock(ctx) != nil {
				return err
			}
		}
		e.enter(Following, func(st *Status) { st.Term, st.Err = seen, unready })
		if err := s.wait(ctx, jitter(e.pace.Load().poll)); err != nil {
			return fmt.Errorf("waiting for the leader's lock: %w", err)
		}
	}
}

// jitter keeps followers apart: between half of d and one and a half of it.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// lead runs the leading function under a lease on the session's lock.
func (e *Elector) lead(parent context.Context, s *session, term Term) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	l := newLease(&e.o, term, func(why error) {
		e.enter(Leaving, func(st *Status) { st.Err = why })
		cancel(why)
	})
	keeping, stop := context.WithCancel(context.Background())
	var keeper sync.WaitGroup
	keeper.Go(func() { l.keep(keeping, s) })

	e.enter(Leading, func(st *Status) { st.Term, st.Err = term, nil })
	e.o.Logger.Info("leading", "epoch", term.Epoch, "holder", term.Holder)
	e.o.OnElected(term)
	err := e.leads(ctx, l)

	stop()
	keeper.Wait()
	l.end(ErrReleased)
	switch why := l.Err(); {
	case !errors.Is(why, ErrReleased):
		err = why
	case parent.Err() != nil:
		err = nil
		fallthrough
	default:
		s.handOver()
	}
	e.enter(Waiting, func(st *Status) { st.Err = err })
	e.o.Logger.Info("not leading any more", "epoch", term.Epoch, "cause", err)
	e.o.OnEnded(term, err)
}
