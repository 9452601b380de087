package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
)

// projecting is run with everything quick that is slow for a server's sake, and
// with all flushes and the rows of all finished tasks kept. Its sessions go by
// the name.
func projecting(t *testing.T, address, name string, args ...string) *process {
	t.Helper()
	return start(t, append([]string{
		"run", "--database-url", address, "--http-listen", "127.0.0.1:0", "--log-format", "json", "--database.application-name", name,
		"--leader.poll-interval", "20ms", "--leader.lease-timeout", "1s", "--leader.retry-max", "200ms",
		"--projection.heartbeat", "100ms", "--projection.min-pause", "1ms", "--projection.keep-finished", "87600h",
		"--projection.rows-per-transaction", "20", "--projection.keep-flushes", "1000000",
		"--replication.status-interval", "100ms", "--replication.probe-interval", "50ms",
		"--replication.reconnect-min", "10ms", "--replication.reconnect-max", "100ms",
	}, args...)...)
}

// keepJournal makes the database write down, in the transaction that does it,
// which session changes which rows. Who writes has the leader's row locked, so
// the order of the entries is that of the transactions.
func keepJournal(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	followtest.Exec(t, conn, `CREATE TABLE public.journal (
			entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer text NOT NULL, pid integer NOT NULL, epoch bigint NOT NULL, relation text NOT NULL)`,
		`CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NOT EXISTS (SELECT FROM changed) THEN
				RETURN NULL; -- a statement that changed nothing
			END IF;
			INSERT INTO public.journal (writer, pid, epoch, relation)
			SELECT pg_catalog.current_setting('application_name'), pg_catalog.pg_backend_pid(), l.epoch, TG_TABLE_NAME FROM tasker_sidecar.leader l;
			RETURN NULL;
		END $$`)
	for _, table := range []string{"step_rows", "task_rows", "dag_rows", "candidate_rows", "flushes"} {
		for event, rows := range map[string]string{"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} {
			followtest.Exec(t, conn, fmt.Sprintf(`CREATE TRIGGER journal_%[1]s AFTER %[1]s ON tasker_sidecar.%[2]s
				REFERENCING %[3]s TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.note()`, event, table, rows))
		}
	}
}

// ended is the last entry of the journal.
func ended(t *testing.T, conn *pgx.Conn) (entry int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT coalesce(max(entry), 0) FROM public.journal`).Scan(&entry); err != nil {
		t.Fatal(err)
	}
	return entry
}

// mustHoldInHistory looks at all that was ever written: no process wrote after
// another had begun to, no flush went back, each epoch began with rows that do
// not count.
func mustHoldInHistory(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, c := range []struct{ never, sql string }{
		{"an epoch has two writers", `SELECT epoch FROM public.journal GROUP BY epoch HAVING count(DISTINCT writer) > 1`},
		{"a deposed leader wrote", `SELECT entry FROM (SELECT entry, epoch, lag(epoch) OVER (ORDER BY entry) AS before FROM public.journal) e WHERE epoch < before`},
		{"a flush is of another epoch than the leader's", `SELECT flush FROM (SELECT flush, epoch, row_number() OVER (ORDER BY flush) AS n FROM tasker_sidecar.flushes) f
			JOIN (SELECT epoch, row_number() OVER (ORDER BY entry) AS n FROM public.journal WHERE relation = 'flushes') j USING (n) WHERE f.epoch <> j.epoch`},
		{"a flush went back", `SELECT flush FROM (SELECT f.*, lag(flush) OVER w AS flush_before, lag(epoch) OVER w AS epoch_before, lag(applied_lsn) OVER w AS lsn_before
				FROM tasker_sidecar.flushes f WINDOW w AS (PARTITION BY system_identifier, timeline ORDER BY flush)) f
			WHERE flush <> flush_before + 1 OR epoch < epoch_before OR applied_lsn < lsn_before`},
		{"an epoch began with rows that count", `SELECT min(flush) FROM tasker_sidecar.flushes GROUP BY epoch HAVING NOT (array_agg(reconciling ORDER BY flush))[1]`},
	} {
		var found []int64
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*), coalesce((array_agg(x))[1:5], '{}') FROM (`+c.sql+`) AS f (x)`).Scan(&n, &found); err != nil {
			t.Fatalf("%s: %v", c.never, err)
		}
		if n > 0 {
			t.Errorf("%s: %d times, among them %d", c.never, n, found)
		}
	}
	var flushes, epochs, vouching, entries int64
	if err := conn.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT epoch), count(*) FILTER (WHERE NOT reconciling), (SELECT count(*) FROM public.journal) FROM tasker_sidecar.flushes`).
		Scan(&flushes, &epochs, &vouching, &entries); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d flushes in %d epochs, of which %d vouched for rows; %d statements changed rows", flushes, epochs, vouching, entries)
}

// seen is what a reader sees in one snapshot: who may write, and the newest flush.
type seen struct {
	leader, flush, epoch, system, lsn int64
	timeline                          int32
	reconciling                       bool
}

const seenSQL = `SELECT l.epoch, f.flush, f.epoch, f.system_identifier, f.applied_lsn - '0/0', f.timeline, f.reconciling
	FROM tasker_sidecar.leader l CROSS JOIN (SELECT * FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1) f`

// look gives what is there; the zero value before the first flush.
func look(ctx context.Context, conn *pgx.Conn) (s seen, err error) {
	rows, err := conn.Query(ctx, seenSQL)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&s.leader, &s.flush, &s.epoch, &s.system, &s.lsn, &s.timeline, &s.reconciling}, func() error { return nil })
	}
	return s, err
}

// looked is look on the test's goroutine.
func looked(t *testing.T, conn *pgx.Conn) seen {
	t.Helper()
	s, err := look(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// follows says in what a reader has seen time go back.
func (s seen) follows(before seen) error {
	switch {
	case s.epoch != s.leader:
		return fmt.Errorf("the newest flush is of another epoch than the leader's: %+v", s)
	case s.leader < before.leader || s.flush < before.flush:
		return fmt.Errorf("from %+v back to %+v", before, s)
	case s.flush > before.flush && s.system == before.system && s.timeline == before.timeline && s.lsn < before.lsn:
		return fmt.Errorf("the position went back from %+v to %+v", before, s)
	case s.epoch > before.epoch && !s.reconciling && s.flush == before.flush+1:
		return fmt.Errorf("a new leader vouches at once: %+v after %+v", s, before)
	}
	return nil
}

// watch looks again and again from a session of its own until the returned
// function is called, which gives how often it did.
func watch(t *testing.T, address string) (stop func() int) {
	t.Helper()
	conn := projecttest.Session(t, address, map[string]string{"application_name": "watch"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		n := 0
		defer func() { done <- n }()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for before := (seen{}); ctx.Err() == nil; n++ {
			now, err := look(context.WithoutCancel(ctx), conn)
			if err == nil {
				err = now.follows(before)
			}
			if err != nil {
				t.Error(err)
				return
			}
			before = now
			<-tick.C
		}
	}()
	return func() int {
		cancel()
		return <-done
	}
}

// heldUp keeps whatever is written from being committed, in the middle of a
// transaction that has changed rows of steps already: the flush itself, which
// comes last, waits for the lock that is held here. It returns when one waits,
// with its process.
func heldUp(t *testing.T, holder, conn *pgx.Conn, writer string) (pid int32) {
	t.Helper()
	followtest.Exec(t, holder, `BEGIN; LOCK TABLE tasker_sidecar.flushes IN SHARE MODE`)
	followtest.Eventually(t, "a flush to wait", func() bool {
		rows, err := conn.Query(t.Context(), `SELECT a.pid, EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.relation = 'tasker_sidecar.step_rows'::regclass AND l.mode = 'RowExclusiveLock')
			FROM pg_stat_activity a JOIN pg_locks k ON k.pid = a.pid AND NOT k.granted AND k.relation = 'tasker_sidecar.flushes'::regclass
			WHERE a.application_name = $1 AND a.datname = current_database()`, writer)
		if err != nil {
			t.Fatal(err)
		}
		var found int32
		var changed bool
		if _, err := pgx.ForEachRow(rows, []any{&found, &changed}, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		if found != 0 && !changed { // a heartbeat; let it go
			followtest.Exec(t, holder, `COMMIT`, `BEGIN; LOCK TABLE tasker_sidecar.flushes IN SHARE MODE`)
			return false
		}
		pid = found
		return pid != 0
	})
	return pid
}

// sessions is how many sessions and slots a writer has.
func sessions(t *testing.T, conn *pgx.Conn, writer string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, writer).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
