package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// following is a follower with its index, and places to look in while it
// works. It is what a sidecar does, without the rest of a sidecar.
type following struct {
	hooks    hooks
	follower *replication.Follower
	index    atomic.Pointer[readiness.Index]
	cancel   context.CancelFunc
	ended    chan struct{}
	err      error // why following ended; valid after ended
	failed   atomic.Pointer[error]

	began    time.Time    // Run
	loading  time.Time    // the load began
	rows     atomic.Int64 // loaded
	loaded   time.Time    // the index was built
	streams  time.Time    // the first Publish: readers have answers
	streamed chan struct{}
}

// hooks are called by the goroutine that applies changes. Those that are nil
// cost nothing.
type hooks struct {
	loaded    func(ctx context.Context) error // before the stream is read
	begin     func(xid uint32)
	change    func(c *tasker.Change)
	published func()
}

// follow starts following and returns when readers have answers.
func follow(ctx context.Context, url string, h hooks) (*following, error) {
	f := &following{hooks: h, ended: make(chan struct{}), streamed: make(chan struct{})}
	var err error
	f.follower, err = replication.New(replication.Options{
		DatabaseURL: url,
		// A case may keep the stream waiting while it prepares one.
		StandstillTimeout: 10 * time.Minute, WALSenderTimeout: 10 * time.Minute, ReceiveTimeout: 10 * time.Minute, TCPKeepalive: 10 * time.Minute, MaxWALBehind: 1 << 40,
	}, f)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	f.cancel, f.began = cancel, time.Now()
	go func() {
		defer close(f.ended)
		f.err = f.follower.Run(running)
		if failed := f.failed.Load(); failed != nil {
			f.err = *failed
		}
	}()
	select {
	case <-f.streamed:
		return f, nil
	case <-f.ended:
		cancel()
		if f.err == nil {
			f.err = ctx.Err()
		}
		return nil, f.err
	}
}

// stop ends following and waits for it.
func (f *following) stop() {
	f.cancel()
	<-f.ended
}

// view is the newest view.
func (f *following) view() *readiness.View { return f.index.Load().View() }

// wait returns when readers see everything up to lsn.
func (f *following) wait(ctx context.Context, lsn tasker.LSN) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-f.ended:
			cancel()
		case <-waiting.Done():
		}
	}()
	if err := f.index.Load().WaitFor(waiting, lsn); err != nil {
		if ctx.Err() == nil {
			return fmt.Errorf("following ended: %w", errors.Join(f.err, err))
		}
		return err
	}
	return nil
}

// NewLoad implements [replication.Target].
func (f *following) NewLoad(_ context.Context, s replication.Snapshot) (replication.Load, error) {
	if !f.loading.IsZero() {
		return nil, f.fail(fmt.Errorf("following was interrupted during a measurement: %w", f.follower.Status().LastError))
	}
	f.loading = time.Now()
	return &followingLoad{readiness.NewLoad(readiness.Options{}), f, readiness.Position{LSN: s.LSN, Time: s.Time}}, nil
}

// fail ends following for good: a figure is of one undisturbed stretch.
func (f *following) fail(err error) error {
	f.failed.CompareAndSwap(nil, &err)
	f.cancel()
	return err
}

type followingLoad struct {
	load *readiness.Load
	f    *following
	at   readiness.Position
}

func (l *followingLoad) Add(rows *tasker.Rows) error {
	l.f.rows.Add(int64(rows.Len()))
	return l.load.Add(rows)
}

func (l *followingLoad) Finish(ctx context.Context) (replication.Stream, error) {
	index, err := l.load.Finish(l.at)
	if err != nil {
		return nil, err
	}
	l.load = nil // what the load held is garbage now
	l.f.loaded = time.Now()
	if l.f.hooks.loaded != nil {
		if err := l.f.hooks.loaded(ctx); err != nil {
			return nil, l.f.fail(errors.Join(err, context.Cause(ctx)))
		}
	}
	l.f.index.Store(index)
	return &followingStream{index, l.f, false}, nil
}

func (l *followingLoad) Discard() {}

// followingStream applies to the index and tells the hooks.
type followingStream struct {
	*readiness.Index
	f    *following
	seen bool // the first Publish has been told
}

func (s *followingStream) Begin(xid uint32, at tasker.Timestamp) {
	s.Index.Begin(xid, at)
	if s.f.hooks.begin != nil {
		s.f.hooks.begin(xid)
	}
}

func (s *followingStream) Apply(c *tasker.Change) error {
	if s.f.hooks.change != nil {
		s.f.hooks.change(c)
	}
	return s.Index.Apply(c)
}

func (s *followingStream) Commit(end tasker.LSN) error {
	s.Index.Commit(end)
	return nil
}

func (s *followingStream) Publish() error {
	s.Index.Publish()
	if s.f.hooks.published != nil {
		s.f.hooks.published()
	}
	if !s.seen {
		s.seen, s.f.streams = true, time.Now()
		close(s.f.streamed)
	}
	return nil
}

func (s *followingStream) Discard() {}
