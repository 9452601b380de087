package follow

import (
	"context"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// timer wakes the follower when the clock alone changes an answer.
type timer struct{ changed chan struct{} }

func newTimer() timer { return timer{make(chan struct{}, 1)} }

// wake has the next instant looked up again. It never blocks.
func (t timer) wake() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// idle bounds how long the timer sleeps when no instant is known, so that a
// clock that is set does not leave it asleep.
const idle = time.Second

// tick lets the index know that an instant has come, until ctx ends.
func (f *Follower) tick(ctx context.Context) {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		wait := idle
		if index := f.current.Load().index; index != nil {
			now := f.Now()
			if next := index.Tick(now); next != tasker.NoTime {
				wait = min(max(next.Sub(now), 0), idle)
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-f.timer.changed:
		}
	}
}
