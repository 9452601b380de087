package schema_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// fill writes the rows that a sidecar would have written.
func fill(t *testing.T, conn *pgx.Conn, rules tasker.Rules) {
	t.Helper()
	text, err := os.ReadFile("testdata/rows.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, strings.ReplaceAll(string(text), "@rules@", rules.String()))
}

// equal compares what two queries give, as text, in whatever order.
func equal(t *testing.T, conn *pgx.Conn, what, got, want string) {
	t.Helper()
	lines := func(sql string) []string {
		return values[string](t, conn, fmt.Sprintf("SELECT q::text FROM (%s) q ORDER BY 1", sql))
	}
	expected := lines(want)
	if len(expected) == 0 {
		t.Errorf("%s: there is nothing to compare with", what)
	}
	if diff := cmp.Diff(expected, lines(got)); diff != "" {
		t.Errorf("%s: expected (-), from rows (+):\n%s", what, diff)
	}
}

// The views answer what the engine's functions answer about the same rows, at
// the same instant, whatever the session's zone and search_path are.
func TestGoldenViews(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		t.Run(rules.String(), func(t *testing.T) {
			conn := engineWithRows(t, rules)
			// Some waits that end within the test, some that do not.
			exec(t, conn, `
				UPDATE tasker_workflow_steps SET last_attempted_at = now() AT TIME ZONE 'UTC', backoff_request_seconds = workflow_step_id % 2 * 3600
				WHERE workflow_step_id % 3 = 0`)
			install(t, conn, schema.Options{})
			fill(t, conn, rules)
			exec(t, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ")
			equal(t, conn, "readiness", "SELECT * FROM tasker_sidecar.step_readiness_status",
				"SELECT r.* FROM tasker_tasks t CROSS JOIN LATERAL get_step_readiness_status(t.task_id) r")
			equal(t, conn, "contexts", "SELECT * FROM tasker_sidecar.task_execution_contexts",
				"SELECT c.* FROM tasker_tasks t CROSS JOIN LATERAL get_task_execution_context(t.task_id) c")
			equal(t, conn, "graph", `SELECT workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count,
				is_root_step, is_leaf_step, min_depth_from_root FROM tasker_sidecar.step_dag`,
				"SELECT * FROM tasker_step_dag_relationships")
			equal(t, conn, "ready steps", "SELECT workflow_step_id, task_id, name, task_name, task_version, namespace_name, current_state, attempts FROM tasker_sidecar.ready_steps",
				`SELECT r.workflow_step_id, r.task_id, r.name, n.name, n.version, s.name, r.current_state, r.attempts
				FROM tasker_tasks t
				CROSS JOIN LATERAL get_step_readiness_status(t.task_id) r
				JOIN tasker_named_tasks n ON n.named_task_id = t.named_task_id
				JOIN tasker_task_namespaces s ON s.task_namespace_id = n.task_namespace_id
				WHERE r.ready_for_execution`)
			equal(t, conn, "steps that are blocked", "SELECT DISTINCT workflow_step_id FROM tasker_sidecar.blocked_steps",
				`SELECT r.workflow_step_id FROM tasker_tasks t CROSS JOIN LATERAL get_step_readiness_status(t.task_id) r
				WHERE NOT r.ready_for_execution AND r.current_state NOT IN ('complete', 'resolved_manually')`)
			if !value[bool](t, conn, `SELECT bool_and(ordered) FROM (
				SELECT (ready_since, workflow_step_id) > lag((ready_since, workflow_step_id)) OVER () AS ordered FROM tasker_sidecar.ready_steps) o`) {
				t.Error("ready_steps is not in order")
			}
			exec(t, conn, "COMMIT")

			before := values[string](t, conn, "SELECT v::text FROM tasker_sidecar.step_readiness_status v ORDER BY 1")
			hostile(t, conn)
			if diff := cmp.Diff(before, values[string](t, conn, "SELECT v::text FROM tasker_sidecar.step_readiness_status v ORDER BY 1")); diff != "" {
				t.Errorf("the session matters: %s", diff)
			}
		})
	}
}

// hostile gives the session a zone far away and a search_path whose functions,
// operators and tables lie.
func hostile(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	exec(t, conn, `
		CREATE SCHEMA hostile;
		CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1900-01-01'::timestamptz $$;
		CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1900-01-01'::timestamptz $$;
		CREATE FUNCTION hostile.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
		CREATE FUNCTION hostile.lies(timestamp, timestamp) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
		CREATE FUNCTION hostile.lies(bigint, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
		CREATE FUNCTION hostile.lies(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
		CREATE FUNCTION hostile.lies(pg_lsn, pg_lsn) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
		CREATE OPERATOR hostile.<= (LEFTARG = timestamp, RIGHTARG = timestamp, FUNCTION = hostile.lies);
		CREATE OPERATOR hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = hostile.lies);
		CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.lies);
		CREATE OPERATOR hostile.>= (LEFTARG = pg_lsn, RIGHTARG = pg_lsn, FUNCTION = hostile.lies);
		CREATE TEMP TABLE pg_class (oid oid, relname name);
		CREATE TEMP TABLE flushes (flush bigint);
		SET TimeZone TO 'Pacific/Auckland';
		SET search_path TO hostile, pg_temp, pg_catalog, public`)
}

// The views' columns are those of the functions, in name, order and type.
func TestGoldenColumns(t *testing.T) {
	conn := engineWithRows(t, tasker.RulesV02)
	install(t, conn, schema.Options{})
	columns := func(relation string) []string {
		return values[string](t, conn, `SELECT attname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`, relation)
	}
	exec(t, conn, `
		CREATE VIEW readiness AS SELECT * FROM get_step_readiness_status(1);
		CREATE VIEW context AS SELECT * FROM get_task_execution_context(1)`)
	for _, c := range []struct {
		ours, theirs string
		more         []string
	}{
		{"step_readiness_status", "readiness", nil},
		{"task_execution_contexts", "context", nil},
		{"step_dag", "tasker_step_dag_relationships", []string{"dependency_level integer"}},
	} {
		if diff := cmp.Diff(append(columns(c.theirs), c.more...), columns("tasker_sidecar."+c.ours)); diff != "" {
			t.Errorf("%s: expected (-), ours (+):\n%s", c.ours, diff)
		}
	}
}
