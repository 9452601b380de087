package replication

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// aTask writes what a task needs: names, the task, two steps, an edge.
func aTask(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	for _, s := range []string{
		`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now())`,
		`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now())`,
		`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'reserve', now(), now()), (2, 1, 'ship', now(), now())`,
		`INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, initiator, identity_hash, created_at, updated_at) VALUES (1, 1, now(), 'shop', 'h1', now(), now())`,
		`INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, retry_limit, created_at, updated_at) VALUES (1, 1, 1, 3, now(), now()), (2, 1, 2, NULL, now(), now())`,
		`INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at) VALUES (1, 1, 2, 'provides', now(), now())`,
		`INSERT INTO tasker_workflow_step_transitions (id, to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES (1, 'in_progress', 10, true, 1, now(), now())`,
		`INSERT INTO tasker_task_transitions (id, to_state, sort_key, most_recent, task_id, created_at, updated_at) VALUES (1, 'in_progress', 10, true, 1, now(), now())`,
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestFollowsEverything: a snapshot, and then every kind of change.
func TestFollowsEverything(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, nil)
	f.streaming(t)
	f.same(t, conn)

	steps := []struct {
		name   string
		sql    string
		events []string
	}{
		{"insert", `INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (3, 1, 'bill', now(), now())`,
			[]string{"begin", "insert named_steps 3 (was 3, unchanged 0)", "commit"}},
		{"a transition as the engine writes it", `BEGIN;
			UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now() WHERE workflow_step_id = 1 AND most_recent;
			INSERT INTO tasker_workflow_step_transitions (id, to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES (2, 'complete', 20, true, 1, now(), now());
			COMMIT`,
			[]string{"begin", "update workflow_step_transitions 1 (was 1, unchanged 0)", "insert workflow_step_transitions 2 (was 2, unchanged 0)", "commit"}},
		{"the key itself", `UPDATE tasker_workflow_step_edges SET id = 7 WHERE id = 1`,
			[]string{"begin", "update workflow_step_edges 7 (was 1, unchanged 0)", "commit"}},
		{"infinite and ancient times", `UPDATE tasker_workflow_steps SET last_attempted_at = '0001-01-01', processed_at = '1999-12-31 23:59:59.999999', attempts = -1 WHERE workflow_step_id = 2`,
			[]string{"begin", "update workflow_steps 2 (was 2, unchanged 0)", "commit"}},
		{"a savepoint that is rolled back", `BEGIN;
			INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (4, 1, 'kept', now(), now());
			SAVEPOINT s;
			INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (5, 1, 'lost', now(), now());
			ROLLBACK TO s;
			INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (6, 1, 'kept too', now(), now());
			COMMIT`,
			[]string{"begin", "insert named_steps 4 (was 4, unchanged 0)", "insert named_steps 6 (was 6, unchanged 0)", "commit"}},
		{"a transaction that is rolled back", `BEGIN; DELETE FROM tasker_workflow_step_edges; ROLLBACK`, nil},
		{"nothing of ours", `CREATE TABLE other (i int); INSERT INTO other VALUES (1)`, nil},
		{"a table that is not followed", `UPDATE tasker_dependent_systems SET name = 'x'`, nil},
		{"a message in the log", `SELECT pg_logical_emit_message(true, 'somebody', 'hello')`, nil},
		{"delete", `DELETE FROM tasker_workflow_step_edges WHERE id = 7`,
			[]string{"begin", "delete workflow_step_edges 7", "commit"}},
		{"truncate of several", `TRUNCATE tasker_workflow_step_transitions, tasker_task_transitions, tasker_workflow_step_edges`,
			nil}, // the order is the server's; checked by what is left
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			f.recorder.takeEvents()
			execute(t, conn, s.sql)
			f.same(t, conn)
			got := f.recorder.takeEvents()
			if strings.HasPrefix(s.name, "truncate") {
				for _, name := range []string{"workflow_step_transitions", "task_transitions", "workflow_step_edges"} {
					if !strings.Contains(strings.Join(got, ";")+";", "truncate "+name+";") {
						t.Errorf("no truncate of %s in %v", name, got)
					}
				}
				return
			}
			if diff := cmp.Diff(s.events, got); diff != "" {
				t.Errorf("expected (-), got (+):\n%s", diff)
			}
		})
	}
	s := f.Status()
	if s.Snapshots != 1 || s.Stale || s.Cause != nil || !s.Loaded || s.Slot == "" || s.Schema != "public" || s.Transactions == 0 || s.Changes < s.Transactions {
		t.Errorf("status %+v", s)
	}
	if s.ServerVersion/10000 < 14 {
		t.Errorf("server version %d", s.ServerVersion)
	}
}

// TestUnchangedToast: a long value that an update does not touch is not in the log.
func TestUnchangedToast(t *testing.T) {
	for _, identity := range []string{"DEFAULT", "FULL"} {
		t.Run(identity, func(t *testing.T) {
			address := engineDatabase(t, tasker.RulesV02)
			conn := connectTo(t, address)
			aTask(t, conn)
			execute(t, conn, "ALTER TABLE tasker_workflow_step_transitions REPLICA IDENTITY "+identity,
				"ALTER TABLE tasker_workflow_step_transitions ALTER COLUMN to_state SET STORAGE EXTERNAL",
				"DROP INDEX idx_step_transitions_current_state") // which has no room for it
			f := follow(t, address, nil)
			f.streaming(t)
			execute(t, conn, "UPDATE tasker_workflow_step_transitions SET to_state = repeat('long', 3000)")
			f.same(t, conn)
			f.recorder.takeEvents()
			execute(t, conn, "UPDATE tasker_workflow_step_transitions SET created_at = created_at + interval '1 second'")
			f.same(t, conn)
			unchanged := "10" // to_state is column 1
			if identity == "FULL" {
				unchanged = "0" // the old row has it
			}
			want := []string{"begin", "update workflow_step_transitions 1 (was 1, unchanged " + unchanged + ")", "commit"}
			if diff := cmp.Diff(want, f.recorder.takeEvents()); diff != "" {
				t.Errorf("expected (-), got (+):\n%s", diff)
			}
			execute(t, conn, "UPDATE tasker_workflow_step_transitions SET id = 99", "DELETE FROM tasker_workflow_step_transitions")
			f.same(t, conn)
		})
	}
}

// TestNothingIsLeft: neither slot nor connection; checked as the database is
// dropped, and here for the slot.
func TestNothingIsLeft(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	f := follow(t, address, nil)
	f.streaming(t)
	f.stop()
	if f.err != nil {
		t.Fatal(f.err)
	}
	if s := f.Status(); s.State != StateStopped || s.Slot != "" {
		t.Errorf("status %+v", s)
	}
	eventually(t, "slots and connections to be gone", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())
			+ (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tasker-sidecar')`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}
