package schema_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

// writer is a session that stands for a sidecar: it holds a temporary slot and
// flushes.
type writer struct {
	conn *pgx.Conn
	slot string
}

func newWriter(t *testing.T, conn *pgx.Conn) *writer {
	t.Helper()
	w := &writer{connect(t, conn.Config().ConnString()), pgtest.UniqueName(t, "tasker_sidecar")}
	if _, err := w.conn.Exec(t.Context(), "SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)", w.slot); err != nil {
		t.Fatal(err)
	}
	return w
}

// flush writes that the rows reflect the log up to lsn.
func (w *writer) flush(t *testing.T, lsn string, reconciling bool) {
	t.Helper()
	_, err := w.conn.Exec(t.Context(), `
		INSERT INTO tasker_sidecar.flushes (flush, epoch, system_identifier, applied_lsn, as_of,
			total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks, total_steps, pending_steps,
			in_progress_steps, complete_steps, error_steps, retryable_error_steps, exhausted_retry_steps, in_backoff_steps,
			database, timeline, reconciling, rules, slot_name, sidecar_version)
		SELECT coalesce(max(f.flush), 0) + 1, (SELECT epoch FROM tasker_sidecar.leader), 1, $1::pg_lsn, clock_timestamp(),
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (SELECT oid FROM pg_database WHERE datname = current_database()), 1, $2, 'v02', $3, 'v1.2.3'
		FROM tasker_sidecar.flushes f`, lsn, reconciling, w.slot)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *writer) confirm(t *testing.T, lsn string) {
	t.Helper()
	if _, err := w.conn.Exec(t.Context(), "SELECT pg_replication_slot_advance($1, $2::pg_lsn)", w.slot, lsn); err != nil {
		t.Fatal(err)
	}
}

func position(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	// The message is flushed at once, and everything before it.
	return value[string](t, conn, "SELECT pg_logical_emit_message(true, 'test', '')::text")
}

// wait asks wait_for_lsn, and says how long it took.
func wait(t *testing.T, conn *pgx.Conn, lsn, timeout string) (bool, time.Duration) {
	t.Helper()
	began := time.Now()
	covered := value[bool](t, conn, "SELECT tasker_sidecar.wait_for_lsn($1::text::pg_lsn, $2::text::interval)", lsn, timeout)
	return covered, time.Since(began)
}

// long is a timeout that no test waits for.
const long = "1 hour"

func TestWaitForLSN(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	w := newWriter(t, conn)
	want := func(what string, covered bool, lsn, timeout string) {
		t.Helper()
		if got, took := wait(t, conn, lsn, timeout); got != covered || took > 30*time.Second {
			t.Errorf("%s: %v after %s", what, got, took)
		}
	}
	at := position(t, conn)
	want("there are no rows", false, at, long)
	w.flush(t, at, false)
	want("the flush covers it", true, at, long)
	want("asked without waiting", true, at, "0")
	want("asked with a negative timeout", true, at, "-1 s")

	later := position(t, conn)
	want("not covered, and no time", false, later, "0")
	want("not covered, and less than no time", false, later, "-100 years")
	if covered, took := wait(t, conn, later, "50 ms"); covered || took < 50*time.Millisecond {
		t.Errorf("not covered within the timeout: %v after %s", covered, took)
	}
	w.confirm(t, later)
	want("the slot covers it", true, later, long)

	exec(t, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ")
	want("a snapshot that holds the flush", true, at, long)
	want("a snapshot that need not hold what the slot covers", false, later, long)
	exec(t, conn, "COMMIT")

	later = position(t, conn)
	exec(t, conn, "SET statement_timeout = '100 ms'")
	if _, err := conn.Exec(t.Context(), "SELECT tasker_sidecar.wait_for_lsn($1::text::pg_lsn, '178000000 years')", later); err == nil {
		t.Error("a huge timeout did not wait")
	}
	exec(t, conn, "RESET statement_timeout")
	w.flush(t, later, true)
	want("rows that are being reconciled", false, later, "20 ms")
	w.flush(t, later, false)
	want("rows that are reconciled", true, later, long)
	if !value[bool](t, conn, "SELECT tasker_sidecar.wait_for_lsn(NULL, '1 s') IS NULL AND tasker_sidecar.wait_for_lsn('0/0', NULL) IS NULL") {
		t.Error("NULL does not give NULL")
	}

	exec(t, conn, "UPDATE tasker_sidecar.leader SET epoch = epoch + 1")
	want("the writer was deposed", false, later, long)
	exec(t, conn, "UPDATE tasker_sidecar.leader SET epoch = epoch - 1")
	hostile(t, conn)
	want("a hostile search_path", true, later, long)
	exec(t, conn, "RESET search_path; RESET TimeZone")

	if err := w.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "the slot to go", func() bool {
		return value[int](t, conn, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1", w.slot) == 0
	})
	want("the writer is dead", false, later, long)
}

// Who waits is told as soon as the rows are there, or nobody is left to write
// them.
func TestWaitForLSNWhileItComes(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	w := newWriter(t, conn)
	w.flush(t, "0/1", false)
	observer := connect(t, conn.Config().ConnString())
	waiting := func(lsn string) <-chan bool {
		answer := make(chan bool, 1)
		go func() {
			var covered bool
			if err := conn.QueryRow(t.Context(), "SELECT tasker_sidecar.wait_for_lsn($1::text::pg_lsn, '1 hour')", lsn).Scan(&covered); err != nil {
				t.Error(err)
			}
			answer <- covered
		}()
		followtest.Eventually(t, "the session to wait", func() bool {
			return value[int](t, observer, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", conn.PgConn().PID()) == 1
		})
		return answer
	}
	at := position(t, observer)
	answer := waiting(at)
	w.flush(t, at, false)
	if !<-answer {
		t.Error("the flush was not noticed")
	}
	at = position(t, observer)
	answer = waiting(at)
	w.confirm(t, at)
	if !<-answer {
		t.Error("the slot's position was not noticed")
	}
	answer = waiting(position(t, observer))
	if err := w.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if <-answer {
		t.Error("covered by a dead sidecar")
	}
}

func TestFreshness(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	line := func() string {
		t.Helper()
		return value[string](t, conn, `SELECT format('%s|%s|%s|%s|%s|%s|%s|%s|%s', applied_lsn IS NOT NULL, age < interval '1 minute', bytes_behind, alive, reconciling,
			leader, leader_epoch, sidecar_version, schema_version) FROM tasker_sidecar.freshness`)
	}
	if got, want := line(), fmt.Sprintf("f|||f|||0||%d", schema.Version()); got != want {
		t.Errorf("without rows: %s, want %s", got, want)
	}
	w := newWriter(t, conn)
	exec(t, conn, "UPDATE tasker_sidecar.leader SET epoch = 3, holder = 'here'")
	at := position(t, conn)
	w.flush(t, at, false)
	if !value[bool](t, conn, "SELECT applied_lsn = $1::text::pg_lsn AND bytes_behind > 0 AND alive AND leader_epoch = 3 FROM tasker_sidecar.freshness", at) {
		t.Errorf("after a flush: %s", line())
	}
	at = position(t, conn)
	w.confirm(t, at)
	if !value[bool](t, conn, "SELECT applied_lsn = $1::text::pg_lsn FROM tasker_sidecar.freshness", at) {
		t.Errorf("after the slot moved: %s", line())
	}

	// An answer is counted by scanning the table of its kind.
	for range 3 {
		exec(t, conn, "DO $$ BEGIN PERFORM FROM tasker_sidecar.count_rows; PERFORM FROM tasker_sidecar.count_stale; END $$")
	}
	exec(t, conn, "DO $$ BEGIN PERFORM FROM tasker_sidecar.count_rows; END $$")
	observer := connect(t, conn.Config().ConnString())
	if err := conn.Close(t.Context()); err != nil { // its statistics are sent at the latest
		t.Fatal(err)
	}
	followtest.Eventually(t, "the counters", func() bool {
		return value[bool](t, observer, "SELECT answers_from_rows = 4 AND (fallbacks ->> 'stale')::int = 3 AND (fallbacks ->> 'timeout')::int = 0 FROM tasker_sidecar.freshness")
	})
}
