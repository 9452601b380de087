package projecttest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
)

// comparisons are what the rows say and what the engine's own functions answer
// about the tasks that have rows; the latter's ids are $1.
var comparisons = []struct{ name, rows, engine string }{
	{
		"tasks",
		`SELECT task_id FROM tasker_sidecar.task_rows`,
		`SELECT task_id FROM tasker_tasks WHERE $1::bigint[] IS NOT NULL`,
	},
	{
		"steps",
		`SELECT * FROM tasker_sidecar.step_readiness_status`,
		`SELECT * FROM get_step_readiness_status_batch($1::bigint[])`,
	},
	{
		"contexts",
		`SELECT * FROM tasker_sidecar.task_execution_contexts`,
		`SELECT * FROM get_task_execution_contexts_batch($1::bigint[])`,
	},
	{
		"graph",
		`SELECT workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step,
			min_depth_from_root FROM tasker_sidecar.step_dag`,
		`SELECT workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step,
			min_depth_from_root FROM tasker_step_dag_relationships WHERE task_id = ANY ($1::bigint[])`,
	},
	{
		"levels",
		`SELECT workflow_step_id, dependency_level FROM tasker_sidecar.step_dag WHERE dependency_level IS NOT NULL`,
		`SELECT l.workflow_step_id, l.dependency_level FROM unnest($1::bigint[]) id, calculate_dependency_levels(id) l`,
	},
	{
		"ready steps",
		`SELECT workflow_step_id, task_id, name, current_state, attempts FROM tasker_sidecar.ready_steps`,
		`SELECT workflow_step_id, task_id, name, current_state, attempts FROM get_step_readiness_status_batch($1::bigint[]) WHERE ready_for_execution`,
	},
}

// SameAsEngine waits until the rows reflect everything that is committed, and
// compares them with what the engine's functions answer in the same snapshot.
// The rows of all tasks have to be kept, and nobody may be at work.
func SameAsEngine(t testing.TB, url string) {
	t.Helper()
	conn := Session(t, url, nil)
	defer conn.Close(context.Background())
	var end string
	// The message is flushed at once, and everything before it.
	if err := conn.QueryRow(t.Context(), `SELECT pg_logical_emit_message(true, 'test', '')::text`).Scan(&end); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "the rows to reflect everything", func() bool {
		var yes bool
		if err := conn.QueryRow(t.Context(), `SELECT tasker_sidecar.wait_for_lsn($1::text::pg_lsn, '1 s')`, end).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		return yes
	})
	err := pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var ids []int64
		var vouched bool
		if err := tx.QueryRow(t.Context(), `SELECT array_agg(task_id), (SELECT NOT reconciling FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1)
			FROM tasker_sidecar.task_rows`).Scan(&ids, &vouched); err != nil {
			return err
		}
		if !vouched || len(ids) == 0 {
			t.Errorf("vouched for: %v; tasks with rows: %d", vouched, len(ids))
		}
		for _, c := range comparisons {
			var total, missing, surplus int
			var example *string
			err := tx.QueryRow(t.Context(), `WITH rows AS MATERIALIZED (`+c.rows+`), engine AS MATERIALIZED (`+c.engine+`),
				missing AS (TABLE engine EXCEPT ALL TABLE rows), surplus AS (TABLE rows EXCEPT ALL TABLE engine)
				SELECT (SELECT count(*) FROM engine), (SELECT count(*) FROM missing), (SELECT count(*) FROM surplus),
					(SELECT string_agg(x, E'\n') FROM ((SELECT 'engine ' || m::text FROM missing m LIMIT 3) UNION ALL (SELECT 'rows ' || s::text FROM surplus s LIMIT 3)) e (x))`, ids).
				Scan(&total, &missing, &surplus, &example)
			if err != nil {
				return err
			}
			t.Logf("%s: %d compared", c.name, total)
			if example != nil {
				t.Errorf("%s: %d of %d differ or are missing, %d differ or are too many:\n%s", c.name, missing, total, surplus, *example)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
