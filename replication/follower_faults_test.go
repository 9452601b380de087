package replication

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const terminateWalsender = `SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = current_database()`

// TestWalsenderTerminated: the slot goes with it, in the middle of a
// transaction that has begun to arrive.
func TestWalsenderTerminated(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	var cut atomic.Bool
	f := follow(t, address, func(_ *Options, r *recorder) {
		var seen atomic.Int32
		r.onApply = func(*tasker.Change) error {
			if cut.Load() && seen.Add(1) == 500 {
				execOn(t, address, terminateWalsender)
			}
			return nil
		}
	})
	f.streaming(t)
	cut.Store(true)
	execute(t, conn, `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
		SELECT i, 1, 'step ' || i, now(), now() FROM generate_series(10, 50000) i`)
	eventually(t, "a second snapshot", func() bool { return f.Status().Snapshots == 2 })
	f.streaming(t)
	f.same(t, conn)
	if s := f.Status(); s.Reconnects != 1 || s.LastError == nil || s.Stale {
		t.Errorf("status %+v", s)
	}
}

// TestStaleWhileAway: what was loaded stays, and is called stale with the cause.
func TestStaleWhileAway(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, func(o *Options, _ *recorder) {
		o.ReconnectMin, o.ReconnectMax = time.Hour, time.Hour
	})
	f.streaming(t)
	f.same(t, conn)
	execute(t, conn, terminateWalsender)
	eventually(t, "to be stale", func() bool { return f.Status().State == StateWaiting })
	s := f.Status()
	if !s.Stale || s.Cause == nil || !s.Loaded || s.NextAttempt.Before(time.Now()) || s.Slot != "" {
		t.Errorf("status %+v", s)
	}
}

// TestServerRestarted: once softly, once as by a crash.
func TestServerRestarted(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, nil)
	f.streaming(t)
	for i, end := range []func(context.Context) error{server.Restart, func(ctx context.Context) error {
		if err := server.Kill(ctx); err != nil {
			return err
		}
		return server.Restart(ctx)
	}} {
		if err := end(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another snapshot", func() bool { return f.Status().Snapshots >= uint64(i)+2 }) //nolint:gosec // small
		f.streaming(t)
		conn := connectTo(t, address)
		execute(t, conn, fmt.Sprintf("INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (%[1]d, 1, 'after %[1]d', now(), now())", 10+i))
		f.same(t, conn)
	}
}

// TestFirstStart: what cannot work ends Run at once, with one line, and leaves
// nothing behind.
func TestFirstStart(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	empty := pgtest.Database(t)
	change := func(f func(u *url.URL)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		f(u)
		return u.String()
	}
	low := pgtest.Server(t, nil)
	lowAddress := pgtest.Database(t, pgtest.On(low))
	installEngine(t, lowAddress, testbed.Options{})
	execOn(t, lowAddress, "ALTER SYSTEM SET wal_level = replica")
	_ = low.Restart(t.Context()) // it says that this is no server for tests
	full := pgtest.Server(t, map[string]string{"max_replication_slots": "0"})
	fullAddress := pgtest.Database(t, pgtest.On(full))
	installEngine(t, fullAddress, testbed.Options{})
	jealous := pgtest.Server(t, map[string]string{"synchronous_standby_names": "*", "synchronous_commit": "local"})
	jealousAddress := pgtest.Database(t, pgtest.On(jealous))
	installEngine(t, jealousAddress, testbed.Options{})
	_, weak := newRole(t, address, "")

	for _, c := range []struct{ name, address, says string }{
		{"password", change(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong") }), "password"},
		{"database", change(func(u *url.URL) { u.Path = "/nowhere" }), "nowhere"},
		{"host", change(func(u *url.URL) { u.Host = "127.0.0.1:1" }), "127.0.0.1:1"},
		{"tables", empty, "tasker_"},
		{"wal_level", lowAddress, "wal_level"},
		{"slots", fullAddress, "slot"},
		{"synchronous standby", jealousAddress, "synchronous_standby_names"},
		{"rights", weak, "doctor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := follow(t, c.address, nil)
			select {
			case <-f.done:
			case <-time.After(testPatience):
				t.Fatalf("still trying: %+v", f.Status())
			}
			if f.err == nil || !strings.Contains(f.err.Error(), c.says) || strings.ContainsAny(f.err.Error(), "\n") || strings.Contains(f.err.Error(), "wrong@") {
				t.Errorf("error: %v", f.err)
			}
			s := f.Status()
			if s.State != StateStopped || s.Cause == nil || s.Loaded {
				t.Errorf("status %+v", s)
			}
			t.Log(f.err)
		})
	}
}

// TestFirstStartPatience: a server that comes up a little later is waited for.
func TestFirstStartPatience(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	if err := server.StopFast(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := follow(t, address, func(o *Options, _ *recorder) { o.FirstStartPatience = time.Minute })
	eventually(t, "to have tried twice", func() bool { return f.Status().Reconnects >= 2 })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.streaming(t)
}

// TestConfirmsWhatIsApplied: not what is received, and the end of a commit.
func TestConfirmsWhatIsApplied(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	hold := make(chan struct{})
	var holding atomic.Bool
	f := follow(t, address, func(_ *Options, r *recorder) {
		r.onApply = func(*tasker.Change) error {
			if holding.Load() {
				<-hold
			}
			return nil
		}
	})
	f.streaming(t)
	f.same(t, conn)
	holding.Store(true)
	execute(t, conn, "UPDATE tasker_tasks SET complete = true")
	after := flushPosition(t, conn)
	confirmed := func() tasker.LSN {
		var text string
		if err := conn.QueryRow(t.Context(), "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", f.Status().Slot).Scan(&text); err != nil {
			t.Fatal(err)
		}
		lsn, err := tasker.ParseLSN(text)
		if err != nil {
			t.Fatal(err)
		}
		return lsn
	}
	// The server asks and is answered all the while; several rounds of it.
	begin := f.Status().KnownAt
	eventually(t, "the age to grow", func() bool { return f.Status().Age > time.Second })
	if at := confirmed(); at >= after {
		t.Errorf("confirmed %s, the transaction that is not applied ends before %s", at, after)
	}
	if s := f.Status(); s.Applied >= after || s.KnownAt.Sub(begin) > time.Second || s.LagBytes == 0 {
		t.Errorf("status %+v", s)
	}
	close(hold)
	f.same(t, conn)
	eventually(t, "it to be confirmed", func() bool { return confirmed() >= after })
}

// TestIdleBesideBusy: another database's log passes us by and is let go.
func TestIdleBesideBusy(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	busy := pgtest.Database(t, pgtest.On(server))
	conn, other := connectTo(t, address), connectTo(t, busy)
	f := follow(t, address, func(o *Options, _ *recorder) { o.StatusInterval = 0 }) // the default
	f.streaming(t)
	execute(t, other, "CREATE TABLE t (i int)")
	var at string
	if err := conn.QueryRow(t.Context(), "SELECT pg_current_wal_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				execOn(t, busy, "INSERT INTO t SELECT generate_series(1, 1000)")
			}
		}
	}()
	defer func() { close(stop); <-done }()
	within(t, 10*time.Second, "confirmed_flush_lsn to pass "+at, func() bool {
		var passed bool
		if err := conn.QueryRow(t.Context(), "SELECT coalesce(bool_and(confirmed_flush_lsn > $1::pg_lsn), false) FROM pg_replication_slots", at).Scan(&passed); err != nil {
			t.Fatal(err)
		}
		return passed
	})
	if s := f.Status(); s.Age > 5*time.Second || s.Transactions != 0 {
		t.Errorf("status %+v", s)
	}
}

// TestTargetFails: whatever it is, what follows is a new load.
func TestTargetFails(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	failure := errors.New("the target is not well")
	var fail atomic.Bool
	f := follow(t, address, func(_ *Options, r *recorder) {
		r.onApply = func(*tasker.Change) error {
			if fail.Swap(false) {
				return failure
			}
			return nil
		}
	})
	f.streaming(t)
	fail.Store(true)
	execute(t, conn, "UPDATE tasker_tasks SET complete = true")
	eventually(t, "a second snapshot", func() bool { return f.Status().Snapshots == 2 })
	f.same(t, conn)
	if err := f.Status().LastError; !errors.Is(err, failure) || !strings.Contains(err.Error(), "tasker_tasks") {
		t.Errorf("last error: %v", err)
	}
}
