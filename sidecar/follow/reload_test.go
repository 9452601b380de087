package follow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

const terminateWalsender = `SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = current_database()`

// Whoever waits for a change, or for a position, goes on waiting over a reload
// and is told of it; the old view stays, marked stale.
func TestWaitingOverAReload(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	f := followtest.Start(t, url, nil)
	f.Reach(t, conn)
	// On an idle database nothing moves but what the test does.
	changed, view := f.Changed(), f.View()
	waited := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
	defer cancel()
	far := view.LSN() + 1<<20
	go func() { waited <- f.WaitFor(ctx, far) }()

	followtest.Exec(t, conn, terminateWalsender)
	followtest.Eventually(t, "a second snapshot to be followed", func() bool { return f.Status().Snapshots == 2 && !f.Status().Stale })
	select {
	case <-changed:
	case <-time.After(followtest.Patience):
		t.Fatal("Changed was not closed by the index being replaced")
	}
	if f.View() == view {
		t.Error("the view is that of the old index")
	}
	select {
	case err := <-waited:
		t.Fatalf("WaitFor returned %v at %s, before %s", err, f.View().LSN(), far)
	default:
	}
	for f.View().LSN() < far {
		followtest.Exec(t, conn, `SELECT pg_logical_emit_message(true, 'test', repeat('x', 200000))`)
		f.Reach(t, conn)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// Waiting can begin before there is anything to read.
func TestWaitingBeforeTheFirstLoad(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	f, err := follow.New(follow.Options{Replication: followtest.Options(t, url)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over, end := context.WithCancel(t.Context())
	end()
	if err := f.WaitFor(over, 1); !errors.Is(err, context.Canceled) || f.View() != nil {
		t.Errorf("waited with a context that has ended: %v", err)
	}
	changed, waited, ran := f.Changed(), make(chan error, 1), make(chan error, 1)
	go func() { waited <- f.WaitFor(ctx, 1) }()
	go func() { ran <- f.Run(ctx) }()
	select {
	case <-changed:
	case <-time.After(followtest.Patience):
		t.Fatal("the first load is no change")
	}
	if err := <-waited; err != nil || f.View().LSN() < 1 {
		t.Errorf("waited for the first load: %v", err)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}
