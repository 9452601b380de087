package readiness

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// waiters is a channel that is closed at the next change. While nobody waits,
// waking costs one atomic load.
type waiters struct {
	some    atomic.Bool
	mu      sync.Mutex
	next    chan struct{}
	retired bool // next stays closed
}

func (w *waiters) wait() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next == nil {
		w.next = make(chan struct{})
		w.some.Store(true)
	}
	return w.next
}

// retire wakes whoever waits, now and from now on.
func (w *waiters) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired {
		return
	}
	if w.next == nil {
		w.next = make(chan struct{})
	}
	close(w.next)
	w.retired = true
}

func (w *waiters) isRetired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.retired
}

func (w *waiters) wake() {
	if !w.some.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next != nil && !w.retired {
		close(w.next)
		w.next = nil
		w.some.Store(false)
	}
}

// Changed returns a channel that is closed when something new is published,
// the position moves, or a Tick finds that a step has become ready. Take it
// before the View that it is meant to tell the end of.
func (x *Index) Changed() <-chan struct{} { return x.waiters.wait() }

// Retire says that another index has taken the place of this one, which will
// not change any more: Changed is closed from then on, so that nobody waits for
// it. Its last View stays right for what it says.
func (x *Index) Retire() { x.waiters.retire() }

// WaitFor returns once the published position has reached lsn, or with the
// context's error; an index that is retired reaches nothing more.
func (x *Index) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	for x.View().LSN() < lsn {
		changed := x.Changed()
		if x.View().LSN() >= lsn {
			return nil
		}
		if x.waiters.isRetired() {
			changed = nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
