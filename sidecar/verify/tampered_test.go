package verify_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// tampered is an index that follows a database and is told lies: what it is
// given of a change is what tamper makes of it.
type tampered struct {
	index atomic.Pointer[readiness.Index]

	mu     sync.Mutex
	tamper func(c tasker.Change) []tasker.Change

	// between is called when the database has been asked and the index has not.
	between func()
}

func (x *tampered) View() *readiness.View {
	if index := x.index.Load(); index != nil {
		return index.View()
	}
	return nil
}

func (x *tampered) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	if x.between != nil {
		x.between()
	}
	return x.index.Load().WaitFor(ctx, lsn)
}

func (x *tampered) lie(tamper func(c tasker.Change) []tasker.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tamper = tamper
}

func (x *tampered) NewLoad(_ context.Context, at replication.Snapshot) (replication.Load, error) {
	return &load{readiness.NewLoad(readiness.Options{Rules: at.Rules}), x, at}, nil
}

type load struct {
	*readiness.Load
	target *tampered
	at     replication.Snapshot
}

func (l *load) Finish(context.Context) (replication.Stream, error) {
	index, err := l.Load.Finish(readiness.Position{LSN: l.at.LSN, Time: l.at.Time})
	return &stream{index, l.target}, err
}

func (l *load) Discard() {}

type stream struct {
	*readiness.Index
	target *tampered
}

func (s *stream) Apply(c *tasker.Change) error {
	s.target.mu.Lock()
	tamper := s.target.tamper
	s.target.mu.Unlock()
	if tamper == nil {
		return s.Index.Apply(c)
	}
	for _, c := range tamper(*c) {
		if err := s.Index.Apply(&c); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) Commit(end tasker.LSN) error {
	s.Index.Commit(end)
	return nil
}

func (s *stream) Publish() error {
	s.Index.Publish()
	s.target.index.Store(s.Index)
	return nil
}

func (s *stream) Discard() {}

// followTampered follows until the test ends.
func followTampered(t *testing.T, url string) *tampered {
	t.Helper()
	x := &tampered{}
	f, err := replication.New(followtest.Options(t, url), x)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	followtest.Eventually(t, "the index to be loaded", func() bool { return x.View() != nil && !f.Status().Stale })
	return x
}

// reach waits until the index has applied everything that is in the log.
func (x *tampered) reach(t *testing.T, lsn string) {
	t.Helper()
	at, err := tasker.ParseLSN(lsn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := x.index.Load().WaitFor(ctx, at); err != nil {
		t.Fatal(err)
	}
}
