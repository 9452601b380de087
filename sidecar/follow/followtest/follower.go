package followtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Patience is how long a test waits for what has to happen.
const Patience = 60 * time.Second

// Follower is a follower that runs for the time of a test.
type Follower struct {
	*follow.Follower
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Options make everything quick that is slow for a server's sake.
func Options(t testing.TB, url string) replication.Options {
	level := hclog.Warn
	if testing.Verbose() {
		level = hclog.Info
	}
	return replication.Options{
		DatabaseURL: url, SnapshotWorkers: 2,
		ReconnectMin: 10 * time.Millisecond, ReconnectMax: 100 * time.Millisecond,
		ReloadPause: time.Millisecond, ReloadPauseMax: time.Millisecond,
		StatusInterval: 100 * time.Millisecond, ProbeInterval: 50 * time.Millisecond,
		WatchInterval:      100 * time.Millisecond,
		FirstStartPatience: -1,
		Logger:             hclog.New(&hclog.LoggerOptions{Output: &writer{t}, Level: level}),
	}
}

// writer sends log lines to the test's log, until it ends.
type writer struct{ t testing.TB }

func (w *writer) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // a line after the end of the test
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// Start runs a follower until the test ends; change may be nil. It returns once
// there is something to read.
func Start(t testing.TB, url string, change func(*replication.Options)) *Follower {
	t.Helper()
	o := Options(t, url)
	if change != nil {
		change(&o)
	}
	return StartWith(t, o)
}

// StartListening is Start with somebody who listens.
func StartListening(t testing.TB, url string, listener follow.Listener) *Follower {
	t.Helper()
	return start(t, follow.Options{Replication: Options(t, url), Listener: listener})
}

// StartWith is Start with all the options.
func StartWith(t testing.TB, o replication.Options) *Follower {
	t.Helper()
	return start(t, follow.Options{Replication: o})
}

func start(t testing.TB, o follow.Options) *Follower {
	t.Helper()
	inner, err := follow.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &Follower{Follower: inner, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.err = inner.Run(ctx)
	}()
	t.Cleanup(f.Stop)
	f.Fresh(t)
	return f
}

// Stop ends it and waits for its end.
func (f *Follower) Stop() {
	f.cancel()
	<-f.done
}

// Done is closed when it has ended, by whatever reason.
func (f *Follower) Done() <-chan struct{} { return f.done }

// Err is what Run returned; call it after Done.
func (f *Follower) Err() error { return f.err }

// Fresh waits until answers are fresh.
func (f *Follower) Fresh(t testing.TB) {
	t.Helper()
	Eventually(t, "answers to be fresh", func() bool {
		select {
		case <-f.done:
			t.Fatalf("the follower has ended: %v", f.err)
		default:
		}
		return f.View() != nil && !f.Status().Stale
	})
}

// Reach waits until everything that the database has committed so far is
// applied, and answers are fresh.
func (f *Follower) Reach(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	var text string
	// The message is flushed at once, and everything before it.
	if err := conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')::text").Scan(&text); err != nil {
		t.Fatal(err)
	}
	lsn, err := tasker.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := f.WaitFor(ctx, lsn); err != nil {
		t.Fatalf("waiting for %s: %v; status %+v", lsn, err, f.Status())
	}
	f.Fresh(t)
}

// Eventually polls until the condition holds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", Patience, what)
		}
		<-tick.C
	}
}
