package replication

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// frozenVariables name what the child of TestFrozenProcess follows, and until when.
const (
	frozenURL   = "REPLICATION_TEST_FROZEN_URL"
	frozenPhase = "REPLICATION_TEST_FROZEN_PHASE"
)

// TestFrozenChild is the process that TestFrozenProcess stops; by itself it
// checks that it is not one.
func TestFrozenChild(t *testing.T) {
	address := os.Getenv(frozenURL)
	if address == "" {
		if os.Getenv(frozenPhase) != "" {
			t.Fatal("a child without an address")
		}
		return
	}
	fmt.Println("ready")
	phase := os.Getenv(frozenPhase)
	o := Options{DatabaseURL: address} // all defaults
	r := newRecorder(t)
	r.quiet = true
	if phase == "loading" {
		r.onAdd = func(rows *tasker.Rows) error {
			if rows.Table != tasker.NamedSteps {
				return nil
			}
			fmt.Println("loading")
			select {} // until killed
		}
	}
	f, err := New(o, r)
	if err != nil {
		t.Fatal(err)
	}
	if phase == "streaming" {
		go func() {
			for f.Status().State != StateStreaming {
				time.Sleep(5 * time.Millisecond)
			}
			fmt.Println("streaming")
		}()
	}
	t.Fatal(f.Run(t.Context()))
}

// pinned counts what of ours holds anything back on the server.
const pinned = `SELECT (SELECT count(*) FROM pg_replication_slots)
	+ (SELECT count(*) FROM pg_stat_activity
	    WHERE application_name = 'tasker-sidecar' AND (backend_type = 'walsender' OR xact_start IS NOT NULL OR backend_xmin IS NOT NULL)
	      AND (state <> 'active' OR query LIKE 'COPY%' OR backend_type = 'walsender'))`

// TestFrozenProcess: a process that stands still (SIGSTOP) pins neither log
// nor old rows for longer than 15 s, whatever it was doing, also over a socket
// of which no TCP timeout can be expected.
func TestFrozenProcess(t *testing.T) {
	for _, phase := range []string{"waiting", "loading", "streaming"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Server(t, nil)
			address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
			conn := connectTo(t, address)
			aTask(t, conn)
			// More rows than all the buffers between server and process hold.
			execute(t, conn, `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
				SELECT i, 1, repeat('step ', 20) || i, now(), now() FROM generate_series(10, 100000) i`)
			if phase == "waiting" {
				other := connectTo(t, address)
				execute(t, other, "BEGIN", "SELECT pg_current_xact_id()")
			}
			socket, err := url.Parse(server.SocketURL())
			if err != nil {
				t.Fatal(err)
			}
			parsed, _ := url.Parse(address)
			socket.Path = parsed.Path
			if phase == "streaming" {
				socket = parsed // over TCP
			}
			child := exec.Command(os.Args[0], "-test.run=^TestFrozenChild$")
			child.Env = append(os.Environ(), frozenURL+"="+socket.String(), frozenPhase+"="+phase)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = child.Process.Kill()
				_ = child.Wait()
			}()
			if phase != "waiting" {
				lines := bufio.NewScanner(out)
				for lines.Scan() && lines.Text() != phase {
				}
			}
			count := func(sql string) (n int) {
				if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			eventually(t, "a slot", func() bool { return count("SELECT count(*) FROM pg_replication_slots") == 1 })
			if phase == "loading" {
				eventually(t, "a COPY that cannot go on", func() bool {
					return count("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%named_steps%' AND wait_event = 'ClientWrite'") == 1
				})
			}
			if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if count(pinned) == 0 {
				t.Fatal("nothing is pinned to begin with")
			}
			within(t, 15*time.Second, "the server to be free", func() bool { return count(pinned) == 0 })
			t.Logf("free after %s", time.Since(begun).Round(time.Millisecond))
		})
	}
}

// TestStopFast: the server stops within 10 s whatever we are doing.
func TestStopFast(t *testing.T) {
	for _, doing := range []string{"idle", "under load", "blocked handler", "loading", "waiting for the slot"} {
		t.Run(doing, func(t *testing.T) {
			server := pgtest.Server(t, nil)
			address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
			conn := connectTo(t, address)
			aTask(t, conn)
			release := make(chan struct{})
			var blocking atomic.Bool
			blocked := make(chan struct{}, 1)
			block := func() {
				if blocking.Load() {
					select {
					case blocked <- struct{}{}:
					default:
					}
					<-release
				}
			}
			if doing == "waiting for the slot" {
				execute(t, connectTo(t, address), "BEGIN", "SELECT pg_current_xact_id()")
			}
			blocking.Store(doing == "loading")
			f := follow(t, address, func(o *Options, r *recorder) {
				o.ProbeInterval, o.StatusInterval = 0, 0 // the defaults
				r.onApply = func(*tasker.Change) error { block(); return nil }
				r.onAdd = func(*tasker.Rows) error { block(); return nil }
			})
			defer f.stop()
			defer close(release)
			switch doing {
			case "idle":
				f.streaming(t)
			case "waiting for the slot":
				eventually(t, "the blocker", func() bool { return len(f.Status().Blockers) > 0 })
			case "loading":
				<-blocked
			case "blocked handler":
				f.streaming(t)
				blocking.Store(true)
				execute(t, conn, `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
					SELECT i, 1, repeat('step ', 20) || i, now(), now() FROM generate_series(10, 100000) i`)
				<-blocked
			case "under load":
				f.streaming(t)
				for w := range 4 {
					go func() {
						conn := connectTo(t, address)
						for i := 0; ; i++ {
							if _, err := conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
								SELECT %d + i, 1, 'step ' || %[1]d + i, now(), now() FROM generate_series(0, 99) i`, (w+1)*10_000_000+i*100)); err != nil {
								return
							}
						}
					}()
				}
				eventually(t, "some load", func() bool { return f.Status().Transactions > 100 })
			}
			begun := time.Now()
			if err := server.StopFast(t.Context()); err != nil {
				t.Fatal(err)
			}
			took := time.Since(begun)
			t.Logf("stopped after %s", took.Round(time.Millisecond))
			if took > 10*time.Second {
				t.Errorf("the server needed %s", took)
			}
			eventually(t, "to be stale", func() bool { return f.Status().Stale })
		})
	}
}

// TestMaxWALBehind: what holds back too much is dropped, said so, and begun
// again after a pause.
func TestMaxWALBehind(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	execute(t, conn, "CREATE TABLE bulk (t text)")
	release := make(chan struct{})
	var blocking atomic.Bool
	f := follow(t, address, func(o *Options, r *recorder) {
		o.MaxWALBehind, o.WALBehindPause = 4<<20, 1500*time.Millisecond
		r.onApply = func(*tasker.Change) error {
			if blocking.Load() {
				<-release
			}
			return nil
		}
	})
	f.streaming(t)
	blocking.Store(true)
	execute(t, conn, "UPDATE tasker_tasks SET complete = true",
		"INSERT INTO bulk SELECT repeat('x', 1000) FROM generate_series(1, 6000)")
	eventually(t, "the slot to be dropped", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	if s := f.Status(); !s.Stale || !errors.Is(s.Cause, ErrWALBehind) || s.MaxWALBehind != 4<<20 || s.WALBehind < 4<<20 {
		t.Errorf("status %+v", s)
	}
	blocking.Store(false)
	close(release)
	eventually(t, "the pause", func() bool { return f.Status().State == StateWaiting })
	if s := f.Status(); s.NextAttempt.Sub(s.Since) < time.Second || !errors.Is(s.LastError, ErrWALBehind) {
		t.Errorf("status %+v", s)
	}
	f.streaming(t)
	f.same(t, conn)
}

// TestSpilledBytesCount: decoding a large transaction writes to the primary's
// disk, and that counts like the log itself.
func TestSpilledBytesCount(t *testing.T) {
	server := pgtest.Server(t, map[string]string{"logical_decoding_work_mem": "64kB"})
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	var budget int64 = 8 << 20
	f := follow(t, address, func(o *Options, _ *recorder) {
		o.MaxWALBehind, o.WALBehindPause = budget, 100*time.Millisecond
	})
	f.streaming(t)
	// About 5 MB of log, and as much spilled; never committed.
	execute(t, conn, "BEGIN", `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, description, created_at, updated_at)
		SELECT i, 1, 'step ' || i, repeat('x', 100), now(), now() FROM generate_series(10, 14000) i`)
	eventually(t, "the slot to be dropped", func() bool { return errors.Is(f.Status().LastError, ErrWALBehind) })
	// A status of just then could be missed; the reason has what was held.
	found := regexp.MustCompile(`: (\d+) bytes, of which (\d+) are spilled`).FindStringSubmatch(f.Status().LastError.Error())
	if found == nil {
		t.Fatal(f.Status().LastError)
	}
	held, _ := strconv.ParseInt(found[1], 10, 64)
	spilled, _ := strconv.ParseInt(found[2], 10, 64)
	if spilled == 0 || spilled >= budget || held-spilled >= budget {
		t.Errorf("%d bytes behind and %d spilled; neither alone should be over %d", held-spilled, spilled, budget)
	}
	execute(t, conn, "ROLLBACK")
	f.streaming(t)
	f.same(t, conn)
}

func TestBudget(t *testing.T) {
	for _, c := range []struct{ configured, keepMegabytes, want int64 }{
		{0, -1, 1 << 30}, {0, 0, 1 << 30}, {0, 64, 32 << 20}, {5, 64, 5},
	} {
		if got := budget(c.configured, c.keepMegabytes); got != c.want {
			t.Errorf("budget(%d, %d) = %d, want %d", c.configured, c.keepMegabytes, got, c.want)
		}
	}
}

// TestNetworkCutAgainAndAgain: every 2 s for a minute, with at most 3
// snapshots, a bounded number of connections, and no difference afterwards.
func TestNetworkCutAgainAndAgain(t *testing.T) {
	t.Parallel()
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	link, cutAddress := newCuttable(t, address)
	f := follow(t, cutAddress, func(o *Options, _ *recorder) {
		*o = Options{DatabaseURL: cutAddress, Logger: o.Logger} // the defaults
	})
	f.streaming(t)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for range 30 {
		<-tick.C
		link.cut()
	}
	s := f.Status()
	if s.Snapshots > 3 || s.Reconnects == 0 {
		t.Errorf("%d snapshots, %d reconnects", s.Snapshots, s.Reconnects)
	}
	link.mu.Lock()
	most := link.most
	link.mu.Unlock()
	if most > 12 {
		t.Errorf("%d connections at once", most)
	}
	t.Logf("%d snapshots, %d reconnects, at most %d of %d connections at once", s.Snapshots, s.Reconnects, most, link.dialed.Load())
}

// TestPace: the same by the clock of a table.
func TestPace(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := pace{min: 20 * time.Second, max: 5 * time.Minute}
	now := start
	var loads []time.Duration
	for range 6 { // each load takes 100 ms and its stream is cut after 2 s
		if e := p.earliest(); e.After(now) {
			now = e
		}
		loads = append(loads, now.Sub(start))
		p.begin(now)
		now = now.Add(100 * time.Millisecond)
		p.loaded(now)
		now = now.Add(2 * time.Second)
		p.ended(now)
	}
	want := []time.Duration{0, 2100 * time.Millisecond, 22100 * time.Millisecond, 62100 * time.Millisecond, 142100 * time.Millisecond, 302100 * time.Millisecond}
	if fmt.Sprint(loads) != fmt.Sprint(want) {
		t.Errorf("loads at %v, want %v", loads, want)
	}
	// One that lasts makes the next one free again, but for its own duration.
	now = p.earliest()
	p.begin(now)
	p.loaded(now.Add(time.Minute))
	p.ended(now.Add(7 * time.Minute))
	if got := p.earliest().Sub(now); got != 10*time.Minute {
		t.Errorf("next load %s after the last, want 10 min", got)
	}
}

// TestAge: it grows while the server's sender stands still, and not because
// nothing happens.
func TestAge(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	f := follow(t, address, nil)
	f.streaming(t)
	f.reach(t, conn)
	begun := time.Now()
	for time.Since(begun) < 3*time.Second { // nothing happens
		if s := f.Status(); s.Age > 1500*time.Millisecond {
			t.Fatalf("the age is %s while the server is idle", s.Age)
		}
		_ = f.recorder.takeEvents()
		waitABit()
	}
	var pid int
	if err := conn.QueryRow(t.Context(), "SELECT active_pid FROM pg_replication_slots").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT) //nolint:errcheck // it may be gone
	aTask(t, conn)
	eventually(t, "the age to grow", func() bool { return f.Status().Age > 2*time.Second })
	if s := f.Status(); s.LagBytes == 0 || s.State != StateStreaming {
		t.Errorf("status %+v", s)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the age to be small again", func() bool { return f.Status().Age < time.Second })
	f.same(t, conn)
}

// waitABit lets a few milliseconds of real time pass where that is the point.
func waitABit() { <-time.After(20 * time.Millisecond) }

// TestLongTransaction: a million changes pass one by one.
func TestLongTransaction(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	var changes atomic.Int64
	f := follow(t, address, func(_ *Options, r *recorder) {
		r.quiet = true
		r.onApply = func(*tasker.Change) error { changes.Add(1); return nil }
	})
	f.streaming(t)
	execute(t, conn, "DROP INDEX task_namespaces_name_unique")
	base := liveHeap()
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), `INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at)
			SELECT i, 'namespace ' || i, now(), now() FROM generate_series(1, 1000000) i`)
		done <- err
	}()
	var most uint64
	var finished bool
	deadline := time.Now().Add(5 * time.Minute)
	for changes.Load() < 1_000_000 {
		if time.Now().After(deadline) {
			t.Fatalf("%d changes only", changes.Load())
		}
		if !finished {
			select {
			case err := <-done:
				if finished = true; err != nil {
					t.Fatal(err)
				}
			default:
			}
		}
		most = max(most, liveHeap())
		waitABit()
	}
	t.Logf("heap: %d KiB before, at most %d KiB", base>>10, most>>10)
	if most > base+16<<20 {
		t.Errorf("%d MiB of heap in use, %d before", most>>20, base>>20)
	}
	if !finished {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	f.reach(t, conn)
	if s := f.Status(); s.Transactions != 1 || s.Changes != 1_000_000 {
		t.Errorf("%d transactions, %d changes", s.Transactions, s.Changes)
	}
}

// TestSynchronousStandbyWatched: becoming one later is found, and ends it.
func TestSynchronousStandbyWatched(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	f := follow(t, address, nil)
	f.streaming(t)
	execute(t, conn, "SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	select {
	case <-f.done:
	case <-time.After(10 * time.Second):
		t.Fatal("still connected")
	}
	if f.err == nil || !strings.Contains(f.err.Error(), "synchronous_standby_names") {
		t.Errorf("error: %v", f.err)
	}
	execute(t, conn, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	eventually(t, "the server to be left", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_replication").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}
