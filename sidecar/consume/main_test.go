package consume_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// line is what a test looks at of an event.
type line struct {
	ID, Name, Reason string
	Recovered        bool
}

// transition says whether it is the one event that each transition has.
func (l line) transition() bool {
	return !strings.Contains(l.ID, "/") && l.ID != ""
}

// sink keeps what it is given, and may be held up.
type sink struct {
	mu    sync.Mutex
	lines []line
	hold  chan struct{} // not nil: Flush waits until it is closed
}

func (s *sink) Write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l line
	err := json.Unmarshal(text, &l)
	s.lines = append(s.lines, l)
	return err
}

func (s *sink) Flush() error {
	if s.hold != nil {
		<-s.hold
	}
	return nil
}

func (s *sink) all() []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]line(nil), s.lines...)
}

// has says whether every one of the ids was told.
func (s *sink) has(ids ...string) bool {
	told := map[string]bool{}
	for _, l := range s.all() {
		told[l.ID] = true
	}
	for _, id := range ids {
		if !told[id] {
			return false
		}
	}
	return true
}

// running is a consumer at work.
type running struct {
	*sink
	follower *followtest.Follower
	stop     func()
}

// options are those of a test.
func options(url, name string, s *sink) consume.Options {
	return consume.Options{
		Name: name, Sink: s, Interval: 20 * time.Millisecond,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, url) },
	}
}

// consumer runs one until it is stopped or the test ends.
func consumer(t *testing.T, url, name string, s *sink, o announce.Options) *running {
	t.Helper()
	o.Always = true
	hub, err := announce.New(o)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := hub.Subscribe(nil, announce.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	c := consume.New(options(url, name, s))
	if err := c.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := followtest.StartListening(t, url, hub)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		hub.Run(ctx, announce.Clock{Now: f.Now, Fresh: func() bool { return !f.Status().Stale }})
	})
	work.Go(func() {
		if err := c.Run(ctx, reader, "public"); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the consumer: %v", err)
		}
	})
	r := &running{sink: s, follower: f}
	r.stop = sync.OnceFunc(func() {
		cancel()
		work.Wait()
		c.Close(context.Background())
		reader.Close()
		f.Stop()
	})
	t.Cleanup(r.stop)
	return r
}
