package player

import (
	"context"
	"sync"
	"time"
)

// Clock tells and spends the time.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with the context's error when that ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace gives each commit its moment: number k is due k/rate seconds after the
// first. Whoever is late finds moments that have passed and does not wait, so
// the load does not adapt itself to a slow database (no coordinated omission).
type pace struct {
	clock Clock
	every time.Duration // 0: flat out

	mu   sync.Mutex
	next time.Time
}

func newPace(clock Clock, rate float64) *pace {
	p := &pace{clock: clock}
	if rate > 0 {
		p.every = time.Duration(float64(time.Second) / rate)
	}
	return p
}

// wait gives the moment at which the next commit is due, having slept until then.
func (p *pace) wait(ctx context.Context) (time.Time, error) {
	now := p.clock.Now()
	if p.every == 0 {
		return now, ctx.Err()
	}
	p.mu.Lock()
	if p.next.IsZero() {
		p.next = now
	}
	due := p.next
	p.next = due.Add(p.every)
	p.mu.Unlock()
	return due, p.clock.Sleep(ctx, due.Sub(now))
}
