package dropin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A caller needs the tables that the engine's functions read, and the view.
func TestCallersNeedNoMoreRightsThanTheEnginesFunctionsTake(t *testing.T) {
	conn := withGolden(t, tasker.RulesV02)
	reader, viewer, nobody := pgtest.UniqueName(t, "reader"), pgtest.UniqueName(t, "viewer"), pgtest.UniqueName(t, "nobody")
	for _, role := range []string{reader, viewer, nobody} {
		exec(t, conn, "CREATE ROLE "+role, "GRANT USAGE ON SCHEMA tasker_sidecar_compat TO "+role)
		t.Cleanup(func() {
			_, _ = conn.Exec(context.Background(), "RESET ROLE; DROP OWNED BY "+role+"; DROP ROLE "+role)
		})
	}
	exec(t, conn, `GRANT SELECT ON tasker_tasks, tasker_task_transitions, tasker_workflow_steps, tasker_workflow_step_transitions,
		tasker_workflow_step_edges, tasker_named_steps, tasker_named_tasks, tasker_task_namespaces TO `+reader)
	exec(t, conn, fmt.Sprintf("GRANT SELECT ON tasker_step_dag_relationships, tasker_sidecar_compat.tasker_step_dag_relationships TO %s, %s", reader, viewer))
	ask := func(role, from string) error {
		exec(t, conn, "SET ROLE "+role)
		defer exec(t, conn, "RESET ROLE")
		_, err := conn.Exec(t.Context(), "SELECT * FROM "+from)
		return err
	}
	functions := []string{
		"get_step_readiness_status(10)", "get_step_readiness_status_batch('{10}')", "get_step_readiness_status_batch('{10}' || " + manyMore + ")",
		"get_task_execution_context(10)", "get_task_execution_contexts_batch('{10}')", "get_task_execution_contexts_batch('{10}' || " + manyMore + ")",
		"calculate_dependency_levels(10)", "get_system_health_counts_v01()", "get_analytics_metrics_v01()",
		"get_slowest_tasks_v01()", "get_slowest_steps_v01()",
	}
	const view = "tasker_step_dag_relationships"
	for _, f := range append(functions, view) {
		if err := ask(reader, "tasker_sidecar_compat."+f); err != nil {
			t.Errorf("%s by one who reads the tables: %v", f, err)
		}
		for _, schema := range []string{"public.", "tasker_sidecar_compat."} {
			var failure *pgconn.PgError
			if err := ask(nobody, schema+f); !errors.As(err, &failure) || failure.Code != "42501" {
				t.Errorf("%s by one who may read nothing: %v", schema+f, err)
			}
		}
	}
	// Both views read the tables as their owner.
	for _, schema := range []string{"public.", "tasker_sidecar_compat."} {
		if err := ask(viewer, schema+view); err != nil {
			t.Errorf("%s by one who may read the view only: %v", schema+view, err)
		}
	}
}
