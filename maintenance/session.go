package maintenance

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// How much is done before it is looked again at what has changed.
const (
	looksAtOnce = 2000 // tasks
	actsAtOnce  = 50   // of each service
)

// session is the time of one lease. It belongs to one goroutine.
type session struct {
	*Maintainer
	o      *Options // as they were when the look that goes on was begun
	lease  *leader.Lease
	writer *writer.Writer // nil: nobody acts, or it has not begun
	sql    statements

	checked, swept, cleaned time.Time
}

// run goes on until ctx ends or something fails that concerns all services.
func (s *session) run(ctx context.Context) error {
	s.swept = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.adopt()
		changed := s.source.Changed()
		wait := s.o.CheckInterval
		if view, ok := s.source.Current(); ok {
			if s.o.acts() && s.writer == nil {
				if err := s.begin(ctx); err != nil {
					return err
				}
			}
			now := s.source.Now()
			s.mu.Lock()
			s.agenda.Update(view, now)
			if time.Since(s.swept) >= s.o.SweepInterval {
				s.swept = time.Now()
				s.agenda.Sweep()
			}
			more := s.agenda.Look(looksAtOnce, now)
			s.mu.Unlock()
			s.tell(now)
			if err := s.look(ctx); err != nil {
				return err
			}
			if err := s.act(ctx); err != nil {
				return err
			}
			if wait = s.wait(); more {
				wait = 0
			}
		}
		if err := sleep(ctx, s.o.MinPause); err != nil {
			return err
		}
		timer.Reset(max(0, wait-s.o.MinPause))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-timer.C:
		}
	}
}

// adopt takes over options that have come into force. What is to be done is
// looked for anew, the limits hold for what was done before, and of services that
// act now the database is asked whether they may, before they do.
func (s *session) adopt() {
	o := s.options.Load()
	if o == s.o {
		return
	}
	s.o, s.writer, s.checked = o, nil, time.Time{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setModes(o)
	s.agenda.Reset(o.Agenda)
}

// begin prepares acting: the writer, and what was done in the last minute.
func (s *session) begin(ctx context.Context) error {
	schema := s.source.Schema()
	w, err := writer.New(writer.Options{
		Pool: s.o.Pool, Schema: schema, MaxTries: 3, LockTimeout: s.o.LockTimeout, QueueTimeout: s.o.LockTimeout,
		StatementTimeout: s.o.StatementTimeout,
	})
	if err != nil {
		return err
	}
	rows, err := s.o.Pool.Query(ctx, lastMinuteSQL)
	if err != nil {
		return fmt.Errorf("counting the acts of the last minute: %w", explained(err))
	}
	done := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			rows.Close()
			return err
		}
		done[name] = n
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("counting the acts of the last minute: %w", explained(err))
	}
	now := s.source.Now()
	for name, one := range s.services {
		one.meter = agenda.NewMeter(s.o.Limits[name], done[name.String()], now)
	}
	s.sql = render(schema)
	if err := s.readStates(ctx); err != nil {
		return err
	}
	s.writer = w
	return nil
}

// act does what is due, in the services' order.
func (s *session) act(ctx context.Context) error {
	for _, name := range agenda.Services() {
		one := s.services[name]
		if one.Mode != agenda.Acts || one.State != Running {
			continue
		}
		for range actsAtOnce {
			now := s.source.Now()
			if now < one.notBefore || one.meter.Wait(now) > 0 {
				break
			}
			s.mu.Lock()
			act, ok := s.agenda.Due(name, now)
			s.mu.Unlock()
			if s.options.Load() != s.o {
				return nil // it may not be wanted any more
			}
			if !ok {
				break
			}
			if one.meter.Spent(now) {
				s.stop(ctx, one)
				break
			}
			if err := s.settle(ctx, one, act, s.perform(ctx, act)); err != nil {
				return err
			}
			if one.State != Running {
				break
			}
		}
	}
	return nil
}

// wait is how long it is until something is to be done without a change.
func (s *session) wait() time.Duration {
	wait := s.o.CheckInterval
	now := s.source.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.services {
		next := s.agenda.Next(name)
		if one.Mode != agenda.Acts || one.State != Running || next == tasker.NoTime {
			continue
		}
		due := max(next, one.notBefore).Sub(now)
		wait = min(wait, max(due, one.meter.Wait(now)))
	}
	return max(0, wait)
}

// tell says now and then what services would do that only observe.
func (s *session) tell(now tasker.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, one := range s.services {
		if one.Mode != agenda.Observe || time.Since(one.said) < time.Minute {
			continue
		}
		acts, total := s.agenda.List(name, now, 1)
		if total > 0 && total != one.told {
			s.o.Logger.Info("the "+name.String()+" would act, and only observes", "acts", total, "first", describe(&acts[0]), "because", acts[0].Reason)
			one.said = time.Now()
		}
		one.told = total
	}
}

// describe says what an act does.
func describe(a *agenda.Act) string {
	switch {
	case a.WorkflowStepID != 0:
		return fmt.Sprintf("step %d of task %d from %s to %s", a.WorkflowStepID, a.TaskID, a.From, a.To)
	case a.From == a.To:
		return fmt.Sprintf("announce task %d", a.TaskID)
	}
	return fmt.Sprintf("task %d from %s to %s", a.TaskID, a.From, a.To)
}
