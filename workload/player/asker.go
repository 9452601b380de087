package player

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Asker answers what the engine asks between its writes. A [tasker.Answerer]
// is one; it must be safe for concurrent use.
type Asker interface {
	// StepReadiness is get_step_readiness_status; nil stepIDs means all steps.
	StepReadiness(ctx context.Context, taskID int64, stepIDs []int64) ([]tasker.StepReadiness, error)
	// TaskExecutionContext is get_task_execution_context.
	TaskExecutionContext(ctx context.Context, taskID int64) (tasker.TaskExecutionContext, error)
}

// functions asks on a connection what the engine asks, by unqualified names:
// whichever schema comes first in search_path answers. Only what the engine's
// loop looks at is filled in.
type functions struct{ conn *pgx.Conn }

func (f functions) StepReadiness(ctx context.Context, taskID int64, stepIDs []int64) ([]tasker.StepReadiness, error) {
	rows, err := f.conn.Query(ctx, `SELECT workflow_step_id, task_id, current_state, ready_for_execution
		FROM get_step_readiness_status($1::BIGINT, $2::BIGINT[])`, taskID, stepIDs)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r tasker.StepReadiness, err error) {
		return r, row.Scan(&r.WorkflowStepID, &r.TaskID, &r.CurrentState, &r.ReadyForExecution)
	})
}

func (f functions) TaskExecutionContext(ctx context.Context, taskID int64) (c tasker.TaskExecutionContext, err error) {
	err = f.conn.QueryRow(ctx, `SELECT task_id, execution_status FROM get_task_execution_context($1::BIGINT)`, taskID).
		Scan(&c.TaskID, &c.ExecutionStatus)
	if errors.Is(err, pgx.ErrNoRows) {
		err = tasker.ErrNotFound
	}
	return c, err
}
