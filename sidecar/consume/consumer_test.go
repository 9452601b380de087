package consume_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// tasks makes some, without steps.
func tasks(t *testing.T, conn *pgx.Conn, count int) {
	t.Helper()
	followtest.Exec(t, conn, fmt.Sprintf(`
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (77, 'n', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, version, task_namespace_id, created_at, updated_at) VALUES (77, 'order', '1', 77, now(), now());
		INSERT INTO tasker_tasks (task_id, named_task_id, complete, requested_at, identity_hash, created_at, updated_at)
		SELECT i, 77, false, now(), i::text, now(), now() FROM generate_series(1, %d) i`, count))
}

// begin is a transition of a task, whose id is given, as its first.
func begin(task, id int) string {
	return fmt.Sprintf(`INSERT INTO tasker_task_transitions (id, to_state, metadata, sort_key, most_recent, task_id, created_at, updated_at)
		VALUES (%d, 'in_progress', '{}', 10, true, %d, now(), now())`, id, task)
}

// horizon is the consumer's, as it is written.
func horizon(t *testing.T, conn *pgx.Conn, name string) (h int64) {
	t.Helper()
	err := conn.QueryRow(t.Context(), "SELECT horizon FROM tasker_sidecar.event_consumers WHERE consumer = $1", name).Scan(&h)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestCommittedOutOfOrder: transactions that drew their ids, also inside of
// savepoints, before others that were told, and were committed while the consumer
// was away, are told when it is back.
func TestCommittedOutOfOrder(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	conn, slow, nested := followtest.Connect(t, url), followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 9)
	first := consumer(t, url, "one", &sink{}, announce.Options{})
	followtest.Exec(t, slow, "BEGIN", begin(1, 1))
	followtest.Exec(t, nested, "BEGIN", "SAVEPOINT a", begin(2, 2), "RELEASE a")
	followtest.Exec(t, conn, begin(3, 3))
	// A savepoint's number is beyond that of transactions that come to an end.
	followtest.Exec(t, nested, "SAVEPOINT b", begin(4, 4), "RELEASE b")
	before := horizon(t, conn, "one")
	followtest.Exec(t, conn, begin(5, 5))
	followtest.Eventually(t, "the watermark to move on", func() bool {
		return first.has("task-transition-3", "task-transition-5") && horizon(t, conn, "one") >= before
	})
	first.stop()
	followtest.Exec(t, conn, begin(6, 6))
	followtest.Exec(t, slow, "COMMIT")
	followtest.Exec(t, nested, "COMMIT")

	missed := []string{"task-transition-1", "task-transition-2", "task-transition-4", "task-transition-6"}
	second := consumer(t, url, "one", &sink{}, announce.Options{})
	followtest.Eventually(t, "what was missed", func() bool { return second.has(missed...) })
	followtest.Exec(t, conn, begin(7, 7))
	followtest.Eventually(t, "what comes now", func() bool { return second.has("task-transition-7") })
	for _, l := range second.all() {
		if l.Recovered != (!strings.HasPrefix(l.ID, "task-transition-7")) {
			t.Errorf("%s is recovered: %v", l.ID, l.Recovered)
		}
	}
	atTheEnd := horizon(t, conn, "one")
	followtest.Eventually(t, "the watermark to be beyond all", func() bool { return horizon(t, conn, "one") > before && horizon(t, conn, "one") >= atTheEnd })
	followtest.Eventually(t, "nothing to be left to recover", func() bool {
		var left int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM tasker_task_transitions t, tasker_sidecar.event_consumers
			WHERE t.xmin::text::bigint >= horizon AND id < 7`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	second.stop()

	third := consumer(t, url, "one", &sink{}, announce.Options{})
	followtest.Exec(t, conn, begin(8, 8))
	followtest.Eventually(t, "what comes now", func() bool { return third.has("task-transition-8") })
	for _, id := range missed {
		if third.has(id) {
			t.Errorf("%s is told again, when there is no doubt about it", id)
		}
	}
}

// TestLosesNothing: writers work all the while, and the consumer is stopped,
// loses its connections, and is overtaken because nobody takes what it writes.
func TestLosesNothing(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	runs := []*running{consumer(t, url, "all", &sink{}, announce.Options{})}
	stop := projecttest.Play(t, url, func(o *player.Options) { o.Rate = 300 })
	more := func(r *running, what string) {
		t.Helper()
		count := len(r.all())
		followtest.Eventually(t, what, func() bool { return len(r.all()) > count+200 })
	}
	more(runs[0], "events before anything happens")
	runs[0].stop()
	count := func() (n int) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM tasker_workflow_step_transitions").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	start := count()
	followtest.Eventually(t, "transitions that nobody hears of", func() bool { return count() > start+100 })

	runs = append(runs, consumer(t, url, "all", &sink{}, announce.Options{}))
	more(runs[1], "events after a stop")
	followtest.Exec(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'walsender'")
	more(runs[1], "events after the loss of the log")
	followtest.Exec(t, conn, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2`)
	more(runs[1], "events after the loss of the session")
	runs[1].stop()

	held := &sink{hold: make(chan struct{})}
	runs = append(runs, consumer(t, url, "all", held, announce.Options{Keep: 16}))
	start = count()
	followtest.Eventually(t, "transitions that overtake the consumer", func() bool { return count() > start+100 })
	close(held.hold)
	more(runs[2], "events after it was overtaken")
	stop()

	var want []string
	rows, err := conn.Query(t.Context(), `SELECT format('task-transition-%s', id) FROM tasker_task_transitions
		UNION ALL SELECT format('step-transition-%s', id) FROM tasker_workflow_step_transitions`)
	if err != nil {
		t.Fatal(err)
	}
	if want, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	all := func() map[string]int {
		told := map[string]int{}
		for _, r := range runs {
			for _, l := range r.all() {
				if l.transition() {
					told[l.ID]++
				}
				if l.Name == announce.Gap {
					t.Fatalf("a gap: %+v", l)
				}
			}
		}
		return told
	}
	followtest.Eventually(t, "every transition to be told", func() bool {
		told := all()
		return !slices.ContainsFunc(want, func(id string) bool { return told[id] == 0 })
	})
	told, again, recovered := all(), 0, 0
	for _, n := range told {
		again += n - 1
	}
	for _, r := range runs {
		for _, l := range r.all() {
			if l.Recovered {
				recovered++
			}
		}
	}
	if len(told) != len(want) || recovered == 0 {
		t.Errorf("%d transitions, %d told, %d events recovered", len(want), len(told), recovered)
	}
	t.Logf("%d transitions, %d told more than once, %d events recovered", len(want), again, recovered)
}

// TestStandbyAwaited: a commit that waits for a synchronous standby which is not
// there is told, as the log has it, and holds up neither what follows nor the
// watermark.
func TestStandbyAwaited(t *testing.T) {
	server := pgtest.Server(t, nil)
	url := projecttest.Installed(t, testbed.Options{}, pgtest.On(server))
	conn, waiting := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 10_000)
	followtest.Exec(t, conn, "SET synchronous_commit = local")
	first := consumer(t, url, "one", &sink{}, announce.Options{})
	followtest.Exec(t, conn, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
	// The server heeds the setting a moment after it can be seen: one commit after
	// another, until one waits.
	var last atomic.Int64
	var released atomic.Bool
	done := make(chan error, 1)
	go func() {
		var err error
		for id := 100; err == nil && !released.Load(); id++ {
			last.Store(int64(id))
			_, err = waiting.Exec(context.Background(), begin(id, id))
		}
		done <- err
	}()
	followtest.Eventually(t, "a commit to wait", func() (waits bool) {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	followtest.Eventually(t, "a commit that waits to be told", func() bool { return first.has(fmt.Sprintf("task-transition-%d", last.Load())) })
	before := horizon(t, conn, "one")
	for id := 2; id <= 5; id++ {
		followtest.Exec(t, conn, begin(id, id))
	}
	followtest.Eventually(t, "what follows", func() bool { return first.has("task-transition-2", "task-transition-5") })
	released.Store(true)
	followtest.Exec(t, conn, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	if err := <-done; err != nil {
		t.Error(err)
	}
	followtest.Exec(t, conn, begin(6, 6))
	followtest.Eventually(t, "the watermark to move on", func() bool { return horizon(t, conn, "one") > before })
}

// TestRefused: what cannot be is refused before anything is followed.
func TestRefused(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	prepare := func(url, name string) error {
		o := options(url, name, &sink{})
		o.ClaimTimeout = 50 * time.Millisecond
		c := consume.New(o)
		defer c.Close(context.Background())
		return c.Prepare(t.Context())
	}
	if err := prepare(url, "one"); !errors.Is(err, consume.ErrNotInstalled) {
		t.Errorf("without our schema: %v", err)
	}
	if err := prepare(url, ""); err != nil {
		t.Errorf("without a name nothing is needed: %v", err)
	}
	url = projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	runs := consumer(t, url, "one", &sink{}, announce.Options{})
	if err := prepare(url, "one"); !errors.Is(err, consume.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := prepare(url, "two"); err != nil {
		t.Errorf("another one: %v", err)
	}
	runs.stop()
	for _, change := range []string{"cluster = '1'", "horizon = horizon + 1000000000"} {
		followtest.Exec(t, conn, "UPDATE tasker_sidecar.event_consumers SET "+change+" WHERE consumer = 'one'")
		again := consumer(t, url, "one", &sink{}, announce.Options{})
		followtest.Eventually(t, "word of a watermark that means nothing", func() bool {
			all := again.all()
			return len(all) > 0 && all[0].Name == announce.Gap && all[0].Reason != ""
		})
		again.stop()
	}
}
