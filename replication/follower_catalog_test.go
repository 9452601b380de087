package replication

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestIncompleteLogIsFound: whatever makes the log leave something out is found
// within seconds, is called stale with its name, and is over when it is mended;
// nothing that happened meanwhile is missed.
func TestIncompleteLogIsFound(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	aTask(t, conn)
	f := follow(t, address, nil)
	f.streaming(t)
	f.same(t, conn)
	lists := conn.PgConn().ParameterStatus("server_version") >= "15" // column lists and row filters
	edges := "tasker_workflow_step_edges"
	if lists {
		edges += " (id, from_step_id, to_step_id)"
	}
	for _, c := range []struct{ name, alter, meanwhile, mend, says string }{
		{"ALTER PUBLICATION DROP TABLE", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_step_edges",
			"DELETE FROM tasker_workflow_step_edges", "ALTER PUBLICATION tasker_sidecar ADD TABLE " + edges, "does not have public.tasker_workflow_step_edges"},
		{"ALTER PUBLICATION SET operations", "ALTER PUBLICATION tasker_sidecar SET (publish = 'insert, update')",
			"DELETE FROM tasker_task_transitions", "ALTER PUBLICATION tasker_sidecar SET (publish = 'insert, update, delete, truncate')", "does not publish delete"},
		{"ALTER PUBLICATION SET TABLE with fewer columns", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_tasks; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_tasks (task_id, named_task_id)",
			"UPDATE tasker_tasks SET complete = true", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_tasks; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_tasks", "tasker_tasks"},
		{"a row filter", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps WHERE (named_step_id > 1000)",
			"INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (10, 1, 'filtered', now(), now())",
			"ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps", "row filter"},
		{"DROP PUBLICATION", "DROP PUBLICATION tasker_sidecar", "UPDATE tasker_tasks SET initiator = 'nobody'", "", "publication tasker_sidecar"},
		{"a table left for a while", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_step_edges; INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id, name, created_at, updated_at) VALUES (50, 1, 2, 'provides', now(), now()); ALTER PUBLICATION tasker_sidecar ADD TABLE " + edges,
			"", "", ""},
		{"a table created again", "DROP TABLE tasker_workflow_step_edges CASCADE; CREATE TABLE tasker_workflow_step_edges (id bigserial PRIMARY KEY, from_step_id bigint NOT NULL, to_step_id bigint NOT NULL, name varchar, created_at timestamp, updated_at timestamp)",
			"INSERT INTO tasker_workflow_step_edges (id, from_step_id, to_step_id) VALUES (60, 1, 2)", "ALTER PUBLICATION tasker_sidecar ADD TABLE " + edges, "tasker_workflow_step_edges"},
		{"replica identity", "ALTER TABLE tasker_workflow_steps REPLICA IDENTITY FULL", "", "", ""}, // the publication is mended by itself
		{"replica identity as before", "ALTER TABLE tasker_workflow_steps REPLICA IDENTITY DEFAULT", "UPDATE tasker_workflow_steps SET attempts = 1", "", ""},
		{"a column added", "ALTER TABLE tasker_workflow_steps ADD COLUMN note text DEFAULT 'x'", "UPDATE tasker_workflow_steps SET attempts = 2", "", ""},
		{"a column dropped that is not followed", "ALTER TABLE tasker_workflow_steps DROP COLUMN note", "UPDATE tasker_workflow_steps SET attempts = 3", "", ""},
	} {
		if !lists && (strings.Contains(c.name, "columns") || strings.Contains(c.name, "filter") || strings.Contains(c.name, "identity")) {
			continue // there is nothing like it
		}
		t.Run(c.name, func(t *testing.T) {
			before := f.Status().Snapshots
			execute(t, conn, c.alter)
			changed := time.Now()
			if c.says != "" && c.mend != "" {
				eventually(t, "to be stale", func() bool {
					s := f.Status()
					return s.Stale && s.LastError != nil && strings.Contains(s.LastError.Error()+s.Cause.Error(), c.says)
				})
			} else {
				eventually(t, "a new snapshot", func() bool { return f.Status().Snapshots > before })
			}
			t.Logf("found after %s", time.Since(changed).Round(time.Millisecond))
			if c.meanwhile != "" {
				execute(t, conn, c.meanwhile)
			}
			if c.mend != "" {
				execute(t, conn, c.mend)
			}
			eventually(t, "a new snapshot", func() bool { return f.Status().Snapshots > before && f.Status().State == StateStreaming })
			f.same(t, conn)
		})
	}
}

// TestWhatIsNeededIsGone ends Run with an error that names it.
func TestWhatIsNeededIsGone(t *testing.T) {
	for _, c := range []struct{ name, alter, says string }{
		{"DROP COLUMN CASCADE", "ALTER TABLE tasker_workflow_steps DROP COLUMN in_process CASCADE", "in_process"},
		{"a column retyped", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_step_edges; ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT fk_rails_7b4652ccf2, ALTER COLUMN from_step_id TYPE numeric", "from_step_id"},
		{"a table renamed", "ALTER TABLE tasker_workflow_step_edges RENAME TO edges", "tasker_workflow_step_edges"},
		{"a table moved to another schema", "CREATE SCHEMA attic; ALTER TABLE tasker_workflow_step_edges SET SCHEMA attic", "attic"},
		{"a table dropped", "DROP TABLE tasker_workflow_step_edges", "tasker_workflow_step_edges"},
		{"replica identity NOTHING", "ALTER TABLE tasker_workflow_step_edges REPLICA IDENTITY NOTHING", "NOTHING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := engineDatabase(t, tasker.RulesV02)
			conn := connectTo(t, address)
			aTask(t, conn)
			// The view and the functions are not what this is about.
			execute(t, conn, "DROP VIEW IF EXISTS tasker_step_dag_relationships CASCADE")
			f := follow(t, address, nil)
			f.streaming(t)
			execute(t, conn, c.alter)
			select {
			case <-f.done:
			case <-time.After(testPatience):
				t.Fatalf("still running: %+v", f.Status())
			}
			if f.err == nil || !strings.Contains(f.err.Error(), c.says) {
				t.Errorf("error: %v", f.err)
			}
			var setup *SetupError
			if !errors.As(f.err, &setup) || setup.Remedy == "" {
				t.Errorf("no remedy in %#v", f.err)
			}
			if s := f.Status(); s.State != StateStopped || !s.Stale || s.Cause == nil || !s.Loaded {
				t.Errorf("status %+v", s)
			}
		})
	}
}
