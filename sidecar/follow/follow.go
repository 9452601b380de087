package follow

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Follower keeps an index up to date with a database. Its methods are safe for
// concurrent use; Run once.
type Follower struct {
	replication *replication.Follower
	timer       timer
	applied     func(time.Duration)
	listener    Listener

	current atomic.Pointer[generation]
	mu      sync.Mutex // to replace current
}

// generation is an index between two loads.
type generation struct {
	index    *readiness.Index // nil before the first load
	replaced chan struct{}    // there: closed when the first one is in place
}

// Options configures a follower.
type Options struct {
	// Replication says what is followed, and how.
	Replication replication.Options
	// Applied is told how long each transaction took to apply, by the goroutine
	// that applies them. Defaults to nobody.
	Applied func(took time.Duration)
	// Listener is shown what is committed. Defaults to nobody.
	Listener Listener
}

// New makes a follower; nothing is started before Run. The options are checked
// here, all at once.
func New(options Options) (*Follower, error) {
	f := &Follower{timer: newTimer(), applied: options.Applied, listener: options.Listener}
	if f.listener == nil {
		f.listener = deaf{}
	}
	if f.applied == nil {
		f.applied = func(time.Duration) {}
	}
	f.current.Store(&generation{replaced: make(chan struct{})})
	var err error
	if f.replication, err = replication.New(options.Replication, target{f}); err != nil {
		return nil, err
	}
	return f, nil
}

// Run follows until ctx ends, or until something is wrong that trying again
// does not mend.
func (f *Follower) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		f.tick(ctx)
	}()
	defer func() {
		cancel()
		<-ticking
	}()
	return f.replication.Run(ctx)
}

// replace puts a new index in the place of the current one.
func (f *Follower) replace(index *readiness.Index) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.current.Load()
	f.current.Store(&generation{index: index})
	if old.index == nil {
		close(old.replaced)
	} else {
		old.index.Retire()
	}
}

// View is the newest view of the current index; nil before the first load.
func (f *Follower) View() *readiness.View {
	if index := f.current.Load().index; index != nil {
		return index.View()
	}
	return nil
}

// Status is how following goes.
func (f *Follower) Status() replication.Status { return f.replication.Status() }

// Changed is closed when the view changes next, when a step becomes ready by
// the clock alone, or when the index is replaced. Take it, look at the view,
// then wait.
func (f *Follower) Changed() <-chan struct{} {
	g := f.current.Load()
	if g.index == nil {
		return g.replaced
	}
	return g.index.Changed()
}

// WaitFor returns when the view reflects at least lsn, or with ctx's error. A
// reload in between does not end the waiting.
func (f *Follower) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	for {
		changed := f.Changed()
		if view := f.View(); view != nil && view.LSN() >= lsn {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Now is the database's clock as well as it is known here: answers depend on
// it, as those of the functions do on theirs.
func (f *Follower) Now() tasker.Timestamp {
	return tasker.TimestampOf(time.Now().Add(f.replication.Status().ClockOffset))
}

// Written tells that somebody writes down what views reflect; see
// [replication.Follower.Written].
func (f *Follower) Written(lsn tasker.LSN) { f.replication.Written(lsn) }
