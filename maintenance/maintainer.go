package maintenance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Source is an index that follows the database.
type Source interface {
	// Current is the newest view; false while its answers are stale, or before
	// there is one.
	Current() (*readiness.View, bool)
	// Changed is closed when the next view is another one, or a step can run by
	// the clock alone.
	Changed() <-chan struct{}
	// Now is the server's clock.
	Now() tasker.Timestamp
	// Schema is that of the engine's tables; empty before there is a view.
	Schema() string
}

// Maintainer runs the services while it leads. Status is safe for concurrent
// use; Lead runs once at a time.
type Maintainer struct {
	options atomic.Pointer[Options]
	source  Source

	mu       sync.Mutex // for all below, never held while the database is asked
	leading  bool
	agenda   *agenda.Agenda
	services map[agenda.Service]*service
}

// service is what is known of a service.
type service struct {
	Service
	meter     *agenda.Meter
	notBefore tasker.Timestamp // after something has failed
	said      time.Time        // when it was last told what it would do …
	told      int              // … and of how many acts
	unstored  string           // why it has stopped, until the database knows
}

// New makes a maintainer. The options are checked here, all at once.
func New(o Options, source Source) (*Maintainer, error) {
	o, err := o.WithDefaults()
	if err != nil {
		return nil, fmt.Errorf("maintenance: %w", err)
	}
	m := &Maintainer{source: source, services: map[agenda.Service]*service{}}
	m.options.Store(&o)
	for _, s := range agenda.Services() {
		m.services[s] = &service{Service: Service{Service: s, Mode: o.Agenda.Modes[s], State: Running}}
	}
	return m, nil
}

// Prepare checks options that are to hold from now on, and gives what puts them
// into force: they are taken between two acts, the states and counts of the
// services stay, and nothing that was decided on by the former ones is done any
// more. Pool and Logger stay as they were.
func (m *Maintainer) Prepare(o Options) (apply func(), err error) {
	before := m.options.Load()
	o.Pool, o.Logger = before.Pool, before.Logger
	if o, err = o.WithDefaults(); err != nil {
		return nil, fmt.Errorf("maintenance: %w", err)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.options.Store(&o)
		if !m.leading { // nobody else would
			m.setModes(&o)
		}
	}, nil
}

// setModes gives the services their modes. The lock is held.
func (m *Maintainer) setModes(o *Options) {
	for name, one := range m.services {
		if one.Mode == o.Agenda.Modes[name] {
			continue
		}
		one.Mode, one.said, one.told = o.Agenda.Modes[name], time.Time{}, 0
		if one.unstored == "" { // what it says of a mode that is no more; the database is asked anew
			one.State, one.Why = Running, ""
		}
	}
}

// Service is how a service is at one moment.
type Service struct {
	Service agenda.Service
	Mode    agenda.Mode
	// State is Running, Paused or Stopped as the database had it lately, or
	// Refused. Only Running acts.
	State State
	// Why it is so; empty while it is running.
	Why string
	// Due are the acts that are due, or would be if it acted, Later those whose
	// time has not come. Both are 0 where another process leads.
	Due, Later int
	// Done, Overtaken and Failed count since the start: acts that were done, that
	// somebody else was faster with or whose conditions did not hold any more, and
	// tries that failed.
	Done, Overtaken, Failed uint64
	// LastError is the last failure, nil once an act has succeeded.
	LastError error
}

// Status is how the maintainer is.
type Status struct {
	// Leading says whether this process is the one that acts.
	Leading bool
	// Complete says whether every task has been looked at since it leads.
	Complete bool
	// LSN is the position of the log up to which everything has been looked at; 0
	// where another process leads.
	LSN      tasker.LSN
	Services []Service
}

// Status tells how the services are.
func (m *Maintainer) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Status{Leading: m.leading, Complete: m.agenda != nil && m.agenda.Complete()}
	if m.agenda != nil {
		out.LSN = m.agenda.LSN()
	}
	now := m.source.Now()
	for _, s := range agenda.Services() {
		one := m.services[s].Service
		if m.agenda != nil {
			_, one.Due = m.agenda.List(s, now, 0)
			one.Later = m.agenda.Later(s, one.Due)
		}
		out.Services = append(out.Services, one)
	}
	return out
}

// List gives the acts of a service that are due, or would be if it acted, the
// most urgent first, no more than most.
func (m *Maintainer) List(s agenda.Service, most int) []agenda.Act {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agenda == nil {
		return nil
	}
	acts, _ := m.agenda.List(s, m.source.Now(), most)
	return acts
}

// Lead runs the services until ctx ends, which a lease does when it is lost.
// Whatever else goes wrong is tried again.
func (m *Maintainer) Lead(ctx context.Context, lease *leader.Lease) error {
	m.mu.Lock()
	o := m.options.Load()
	m.leading, m.agenda = true, agenda.New(o.Agenda)
	m.setModes(o)
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		m.leading, m.agenda = false, nil
		m.setModes(m.options.Load())
		m.mu.Unlock()
	}()
	s := &session{Maintainer: m, o: o, lease: lease}
	for {
		err := s.run(ctx)
		if ctx.Err() != nil || leader.Over(err) {
			return err
		}
		s.o.Logger.Warn("maintenance could not go on, and begins again", "error", err)
		if err := sleep(ctx, s.o.RetryPause); err != nil {
			return err
		}
	}
}

// sleep returns after d, or with the cause of ctx's end.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
