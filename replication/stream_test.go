package replication

import (
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestEndOfRecord(t *testing.T) {
	const page, segment = 8192, 16 << 20
	for _, c := range []struct{ lsn, want tasker.LSN }{
		{segment + 40, segment},                    // behind the long header of a segment
		{segment + page + 24, segment + page},      // behind the short one of a page
		{segment + page + 40, segment + page + 40}, // a record ends there
		{segment + 48, segment + 48},
		{segment + page, segment + page},
	} {
		if got := endOfRecord(c.lsn, page, segment); got != c.want {
			t.Errorf("endOfRecord(%s) = %s, want %s", c.lsn, got, c.want)
		}
	}
}

// TestAgeAcrossSegments: at the beginning of a segment the server names a
// position that the stream never reaches.
func TestAgeAcrossSegments(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	f := follow(t, address, nil)
	f.streaming(t)
	execute(t, conn, "SELECT pg_switch_wal()")
	var insert, flushed string
	if err := conn.QueryRow(t.Context(), "SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text").Scan(&insert, &flushed); err != nil {
		t.Fatal(err)
	}
	if insert == flushed {
		t.Fatalf("the server is not at the beginning of a segment: %s", insert)
	}
	switched := time.Now()
	eventually(t, "what is known to be newer than the switch", func() bool { return f.Status().KnownAt.After(switched) })
}

func TestAgeOfPositions(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var a age
	if !a.probed(100, at(1)).IsZero() {
		t.Error("known before anything is applied")
	}
	if got := a.reached(100); got != at(1) {
		t.Errorf("known at %s", got)
	}
	if got := a.probed(100, at(2)); got != at(2) {
		t.Errorf("an idle server: known at %s", got)
	}
	a.probed(180, at(3))
	a.probed(200, at(4))
	if got := a.reached(190); got != at(3) {
		t.Errorf("half way: known at %s", got)
	}
	if got := a.reached(200); got != at(4) {
		t.Errorf("all the way: known at %s", got)
	}
	for i := range 3 * mostMarks { // a stream that stands still
		a.probed(tasker.LSN(1000+i), at(10+i)) //nolint:gosec // small
	}
	if len(a.open) > mostMarks {
		t.Errorf("%d positions are kept", len(a.open))
	}
	if got := a.reached(1000 + 3*mostMarks/2); got.Before(at(10+3*mostMarks/2-16)) || got.After(at(10+3*mostMarks/2)) {
		t.Errorf("half way after thinning: known at %s", got)
	}
	a.forget()
	if got := a.reached(5); got.Before(at(10)) {
		t.Error("what was known is forgotten")
	}
}

// TestStandstill: a server that waits for us is not kept waiting.
func TestStandstill(t *testing.T) {
	f := &Follower{o: Options{StandstillTimeout: 5 * time.Second}}
	s := &stream{f: f, ack: newAcknowledger(f, nil, 100), tap: &tap{}, target: &recordedStream{r: newRecorder(t)}, end: 100, applied: 100}
	if err := s.keepalive(200, true); err != nil || s.applied != 200 {
		t.Fatalf("nothing in flight: %v, applied %s", err, s.applied)
	}
	select {
	case <-s.ack.wake:
	default:
		t.Error("no answer")
	}
	if err := s.begin(begin{commitLSN: 300}); err != nil {
		t.Fatal(err)
	}
	if err := s.keepalive(400, true); err != nil || s.applied != 200 || s.ack.applied.Load() != 200 || s.ack.received.Load() != 400 {
		t.Fatalf("in a transaction: %v, applied %s, received %d", err, s.applied, s.ack.received.Load())
	}
	s.since = s.since.Add(-5 * time.Second)
	if err := s.keepalive(400, false); err != nil {
		t.Fatalf("nobody waits: %v", err)
	}
	if err := s.keepalive(400, true); !errors.Is(err, ErrStandstill) {
		t.Fatalf("after 5 s: %v", err)
	}
}

// TestSilentServer: pings that are not answered end the connection.
func TestSilentServer(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, func(o *Options, _ *recorder) { o.ReceiveTimeout = time.Second })
	f.streaming(t)
	f.reach(t, conn)
	var pid int
	if err := conn.QueryRow(t.Context(), "SELECT active_pid FROM pg_replication_slots").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another snapshot", func() bool { return f.Status().Snapshots == 2 && f.Status().State == StateStreaming })
	if err := f.Status().LastError; !errors.Is(err, ErrSilent) {
		t.Errorf("last error: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	f.same(t, conn)
	eventually(t, "the old slot to be gone", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	})
}

// TestProbeIsReplaced: a session that hangs while the stream runs costs no load.
func TestProbeIsReplaced(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, func(o *Options, _ *recorder) { o.ProbeTimeout = 500 * time.Millisecond })
	f.streaming(t)
	var pid int
	if err := conn.QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'tasker-sidecar' AND query LIKE '%pg_current_wal_insert_lsn%' AND backend_type = 'client backend'").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	eventually(t, "the age to grow", func() bool { return f.Status().Age > 300*time.Millisecond })
	eventually(t, "another session to ask", func() bool { return f.Status().KnownAt.Sub(stopped) > time.Second })
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	f.same(t, conn)
	if s := f.Status(); s.Reconnects != 0 || s.Stale {
		t.Errorf("status %+v", s)
	}
}

// TestLinkStalls: a link that carries nothing any more, without being closed,
// pins nothing for longer than the server's timeouts allow.
func TestLinkStalls(t *testing.T) {
	for _, phase := range []string{"loading", "streaming"} {
		t.Run(phase, func(t *testing.T) {
			server := pgtest.Server(t, nil)
			address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
			conn := connectTo(t, address)
			aTask(t, conn)
			execute(t, conn, `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
				SELECT i, 1, repeat('step ', 20) || i, now(), now() FROM generate_series(10, 100000) i`)
			link, far := newCuttable(t, address)
			var loading atomic.Bool
			f := follow(t, far, func(o *Options, r *recorder) {
				o.WALSenderTimeout, o.StatusInterval, o.ReceiveTimeout = 2*time.Second, 0, 2*time.Second
				o.ReconnectMin, o.ReconnectMax = time.Hour, time.Hour
				if phase == "loading" {
					r.onAdd = func(rows *tasker.Rows) error {
						if rows.Table == tasker.NamedSteps && !loading.Swap(true) {
							link.stall()
						}
						return nil
					}
				}
			})
			if phase == "streaming" {
				f.streaming(t)
				link.stall()
			} else {
				eventually(t, "the load", loading.Load)
			}
			within(t, 6*time.Second, "the server to be free", func() bool {
				var n int
				if err := conn.QueryRow(t.Context(), pinned).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n == 0
			})
			eventually(t, "it to be noticed here", func() bool { return f.Status().State == StateWaiting })
			t.Log(f.Status().LastError)
		})
	}
}

// TestKilled: a process that is gone at once leaves nothing on the server.
func TestKilled(t *testing.T) {
	server := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(server))
	conn := connectTo(t, address)
	aTask(t, conn)
	child := exec.Command(os.Args[0], "-test.run=^TestFrozenChild$")
	child.Env = append(os.Environ(), frozenURL+"="+address, frozenPhase+"=streaming")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_replication_slots WHERE active)
			+ (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tasker-sidecar')`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "the child to follow", func() bool { return count() >= 3 })
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	within(t, 5*time.Second, "the server to be left", func() bool { return count() == 0 })
}

// TestLongLoad: what the stream sends while a snapshot is read waits in the
// sockets, for as long as it takes.
func TestLongLoad(t *testing.T) {
	t.Parallel()
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	loading, release := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	f := follow(t, address, func(o *Options, r *recorder) {
		o.StatusInterval, o.ProbeInterval = 0, 0
		r.onAdd = func(*tasker.Rows) error {
			if !once.Swap(true) {
				close(loading)
			}
			<-release
			return nil
		}
	})
	<-loading
	execute(t, conn, `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
		SELECT i, 1, repeat('step ', 20) || i, now(), now() FROM generate_series(10, 100000) i`)
	blocked := func() (n int) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname = current_database() AND wait_event = 'WalSenderWriteData'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "the stream to be stuck", func() bool { return blocked() == 1 })
	begun := time.Now()
	eventually(t, "all timeouts to pass", func() bool {
		if f.Status().Reconnects > 0 {
			t.Fatal(f.Status().LastError)
		}
		return time.Since(begun) > 15*time.Second
	})
	close(release)
	f.streaming(t)
	f.same(t, conn)
	if s := f.Status(); s.Snapshots != 1 {
		t.Errorf("%d snapshots; %v", s.Snapshots, s.LastError)
	}
}

// TestTapCountsCommits: however the bytes are cut.
func TestTapCountsCommits(t *testing.T) {
	frame := func(kind byte, body ...byte) []byte {
		return append(wire{kind}.uint32(4+len(body)), body...)
	}
	data := func(msg ...byte) []byte {
		return frame('d', append(append([]byte{'w'}, make([]byte, 24)...), msg...)...)
	}
	var all []byte
	for _, m := range [][]byte{frame('Z', 'I'), frame('W'), data(msgBegin, 1, 2), data(commitMessage...), frame('d', append([]byte{'k'}, make([]byte, 60)...)...), data(msgInsert, msgCommit, msgCommit), data(), data(commitMessage...), frame('S', make([]byte, 300)...), data(msgCommit)} {
		all = append(all, m...)
	}
	for step := 1; step <= len(all); step++ {
		var tp tap
		for rest := all; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			tp.count(rest[:min(step, len(rest))])
		}
		if tp.commits != 3 {
			t.Fatalf("%d commits by steps of %d", tp.commits, step)
		}
	}
}

// TestPublishesBeforeALongTransaction: a commit is seen though the next
// transaction has begun to arrive and is not complete, and nothing of that is.
func TestPublishesBeforeALongTransaction(t *testing.T) {
	f := &Follower{o: Options{PublishInterval: time.Hour}}
	r := newRecorder(t)
	var rows tables
	for i := range rows {
		rows[i] = table{}
	}
	s := &stream{f: f, ack: newAcknowledger(f, nil, 100), target: &recordedStream{r: r, rows: &rows}, tap: &tap{commits: 1}, end: 100, applied: 100}
	change := &tasker.Change{Table: tasker.NamedSteps, Op: tasker.Insert, Key: 1, OldKey: 1, NamedStep: tasker.NamedStep{NamedStepID: 1}}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.begin(begin{xid: 1}))
	must(s.change(change))
	must(s.commit(200))
	must(s.begin(begin{xid: 2}))
	change.Key, change.OldKey, change.NamedStep.NamedStepID = 2, 2, 2
	must(s.change(change))
	must(s.publish()) // as before the socket is read
	if s.applied != 200 || r.at != 200 || len(r.published[tasker.NamedSteps]) != 1 {
		t.Fatalf("applied %s, published %s with %v", s.applied, r.at, r.published)
	}
	must(s.commit(300))
	must(s.publish())
	if s.applied != 300 || len(r.published[tasker.NamedSteps]) != 2 {
		t.Fatalf("applied %s, %v", s.applied, r.published)
	}
}
