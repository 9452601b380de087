package projection_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// bounds are positions in the log between which a change was committed.
type bounds struct{ after, before string }

// counting changes a task of its own again and again, as n = 1, 2 and so on,
// until its connection is lost; change n is the n-th of the result.
func counting(ctx context.Context, t *testing.T, url string, task int64) (changes []bounds) {
	conn := projecttest.Session(t, url, nil)
	changes = []bounds{{"0/0", "0/0"}}
	for n := 1; ; n++ {
		var b bounds
		if conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&b.after) != nil {
			return changes
		}
		// Whether it was committed is not known if the answer is lost: it counts.
		changes = append(changes, bounds{b.after, "FFFFFFFF/FFFFFFFF"})
		if _, err := conn.Exec(ctx, `UPDATE tasker_workflow_steps SET attempts = $2 WHERE task_id = $1`, task, n); err != nil {
			return changes
		}
		if conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&changes[n].before) != nil {
			return changes
		}
	}
}

// everyAnswer is what the drop-ins say about all tasks in a mode, as text.
func everyAnswer(t *testing.T, url, mode string) string {
	t.Helper()
	conn := projecttest.Session(t, url, projecttest.ReadMode(mode, 100*time.Millisecond))
	defer conn.Close(context.Background())
	var all []string
	var ids []int64
	if err := conn.QueryRow(t.Context(), `SELECT array_agg(task_id ORDER BY task_id) FROM tasker_tasks`).Scan(&ids); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		var steps, context json.RawMessage
		if err := conn.QueryRow(t.Context(), `SELECT
			(SELECT json_agg(to_jsonb(r) - 'retry_eligible' - 'ready_for_execution' ORDER BY workflow_step_id) FROM get_step_readiness_status($1::bigint, NULL) r),
			(SELECT json_agg(json_build_array(r.task_id, r.status, r.total_steps, r.completed_steps, r.failed_steps)) FROM get_task_execution_context($1::bigint) r)`, id).
			Scan(&steps, &context); err != nil {
			t.Fatal(err)
		}
		all = append(all, string(steps), string(context))
	}
	return strings.Join(all, "\n")
}

// TestCrashWithLoggedRows: logged rows outlive a crash of the server, and so
// does what vouched for them, but perhaps without the last flushes, which did
// not wait for the disk. What is there is then what was written before, rows
// and position together; and nobody is answered from it until a sidecar has
// put it right.
func TestCrashWithLoggedRows(t *testing.T) {
	// Nothing but a commit that waits for it brings the log to the disk soon.
	server := pgtest.Server(t, map[string]string{"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB", "bgwriter_lru_maxpages": "0"})
	url := projecttest.InstalledWith(t, testbed.Options{}, schema.Logged, pgtest.On(server))
	quick := func(_ *replication.Options, p *project.Options) {
		p.Projection.WithdrawTimeout = 100 * time.Millisecond
	}
	lostInAll := int64(0)
	for round := range 4 {
		stop := projecttest.Play(t, url, nil)
		own := projecttest.OwnTasks(t, followtest.Connect(t, url), fmt.Sprintf("own %d-", round), 9)
		l := projecttest.Start(t, url, quick)
		var changes []bounds
		var counter sync.WaitGroup
		ctx, stopCounting := context.WithCancel(t.Context())
		counter.Go(func() { changes = counting(ctx, t, url, own[8]) })
		l.Projects(t)
		before := l.Status().Rows
		followtest.Eventually(t, "rows to be written", func() bool { return l.Status().Rows > before+200 })
		if round%2 == 1 { // no commit comes that takes the last flushes to the disk with it
			stopCounting()
			counter.Wait()
			stop()
			l.Written(t)
			beats := l.Status().Flushes
			followtest.Eventually(t, "flushes without rows", func() bool { return l.Status().Flushes > beats+2 })
		}
		if err := server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopCounting()
		counter.Wait()
		stop()
		l.Stop()
		l.Follower.Stop()
		vouched := l.Status().Flushes
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}

		conn := followtest.Connect(t, url)
		var epoch, flushes int64
		var lsn string
		if err := conn.QueryRow(t.Context(), `SELECT epoch, applied_lsn::text, (SELECT count(*) FROM tasker_sidecar.flushes g WHERE g.epoch = f.epoch AND NOT g.reconciling)
			FROM tasker_sidecar.flushes f ORDER BY flush DESC LIMIT 1`).Scan(&epoch, &lsn, &flushes); err != nil {
			t.Fatal(err)
		}
		if epoch != 2*int64(round)+1 {
			t.Errorf("round %d: epoch %d", round, epoch)
		}
		// The rows are those of the position: change n is in it, n+1 is not.
		var n, least int
		if err := conn.QueryRow(t.Context(), `SELECT max(attempts), min(attempts) FROM tasker_sidecar.step_rows WHERE task_id = $1`, own[8]).Scan(&n, &least); err != nil {
			t.Fatal(err)
		}
		mayBe := func(n int) bool {
			ok := false
			last := bounds{"0/0", "FFFFFFFF/FFFFFFFF"}
			next := last
			if n < len(changes) {
				last = changes[n]
			}
			if n+1 < len(changes) {
				next = changes[n+1]
			}
			if err := conn.QueryRow(t.Context(), `SELECT $1::text::pg_lsn > $2::text::pg_lsn AND $1::text::pg_lsn < $3::text::pg_lsn`, lsn, last.after, next.before).Scan(&ok); err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if n != least || n >= len(changes) || !mayBe(n) {
			t.Errorf("round %d: the rows are said to be of %s and have changes %d to %d of %d", round, lsn, least, n, len(changes)-1)
		}
		lost := int64(vouched) - flushes //nolint:gosec // a few
		lostInAll += lost
		t.Logf("round %d: rows of %s have change %d of %d; %d of %d flushes lost", round, lsn, n, len(changes)-1, lost, vouched)

		// Nobody believes them.
		rowsBefore, fell := projecttest.Answers(t, conn)
		want := everyAnswer(t, url, "exact")
		for _, mode := range []string{"fast", "wait"} {
			if got := everyAnswer(t, url, mode); got != want {
				t.Errorf("round %d: other answers in mode %s than in exact", round, mode)
			}
		}
		followtest.Eventually(t, "the answers to be counted", func() bool {
			_, falls := projecttest.Answers(t, conn)
			return falls["no_sidecar"] >= fell["no_sidecar"]+4
		})
		rows, falls := projecttest.Answers(t, conn)
		if rows != rowsBefore {
			t.Errorf("round %d: %d answers from rows, others %v", round, rows-rowsBefore, falls)
		}

		// Nor half of it, when the next one comes and puts it right under load.
		asking, stopAsking := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		var waited, fast int
		stop = projecttest.Play(t, url, nil)
		askers.Go(func() { waited = projecttest.AskWaiting(asking, t, url, own[:4], 200*time.Millisecond) })
		askers.Go(func() { fast = projecttest.AskFast(asking, t, url, own[4:8]) })
		l = projecttest.Start(t, url, quick)
		l.Projects(t)
		followtest.Eventually(t, "answers from rows", func() bool {
			now, _ := projecttest.Answers(t, conn)
			return now > rows
		})
		stopAsking()
		askers.Wait()
		stop()
		mustBeSame(t, l)
		projecttest.SameAsEngine(t, url)
		after, _ := projecttest.Answers(t, conn)
		t.Logf("round %d: asked %d times in wait, %d in fast; %d answers from rows", round, waited, fast, after-rows)
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.Stop()
		l.Follower.Stop()
	}
	t.Logf("%d flushes were lost in all", lostInAll)
}
