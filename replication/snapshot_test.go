package replication

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// exec runs statements on a connection of their own, from any goroutine.
func execOn(t testing.TB, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(t.Context()) //nolint:errcheck // of no use any more
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestWaitingForSlotNamesTheBlocker: and the server's default timeouts do not
// end our sessions meanwhile.
func TestWaitingForSlotNamesTheBlocker(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	other := connectTo(t, address)
	execute(t, other, "BEGIN", "SELECT pg_current_xact_id() /* the culprit */")
	timeouts := []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}
	if v := conn.PgConn().ParameterStatus("server_version"); v >= "17" {
		timeouts = append(timeouts, "transaction_timeout")
	}
	for _, s := range timeouts {
		execute(t, conn, fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s = 400', current_database()); END $$", s))
	}
	f := follow(t, address, nil)
	eventually(t, "the blocker to be named", func() bool { return len(f.Status().Blockers) > 0 })
	// Longer than any of the timeouts.
	eventually(t, "the blocker to be old", func() bool {
		b := f.Status().Blockers
		return len(b) == 1 && b[0].Age > time.Second
	})
	s := f.Status()
	if s.State != StateWaitingForSlot || !s.Stale || s.Loaded {
		t.Errorf("status %+v", s)
	}
	b := s.Blockers[0]
	if b.PID != int32(other.PgConn().PID()) || !strings.Contains(b.Query, "the culprit") || b.State != "idle in transaction" || !strings.Contains(b.String(), "the culprit") {
		t.Errorf("blocker %+v", b)
	}
	execute(t, other, "COMMIT")
	f.streaming(t)
	f.same(t, conn)
	if s := f.Status(); s.Reconnects != 0 || s.Blockers != nil {
		t.Errorf("status %+v", s)
	}
}

// TestRewrittenDuringLoad: a table that is rewritten, emptied or created again
// after the slot was created shows the snapshot no rows, or the wrong ones.
func TestRewrittenDuringLoad(t *testing.T) {
	for _, sql := range []string{
		"ALTER TABLE tasker_workflow_steps ADD COLUMN extra timestamptz DEFAULT clock_timestamp()",
		"VACUUM FULL tasker_workflow_steps",
		"TRUNCATE tasker_workflow_step_edges",
		"ALTER TABLE tasker_workflow_step_edges RENAME TO gone; CREATE TABLE tasker_workflow_step_edges (LIKE gone INCLUDING ALL); ALTER PUBLICATION tasker_sidecar DROP TABLE gone; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_workflow_step_edges",
	} {
		t.Run(strings.Fields(sql)[0]+" "+strings.Fields(sql)[len(strings.Fields(sql))-1], func(t *testing.T) {
			address := engineDatabase(t, tasker.RulesV02)
			conn := connectTo(t, address)
			aTask(t, conn)
			var once sync.Once
			f := follow(t, address, func(o *Options, r *recorder) {
				o.WatchInterval = 5 * time.Second // it would find some of it, too
				r.onLoad = func() { once.Do(func() { execOn(t, address, sql) }) }
			})
			f.streaming(t)
			f.same(t, conn)
			s := f.Status()
			if s.Snapshots != 2 {
				t.Errorf("%d snapshots; last error %v", s.Snapshots, s.LastError)
			}
			var incomplete *IncompleteError // when the watch was quicker
			if !errors.Is(s.LastError, ErrRewritten) && !errors.As(s.LastError, &incomplete) {
				t.Errorf("last error: %v", s.LastError)
			}
			execute(t, conn, "DELETE FROM tasker_workflow_step_edges")
			f.same(t, conn)
		})
	}
}

// TestLostCopyStartsOver: what a COPY did not deliver cannot be had any more.
func TestLostCopyStartsOver(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	var once sync.Once
	f := follow(t, address, func(_ *Options, r *recorder) {
		r.onAdd = func(*tasker.Rows) error {
			once.Do(func() {
				execOn(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'")
			})
			return nil
		}
		r.onLoad = func() {}
	})
	f.streaming(t)
	f.same(t, conn)
	if n := f.Status().Snapshots; n != 2 {
		t.Errorf("%d snapshots, want the lost one and another", n)
	}
}

// TestSnapshotInPieces: large tables are cut by blocks, and the rate is bounded.
func TestSnapshotInPieces(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	execute(t, conn,
		`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, description, created_at, updated_at)
		 SELECT i, 1, 'step ' || i, repeat('x', 200), now(), now() FROM generate_series(10, 20000) i`,
		`DELETE FROM tasker_named_steps WHERE named_step_id % 7 = 3`,
		`INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at)
		 SELECT i, 1, 2, 'provides', now(), now() FROM generate_series(10, 9000) i`)
	var batches, most atomic.Int64
	begun := time.Now()
	f := follow(t, address, func(o *Options, r *recorder) {
		o.SnapshotChunkBytes = 1 << 20
		o.SnapshotRowsPerBatch = 100
		o.SnapshotBytesPerSecond = 1 << 20
		r.onAdd = func(rows *tasker.Rows) error {
			batches.Add(1)
			most.Store(max(most.Load(), int64(rows.Len())))
			return nil
		}
	})
	f.streaming(t)
	took := time.Since(begun)
	f.same(t, conn)
	s := f.Status()
	if most.Load() != 100 || batches.Load() < 250 {
		t.Errorf("%d batches of at most %d rows", batches.Load(), most.Load())
	}
	if s.RowsLoaded < 26000 || s.RowsEstimated < s.RowsLoaded/2 || s.RowsEstimated > s.RowsLoaded*2 || s.RowsPerSecond <= 0 {
		t.Errorf("%d rows loaded, %d estimated, %f per second", s.RowsLoaded, s.RowsEstimated, s.RowsPerSecond)
	}
	// Over a million bytes; the first of them come at once.
	if took < 200*time.Millisecond {
		t.Errorf("the rate was not bounded: %s", took)
	}
}

// TestOtherSchema: the tables may be anywhere, under names that have to be quoted.
func TestOtherSchema(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprintf("all columns %t", all), func(t *testing.T) {
			address := engineDatabase(t, tasker.RulesV02)
			conn := connectTo(t, address)
			if err := testbed.Install(t.Context(), conn, testbed.Options{Schema: "Rails' own"}); err != nil {
				t.Fatal(err)
			}
			execute(t, conn, `SET search_path = "Rails' own"`)
			aTask(t, conn)
			f := follow(t, address, func(o *Options, _ *recorder) {
				o.Schema, o.Publication, o.AllColumns = "Rails' own", `odd "name"`, all
			})
			f.streaming(t)
			execute(t, conn, "UPDATE tasker_tasks SET complete = true, context = '{\"a\": 1}'")
			execute(t, conn, "INSERT INTO public.tasker_task_namespaces (name, created_at, updated_at) VALUES ('of another', now(), now())")
			f.same(t, conn)
		})
	}
}
