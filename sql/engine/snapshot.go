package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Snapshot answers by asking the functions within one transaction. A question
// that fails leaves it usable. It is not safe for concurrent use.
type Snapshot struct {
	tx      pgx.Tx
	several bool // more may be asked after a failure
	timeout time.Duration
}

var _ tasker.Answerer = (*Snapshot)(nil)

// Now is the instant that the functions take for now in this snapshot.
func (s *Snapshot) Now(ctx context.Context) (now tasker.Timestamp, err error) {
	if err := s.tx.QueryRow(ctx, "SELECT now()").Scan(timestamp{&now}); err != nil {
		return tasker.NoTime, fmt.Errorf("ask the database for the time: %w", err)
	}
	return now, nil
}

// ask runs a statement that asks the function and collects its rows.
func ask[T any](ctx context.Context, s *Snapshot, function, statement string, scan func(pgx.CollectableRow, *T) error, args ...any) (answer []T, err error) {
	collect := func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, statement, args...)
		if err != nil {
			return err
		}
		answer, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r T, err error) {
			err = scan(row, &r)
			return r, err
		})
		return err
	}
	if s.several { // a savepoint keeps a failure from ending the transaction
		err = pgx.BeginFunc(ctx, s.tx, collect)
	} else {
		err = collect(s.tx)
	}
	if err != nil {
		return nil, explain(ctx, function, s.timeout, err)
	}
	return answer, nil
}

// one is the only row of an answer; what is asked for where there is none.
func one[T any](answer []T, err error, what string) (row T, _ error) {
	switch {
	case err != nil:
		return row, err
	case len(answer) == 0:
		return row, fmt.Errorf("%s: %w", what, tasker.ErrNotFound)
	case len(answer) > 1:
		return row, errors.New(what + ": more than one row where one was asked for")
	}
	return answer[0], nil
}

const readinessColumns = `workflow_step_id, task_id, named_step_id, name, current_state, dependencies_satisfied, retry_eligible, ready_for_execution,
last_failure_at, next_retry_at, total_parents, completed_parents, attempts, retry_limit, backoff_request_seconds, last_attempted_at`

func scanReadiness(row pgx.CollectableRow, r *tasker.StepReadiness) error {
	return row.Scan(&r.WorkflowStepID, &r.TaskID, &r.NamedStepID, &r.Name, &r.CurrentState, &r.DependenciesSatisfied, &r.RetryEligible, &r.ReadyForExecution,
		timestamp{&r.LastFailureAt}, timestamp{&r.NextRetryAt}, &r.TotalParents, &r.CompletedParents, nullInt32{&r.Attempts}, &r.RetryLimit,
		nullInt32{&r.BackoffRequestSeconds}, timestamp{&r.LastAttemptedAt})
}

// StepReadiness implements [tasker.Answerer].
func (s *Snapshot) StepReadiness(ctx context.Context, taskID int64, stepIDs []int64) ([]tasker.StepReadiness, error) {
	return ask(ctx, s, "get_step_readiness_status",
		`SELECT `+readinessColumns+` FROM get_step_readiness_status($1::bigint, $2::bigint[]) ORDER BY workflow_step_id`,
		scanReadiness, taskID, stepIDs)
}

// StepReadinessBatch implements [tasker.Answerer].
func (s *Snapshot) StepReadinessBatch(ctx context.Context, taskIDs []int64) ([]tasker.StepReadiness, error) {
	return ask(ctx, s, "get_step_readiness_status_batch",
		`SELECT `+readinessColumns+` FROM get_step_readiness_status_batch($1::bigint[]) ORDER BY workflow_step_id`,
		scanReadiness, taskIDs)
}

const contextColumns = `task_id, named_task_id, status, total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps, ready_steps,
execution_status, recommended_action, completion_percentage::text, health_status`

func scanContext(row pgx.CollectableRow, r *tasker.TaskExecutionContext) error {
	return row.Scan(&r.TaskID, &r.NamedTaskID, &r.Status, &r.TotalSteps, &r.PendingSteps, &r.InProgressSteps, &r.CompletedSteps, &r.FailedSteps, &r.ReadySteps,
		&r.ExecutionStatus, &r.RecommendedAction, decimal{&r.CompletionPercentage, 2}, &r.HealthStatus)
}

// TaskExecutionContext implements [tasker.Answerer].
func (s *Snapshot) TaskExecutionContext(ctx context.Context, taskID int64) (tasker.TaskExecutionContext, error) {
	rows, err := ask(ctx, s, "get_task_execution_context",
		`SELECT `+contextColumns+` FROM get_task_execution_context($1::bigint)`,
		scanContext, taskID)
	return one(rows, err, fmt.Sprintf("task %d", taskID))
}

// TaskExecutionContexts implements [tasker.Answerer].
func (s *Snapshot) TaskExecutionContexts(ctx context.Context, taskIDs []int64) ([]tasker.TaskExecutionContext, error) {
	return ask(ctx, s, "get_task_execution_contexts_batch",
		`SELECT `+contextColumns+` FROM get_task_execution_contexts_batch($1::bigint[]) ORDER BY task_id`,
		scanContext, taskIDs)
}

// DependencyLevels implements [tasker.Answerer].
func (s *Snapshot) DependencyLevels(ctx context.Context, taskID int64) ([]tasker.DependencyLevel, error) {
	return ask(ctx, s, "calculate_dependency_levels",
		`SELECT workflow_step_id, dependency_level FROM calculate_dependency_levels($1::bigint) ORDER BY dependency_level, workflow_step_id`,
		func(row pgx.CollectableRow, r *tasker.DependencyLevel) error {
			return row.Scan(&r.WorkflowStepID, &r.DependencyLevel)
		}, taskID)
}

// StepDAGRelationships implements [tasker.Answerer].
func (s *Snapshot) StepDAGRelationships(ctx context.Context, taskIDs []int64) ([]tasker.StepDAGRelationship, error) {
	where, args := "", []any{}
	if taskIDs != nil {
		where, args = "WHERE task_id = ANY ($1::bigint[])", []any{taskIDs}
	}
	return ask(ctx, s, "tasker_step_dag_relationships",
		`SELECT workflow_step_id, task_id, named_step_id, parent_step_ids, child_step_ids, parent_count, child_count, is_root_step, is_leaf_step, min_depth_from_root
		FROM tasker_step_dag_relationships `+where+` ORDER BY workflow_step_id`,
		func(row pgx.CollectableRow, r *tasker.StepDAGRelationship) error {
			return row.Scan(&r.WorkflowStepID, &r.TaskID, &r.NamedStepID, &r.ParentStepIDs, &r.ChildStepIDs, &r.ParentCount, &r.ChildCount,
				&r.IsRootStep, &r.IsLeafStep, nullInt32{&r.MinDepthFromRoot})
		}, args...)
}
