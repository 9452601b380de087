package api

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// testClock lies between the two years in which all golden times are.
func testClock() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC) }

// settableSource is a source whose view and freshness a test sets.
type settableSource struct {
	mu      sync.Mutex
	view    *readiness.View
	fresh   Freshness
	changed chan struct{} // closed at each change
	waiting chan tasker.LSN
	status  Status

	active, maximum int64
	connectionsErr  error
}

func newSource(view *readiness.View, fresh Freshness) *settableSource {
	return &settableSource{view: view, fresh: fresh, changed: make(chan struct{}), waiting: make(chan tasker.LSN, 10), active: 3, maximum: 100}
}

func (s *settableSource) set(view *readiness.View, fresh Freshness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view, s.fresh = view, fresh
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *settableSource) Current() (*readiness.View, Freshness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, s.fresh
}

func (s *settableSource) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	for told := false; ; told = true {
		s.mu.Lock()
		reached, changed := s.view != nil && s.fresh.AsOfLSN >= lsn, s.changed
		s.mu.Unlock()
		if reached {
			return nil
		}
		if !told {
			s.waiting <- lsn
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *settableSource) Status() Status { return s.status }

func (s *settableSource) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return s.active, s.maximum, s.connectionsErr
}

// started runs a server on a free port until the test is over.
func started(t testing.TB, source Source, options Options) *Server {
	t.Helper()
	if options.Listen == "" {
		options.Listen = "127.0.0.1:0"
	}
	if options.Clock == nil {
		options.Clock = testClock
	}
	s, err := New(source, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil { //nolint:usetesting // the test's context has ended
			t.Errorf("stopping: %v", err)
		}
	})
	return s
}
