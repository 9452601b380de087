package bench

import (
	"context"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
)

// side is one subject of a comparison, and what has been measured of it.
type side struct {
	subject matrix.Subject
	ending  *Ending // nil: it answers
	meter   *meter  // nil: what it costs is not known
	asked   int
	// chunk is how many questions lie between two looks at the clock.
	chunk int

	client []float64 // nanoseconds a question, one sample a round
	server []float64 // the same in the server; empty: not known
	closed *Recorder
	open   *Recorder
	cost   Cost // of server rounds, summed
}

// short is the time below which looking at the clock would count.
const short = 10 * time.Microsecond

// round asks in a closed loop for at least a given time, and notes a sample
// unless it is the warm-up.
func (s *side) round(ctx context.Context, a *arena, q *matrix.Question, least time.Duration, warmup bool) error {
	if s.meter != nil {
		if err := s.meter.begin(ctx); err != nil {
			return err
		}
	}
	n, busy := 0, time.Duration(0)
	for start := time.Now(); n == 0 || time.Since(start) < least; {
		if err := a.pace(ctx); err != nil {
			return err
		}
		began := time.Now()
		if err := s.ask(ctx, a, q); err != nil {
			return err
		}
		took := time.Since(began)
		for range s.chunk - 1 {
			if err := s.ask(ctx, a, q); err != nil {
				return err
			}
		}
		if s.chunk > 1 {
			busy += time.Since(began)
		} else {
			busy += took
		}
		n += s.chunk
		if !warmup {
			s.closed.Record(took)
		}
	}
	mean := float64(busy) / float64(n)
	if warmup && mean < float64(short) {
		s.chunk = 64
	}
	if s.meter != nil {
		cost, err := s.meter.end(ctx, n)
		if err != nil {
			return err
		}
		if cost == nil { // others have asked the same, and cannot be told apart
			s.meter = nil
		} else if !warmup {
			s.server = append(s.server, cost.ServerNanoseconds)
			s.cost.add(cost)
		}
	}
	if !warmup {
		s.client = append(s.client, mean)
	}
	return nil
}

func (s *side) ask(ctx context.Context, a *arena, q *matrix.Question) error {
	err := s.subject.Ask(ctx, q, a.args(s.asked))
	s.asked++
	return err
}

// arrive asks at a rate for a given time: each question is due at its moment,
// and counts from there.
func (s *side) arrive(ctx context.Context, a *arena, q *matrix.Question, rate float64, duration time.Duration) error {
	start := time.Now()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if due.Sub(start) >= duration {
			return nil
		}
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
		if err := s.ask(ctx, a, q); err != nil {
			return err
		}
		s.open.Record(time.Since(due))
	}
}

// spin is how long before its moment a question is waited for by looking at the
// clock: timers are late by more than an answer from memory takes.
const spin = 200 * time.Microsecond

func sleepUntil(ctx context.Context, at time.Time) error {
	if wait := time.Until(at) - spin; wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	for time.Now().Before(at) {
	}
	return ctx.Err()
}

// pace waits until the next question may be asked.
func (a *arena) pace(ctx context.Context) error {
	if a.rate == 0 {
		return ctx.Err()
	}
	if now := time.Now(); a.next.Before(now) {
		a.next = now
	}
	at := a.next
	a.next = a.next.Add(time.Duration(float64(time.Second) / a.rate))
	return sleepUntil(ctx, at)
}

// latency is a recorder's distribution; nil where it has none.
func latency(r *Recorder) *Latency {
	if r.Count() == 0 {
		return nil
	}
	return r.Latency()
}

// costs is the mean of the rounds; nil where it is not known.
func (s *side) costs() *Cost {
	if len(s.server) == 0 {
		return nil
	}
	return s.cost.over(float64(len(s.server)))
}
