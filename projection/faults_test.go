package projection_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

const terminateWriter = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND query LIKE '%tasker_sidecar.flushes%' AND pid <> pg_backend_pid()`

const terminateLeader = `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
	WHERE l.locktype = 'advisory' AND d.datname = current_database()`

// TestRowsAfterFaults: whatever happens under load, afterwards the rows are
// those of the index, and the epoch has not gone back.
func TestRowsAfterFaults(t *testing.T) {
	server := pgtest.Server(t, nil)
	url := projecttest.Installed(t, testbed.Options{}, pgtest.On(server))
	l := projecttest.Start(t, url, nil)
	l.Projects(t)
	epoch := int64(0)
	for i, fault := range []struct {
		name string
		make func(t *testing.T)
	}{
		{"nothing", func(*testing.T) {}},
		{"the writing session is terminated", func(t *testing.T) { followtest.Exec(t, followtest.Connect(t, url), terminateWriter) }},
		{"the leader's lock is lost", func(t *testing.T) { followtest.Exec(t, followtest.Connect(t, url), terminateLeader) }},
		{"the walsender is terminated", func(t *testing.T) {
			followtest.Exec(t, followtest.Connect(t, url), `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots`)
		}},
		{"the publication is altered", func(t *testing.T) {
			conn := followtest.Connect(t, url)
			followtest.Exec(t, conn, `ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_step_edges`)
			followtest.Eventually(t, "the rows not to count", func() bool { return newestFlush(t, conn).reconciling })
			followtest.Exec(t, conn, `ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_workflow_step_edges`)
		}},
		{"restart", func(t *testing.T) {
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"crash", func(t *testing.T) {
			if err := server.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			stop := projecttest.Play(t, url, func(o *player.Options) { o.Seed = uint64(i + 1) }) //nolint:gosec // a few
			before := l.Status().Rows
			followtest.Eventually(t, "a load", func() bool { return l.Status().Rows > before+100 })
			fault.make(t)
			l.Conn = followtest.Connect(t, url)
			l.Written(t)
			stop()
			mustBeSame(t, l)
			f := newestFlush(t, l.Conn)
			if f.reconciling || f.epoch < epoch || f.epoch == 0 {
				t.Errorf("%+v after epoch %d", f, epoch)
			}
			epoch = f.epoch
		})
	}
}

type flushRow struct {
	number, epoch int64
	reconciling   bool
}

// newestFlush is the one that counts; the zero value without any.
func newestFlush(t testing.TB, conn *pgx.Conn) (f flushRow) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT flush, epoch, reconciling FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.ForEachRow(rows, []any{&f.number, &f.epoch, &f.reconciling}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestTwoSidecars: one writes, the other takes over, and back.
func TestTwoSidecars(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	stop := projecttest.Play(t, url, nil)
	labs := [2]*projecttest.Lab{}
	for i := range labs {
		labs[i] = projecttest.Start(t, url, nil)
	}
	leading := func() int {
		for i, l := range labs {
			if l.Status().State == projection.StateProjecting {
				return i
			}
		}
		return -1
	}
	followtest.Eventually(t, "one to lead", func() bool { return leading() >= 0 })
	if labs[0].Status().State == projection.StateProjecting && labs[1].Status().State == projection.StateProjecting {
		t.Error("both lead")
	}
	first := leading()
	labs[first].Stop()
	started := time.Now()
	other := labs[1-first]
	other.Projects(t)
	t.Logf("taken over after %s", time.Since(started))
	stop()
	mustBeSame(t, other)
	if term := other.Leader().Term; term.Epoch != 2 {
		t.Errorf("%+v", term)
	}
}

// TestAfterTheEndRowsDoNotCount: a sidecar that stops says so.
func TestAfterTheEndRowsDoNotCount(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	l := projecttest.Start(t, url, nil)
	l.Projects(t)
	if f := newestFlush(t, l.Conn); f.reconciling {
		t.Fatalf("%+v", f)
	}
	l.Stop()
	if f := newestFlush(t, l.Conn); !f.reconciling {
		t.Errorf("%+v", f)
	}
}

// TestConfirmedPosition: on an idle database the slot comes to vouch for every
// position, without a row being written; while nothing can be written, it does
// not move.
func TestConfirmedPosition(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	l := projecttest.Start(t, url, func(_ *replication.Options, p *project.Options) {
		p.Projection.Heartbeat = time.Hour
		p.Projection.FlushTimeout = time.Minute
		p.Leader.LockTimeout, p.Leader.StatementTimeout = 50*time.Second, time.Minute
	})
	l.Projects(t)
	covered := func() bool {
		var yes bool
		if err := l.Conn.QueryRow(t.Context(), `SELECT tasker_sidecar.wait_for_lsn(pg_current_wal_insert_lsn(), '1 s')`).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		return yes
	}
	flush := newestFlush(t, l.Conn)
	// Each time a little more is written, so that the position comes to lie at
	// the beginning of a page, too, where the log's next record does not begin.
	for i := range 30 {
		followtest.Exec(t, l.Conn, fmt.Sprintf(`SELECT pg_logical_emit_message(true, 'test', repeat('x', %d))`, 8000+2*i))
		if !covered() {
			t.Fatalf("the position is not covered: %+v", l.Status())
		}
	}
	if now := newestFlush(t, l.Conn); now != flush {
		t.Errorf("from %+v to %+v though nothing changed", flush, now)
	}
	// Somebody holds the leader's row: nothing can be written.
	holder := followtest.Connect(t, url)
	followtest.Exec(t, holder, `BEGIN; SELECT FROM tasker_sidecar.leader FOR UPDATE`)
	followtest.Exec(t, l.Conn, `INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'new', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'new', 1, '1', now(), now());
		INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at) VALUES (1, now(), 'h', now(), now())`)
	if covered() {
		t.Error("a position is covered that is not written")
	}
	followtest.Exec(t, holder, `ROLLBACK`)
	followtest.Eventually(t, "the position to be covered", covered)
	mustBeSame(t, l)
}

// TestFinishedTasks lose their rows when they have been kept long enough, and
// only then.
func TestFinishedTasks(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now());
		INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) SELECT i, 1, now(), 'h' || i, now(), now() FROM generate_series(1, 4) i`)
	finish := func(task int, state, at string) {
		t.Helper()
		followtest.Exec(t, conn, fmt.Sprintf(`INSERT INTO tasker_task_transitions (task_id, to_state, sort_key, most_recent, metadata, created_at, updated_at)
			VALUES (%d, '%s', 10, true, '{}', (now() AT TIME ZONE 'UTC') + interval '%s', now())`, task, state, at))
	}
	finish(1, "complete", "-2 hours")
	finish(2, "complete", "-30 minutes")
	finish(3, "in_progress", "-2 hours")
	l := projecttest.Start(t, url, func(_ *replication.Options, p *project.Options) {
		p.Projection.KeepFinished, p.Projection.SweepInterval = time.Hour, time.Second
	})
	have := func(want string) func() bool {
		return func() bool {
			var got string
			if err := conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(task_id::text, ',' ORDER BY task_id), '') FROM tasker_sidecar.task_rows`).Scan(&got); err != nil {
				t.Fatal(err)
			}
			return got == want
		}
	}
	l.Written(t)
	if !have("2,3,4")() {
		t.Error("other tasks have rows than those not finished, or of late")
	}
	finish(4, "cancelled", "-59 minutes -59 seconds")
	followtest.Eventually(t, "the rows of a finished task to go", have("2,3"))
	followtest.Exec(t, conn, `UPDATE tasker_task_transitions SET created_at = now() - interval '2 hours' WHERE task_id = 2`)
	followtest.Eventually(t, "the rows of a task that was finished earlier to go", have("3"))
	followtest.Exec(t, conn, `UPDATE tasker_task_transitions SET to_state = 'pending' WHERE task_id = 1`)
	followtest.Eventually(t, "the rows of a task that is finished no more", have("1,3"))
}
