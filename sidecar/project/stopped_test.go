package project_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// patient is what nobody waits for in these tests: who is answered in much less
// has not waited.
const patient, soon = "60s", 20 * time.Second

// markedLab is a projected database with the golden rows whose answers from
// rows are marked.
func markedLab(t testing.TB, on ...pgtest.Option) *projecttest.Lab {
	t.Helper()
	url := projecttest.Installed(t, testbed.Options{}, on...)
	loadGolden(t, url)
	l := projecttest.Start(t, url, nil)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	return l
}

// trusting asks in a mode with bounds that no test reaches.
func trusting(mode string) map[string]string {
	return map[string]string{"tasker_sidecar.read_mode": mode, "tasker_sidecar.max_staleness": patient, "tasker_sidecar.wait_timeout": patient}
}

// TestMarkedAnswers: the marks tell answers from rows from others. All other
// tests depend on it.
func TestMarkedAnswers(t *testing.T) {
	l := markedLab(t)
	n := int64(len(questions))
	for _, mode := range []string{"fast", "wait"} {
		counted(t, l.URL, map[string]int64{"rows": n}, func() {
			conn := projecttest.Session(t, l.URL, trusting(mode))
			defer conn.Close(t.Context())
			mustBeFromRows(t, conn)
		})
	}
	counted(t, l.URL, nil, func() {
		conn := projecttest.Session(t, l.URL, trusting("exact"))
		defer conn.Close(t.Context())
		mustBeExact(t, l.URL, conn)
	})
}

// TestNoSidecar: where none leads, or none runs, nobody waits.
func TestNoSidecar(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	loadGolden(t, url)
	began := time.Now()
	refused(t, url, "no_sidecar", trusting("exact"))

	l := projecttest.Start(t, url, nil)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	l.Stop() // while it goes on following
	refused(t, url, "no_sidecar", trusting("exact"))
	l.Follower.Stop()
	followtest.Eventually(t, "the slot to go", func() bool {
		return value[int](t, l.Conn, `SELECT count(*) FROM pg_replication_slots WHERE database = current_database()`) == 0
	})
	refused(t, url, "no_sidecar", trusting("exact"))

	// As after a kill -9, the newest flush vouches for the rows, and nobody for it.
	followtest.Exec(t, l.Conn, `UPDATE tasker_sidecar.flushes SET reconciling = false, as_of = clock_timestamp(), slot_name = 'gone', writer_lock = 1`)
	refused(t, url, "no_sidecar", trusting("exact"))
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s", took)
	}
}

// TestFrozenWalsender: while nothing comes through the log, and all else goes
// on, an answer from rows is never older than was asked for, and who waits gets
// an exact one.
func TestFrozenWalsender(t *testing.T) {
	l := markedLab(t, pgtest.On(pgtest.Server(t, nil)))
	const question = `SELECT * FROM %s.get_step_readiness_status(24)`
	fast := projecttest.Session(t, l.URL, map[string]string{"tasker_sidecar.read_mode": "fast", "tasker_sidecar.max_staleness": "1s"})
	wait := projecttest.Session(t, l.URL, map[string]string{"tasker_sidecar.read_mode": "wait", "tasker_sidecar.wait_timeout": "50ms"})
	engine := projecttest.Session(t, l.URL, map[string]string{"search_path": "public", "TimeZone": "UTC"})

	signal := freeze(t, l.Conn)
	followtest.Exec(t, l.Conn, `UPDATE tasker_workflow_steps SET attempts = attempts + 1 WHERE task_id = 24`)
	changed := time.Now()
	want := ask(t, engine, "public", question)
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	if got := ask(t, wait, dropin.Schema, question); got != want {
		t.Errorf("mode wait answers\n%s\nwant\n%s", got, want)
	}
	followtest.Eventually(t, "mode fast to answer exactly", func() bool {
		asked := time.Now()
		got := ask(t, fast, dropin.Schema, question)
		if got != want && !fromRows(got) {
			t.Fatalf("mode fast answers\n%s\nwant\n%s", got, want)
		}
		// The margin is for what is known of the server's clock.
		if age := asked.Sub(changed); got != want && age > 1250*time.Millisecond {
			t.Fatalf("mode fast answers what was true %s ago", age)
		}
		return got == want
	})
	if err := fast.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wait.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "a timeout and a stale answer to be counted", func() bool {
		c := counts(t, l.Conn)
		return c["timeout"] == 1 && c["stale"] == 1
	})

	// After a while it is known to be of no use to wait.
	followtest.Eventually(t, "the rows to be old", func() bool {
		return value[bool](t, l.Conn, `SELECT age > interval '3.1 s' FROM tasker_sidecar.freshness`)
	})
	began := time.Now()
	refused(t, l.URL, "stale", map[string]string{"tasker_sidecar.wait_timeout": patient})
	if took := time.Since(began); took > soon {
		t.Errorf("it took %s", took)
	}

	signal(syscall.SIGCONT)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	for _, mode := range []string{"fast", "wait"} {
		mustBeFromRows(t, projecttest.Session(t, l.URL, trusting(mode)))
	}
}

// freeze stops the process that sends the log, until the test ends at the latest.
func freeze(t testing.TB, conn *pgx.Conn) (signal func(syscall.Signal)) {
	t.Helper()
	pid := value[int](t, conn, `SELECT active_pid FROM pg_replication_slots WHERE database = current_database() AND active`)
	signal = func(s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil {
			t.Errorf("signal %s to the walsender: %v", s, err)
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	return signal
}
