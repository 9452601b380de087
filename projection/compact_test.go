package projection_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// compacting looks all the time whether a table has grown by a page.
func compacting(_ *replication.Options, p *project.Options) {
	p.Projection.CompactInterval, p.Projection.CompactRatio, p.Projection.CompactFloor = 20*time.Millisecond, 1.01, 1
}

// begin opens a session with a transaction of which an old snapshot is kept.
func begin(t *testing.T, url, mode, sql string) *pgx.Conn {
	t.Helper()
	conn := projecttest.Session(t, url, projecttest.ReadMode(mode, time.Second))
	followtest.Exec(t, conn, sql)
	return conn
}

// settled waits until no table is to be filled anew.
func settled(t *testing.T, l *projecttest.Lab) {
	t.Helper()
	followtest.Eventually(t, "nothing to be left to fill anew", func() bool {
		before := l.Status()
		followtest.Eventually(t, "flushes", func() bool { return l.Status().Flushes >= before.Flushes+3 })
		return l.Status().Compactions == before.Compactions
	})
}

// TestCompaction: while somebody keeps a snapshot, tables that grow are filled
// anew, again and again, and whoever asks meanwhile is answered right.
func TestCompaction(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	tasks := projecttest.OwnTasks(t, followtest.Connect(t, url), "own", 20)
	l := projecttest.Start(t, url, compacting)
	l.Projects(t)
	holder := begin(t, url, "exact", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()")
	stop := projecttest.Play(t, url, nil)
	asking, cancel := context.WithCancel(t.Context())
	var asked sync.WaitGroup
	asked.Go(func() { projecttest.AskWaiting(asking, t, url, tasks[:10], time.Second) })
	asked.Go(func() { projecttest.AskFast(asking, t, url, tasks[10:]) })
	followtest.Eventually(t, "tables to be filled anew", func() bool { return l.Status().Compactions >= 10 })
	cancel()
	asked.Wait()
	stop()
	followtest.Exec(t, holder, "ROLLBACK")
	mustBeSame(t, l)
	projecttest.SameAsEngine(t, url)
	if fromRows, fallbacks := projecttest.Answers(t, l.Conn); fromRows == 0 {
		t.Errorf("no answer came from rows: %v", fallbacks)
	}
}

// TestCompactionAndOldSnapshots: a statement that began before a table was
// emptied answers as of its beginning, also where it finds other tables full.
func TestCompactionAndOldSnapshots(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	projecttest.OwnTasks(t, followtest.Connect(t, url), "own", 20)
	l := projecttest.Start(t, url, compacting)
	l.Projects(t)
	files := func() (steps, tasks uint32) {
		if err := l.Conn.QueryRow(t.Context(), `SELECT pg_relation_filenode('tasker_sidecar.step_rows'), pg_relation_filenode('tasker_sidecar.task_rows')`).Scan(&steps, &tasks); err != nil {
			t.Fatal(err)
		}
		return steps, tasks
	}
	// This changes rows of steps and no others. A snapshot makes them grow.
	grow := func(snapshot *pgx.Conn) {
		before, _ := files()
		followtest.Eventually(t, "the rows of steps to be filled anew", func() bool {
			followtest.Exec(t, l.Conn, "UPDATE tasker_workflow_steps SET attempts = attempts + 1")
			l.Written(t)
			now, _ := files()
			return now != before
		})
		followtest.Exec(t, snapshot, "COMMIT")
	}
	grow(begin(t, url, "exact", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()")) // the first time all tables are
	followtest.Exec(t, l.Conn, "UPDATE tasker_workflow_steps SET attempts = 0")
	l.Written(t)
	settled(t, l)
	// The snapshot of a cursor is that of its declaration; nothing is asked yet.
	cursor := begin(t, url, "fast", `SET tasker_sidecar.max_staleness = '1h'; BEGIN; DECLARE answer CURSOR WITH HOLD FOR
		SELECT count(*) FROM get_step_readiness_status_batch(ARRAY(SELECT task_id FROM tasker_tasks)) WHERE attempts = 0`)
	_, before := files()
	grow(cursor)
	if _, now := files(); now != before {
		t.Error("the rows of tasks were filled anew, too, so that this shows nothing")
	}
	var steps int
	if err := cursor.QueryRow(t.Context(), "FETCH ALL FROM answer").Scan(&steps); err != nil {
		t.Fatal(err)
	}
	if steps != 200 {
		t.Errorf("%d of 200 steps as they were when the cursor was declared", steps)
	}
}

// TestCompactionGivesWay: as long as a transaction is open that was answered
// from rows, the tables stay, and the rows go on to count.
func TestCompactionGivesWay(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	tasks := projecttest.OwnTasks(t, followtest.Connect(t, url), "own", 1)
	l := projecttest.Start(t, url, func(_ *replication.Options, p *project.Options) {
		compacting(nil, p)
		p.Projection.CompactLockTimeout = 5 * time.Millisecond
	})
	l.Projects(t)
	settled(t, l)
	reader := begin(t, url, "fast", "BEGIN")
	if _, err := reader.Exec(t.Context(), "SELECT FROM get_step_readiness_status($1::bigint, NULL)", tasks[0]); err != nil {
		t.Fatal(err)
	}
	before := l.Status().Compactions
	stop := projecttest.Play(t, url, nil)
	flushes := l.Status().Flushes
	followtest.Eventually(t, "rows to be written", func() bool { return l.Status().Flushes >= flushes+200 })
	if now := l.Status().Compactions; now != before {
		t.Errorf("filled anew %d times under somebody's lock", now-before)
	}
	if newestFlush(t, l.Conn).reconciling {
		t.Error("the rows do not count")
	}
	followtest.Exec(t, reader, "COMMIT")
	followtest.Eventually(t, "tables to be filled anew", func() bool { return l.Status().Compactions > before })
	stop()
	mustBeSame(t, l)
}

// TestCompactionGivesBack: what has grown while somebody kept a snapshot shrinks
// afterwards, though it was never too large.
func TestCompactionGivesBack(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	projecttest.OwnTasks(t, followtest.Connect(t, url), "own", 100)
	l := projecttest.Start(t, url, func(_ *replication.Options, p *project.Options) {
		compacting(nil, p)
		p.Projection.CompactRatio, p.Projection.CompactAfter = 1000, time.Nanosecond
	})
	l.Projects(t)
	size := func() (n int64) {
		if err := l.Conn.QueryRow(t.Context(), `SELECT pg_total_relation_size('tasker_sidecar.step_rows')`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	snapshot := begin(t, url, "exact", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()")
	// A reader in whose transaction rows have answered keeps the tables as they are.
	reader := begin(t, url, "fast", "BEGIN; SELECT FROM get_step_readiness_status((SELECT min(task_id) FROM tasker_tasks), NULL)")
	fresh := size()
	followtest.Eventually(t, "the table to grow", func() bool {
		followtest.Exec(t, l.Conn, "UPDATE tasker_workflow_steps SET attempts = attempts + 1")
		l.Written(t)
		return size() > 3*fresh
	})
	followtest.Exec(t, snapshot, "COMMIT")
	followtest.Exec(t, reader, "COMMIT")
	followtest.Eventually(t, "the table to shrink", func() bool { return size() < 2*fresh })
	mustBeSame(t, l)
}
