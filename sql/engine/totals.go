package engine

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// SystemHealthCounts implements [tasker.Answerer].
func (s *Snapshot) SystemHealthCounts(ctx context.Context) (tasker.SystemHealthCounts, error) {
	rows, err := ask(ctx, s, "get_system_health_counts_v01",
		`SELECT total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks, cancelled_tasks,
		total_steps, pending_steps, in_progress_steps, complete_steps, error_steps,
		retryable_error_steps, exhausted_retry_steps, in_backoff_steps, active_connections, max_connections
		FROM get_system_health_counts_v01()`,
		func(row pgx.CollectableRow, r *tasker.SystemHealthCounts) error {
			return row.Scan(&r.TotalTasks, &r.PendingTasks, &r.InProgressTasks, &r.CompleteTasks, &r.ErrorTasks, &r.CancelledTasks,
				&r.TotalSteps, &r.PendingSteps, &r.InProgressSteps, &r.CompleteSteps, &r.ErrorSteps,
				&r.RetryableErrorSteps, &r.ExhaustedRetrySteps, &r.InBackoffSteps, nullInt64{&r.ActiveConnections}, nullInt64{&r.MaxConnections})
		})
	return one(rows, err, "health counts")
}

// AnalyticsMetrics implements [tasker.Answerer].
func (s *Snapshot) AnalyticsMetrics(ctx context.Context, since tasker.Timestamp) (tasker.AnalyticsMetrics, error) {
	rows, err := ask(ctx, s, "get_analytics_metrics_v01",
		`SELECT active_tasks_count, total_namespaces_count, unique_task_types_count, system_health_score::text,
		task_throughput, completion_count, error_count, completion_rate::text, error_rate::text,
		avg_task_duration::text, avg_step_duration::text, step_throughput, analysis_period_start, calculated_at
		FROM get_analytics_metrics_v01($1::timestamptz)`,
		func(row pgx.CollectableRow, r *tasker.AnalyticsMetrics) error {
			return row.Scan(&r.ActiveTasksCount, &r.TotalNamespacesCount, &r.UniqueTaskTypesCount, decimal{&r.SystemHealthScore, 3},
				&r.TaskThroughput, &r.CompletionCount, &r.ErrorCount, decimal{&r.CompletionRate, 2}, decimal{&r.ErrorRate, 2},
				decimal{&r.AvgTaskDuration, 3}, decimal{&r.AvgStepDuration, 3}, &r.StepThroughput, timestamp{&r.AnalysisPeriodStart}, timestamp{&r.CalculatedAt})
		}, timestamptz(since))
	return one(rows, err, "analytics")
}

const slowestParameters = `($1::timestamptz, $2::integer, $3::text, $4::text, $5::text)`

func slowestArgs(f tasker.SlowestFilter) []any {
	return []any{timestamptz(f.Since), f.Limit, text(f.Namespace), text(f.TaskName), text(f.Version)}
}

// SlowestTasks implements [tasker.Answerer].
func (s *Snapshot) SlowestTasks(ctx context.Context, filter tasker.SlowestFilter) ([]tasker.SlowestTask, error) {
	return ask(ctx, s, "get_slowest_tasks_v01",
		`SELECT task_id, task_name, namespace_name, version, duration_seconds::text, step_count, completed_steps, error_steps,
		created_at, completed_at, initiator, source_system
		FROM get_slowest_tasks_v01`+slowestParameters,
		func(row pgx.CollectableRow, r *tasker.SlowestTask) error {
			return row.Scan(&r.TaskID, &r.TaskName, &r.NamespaceName, &r.Version, decimal{&r.DurationSeconds, 3}, &r.StepCount, &r.CompletedSteps, &r.ErrorSteps,
				timestamp{&r.CreatedAt}, timestamp{&r.CompletedAt}, nullString{&r.Initiator}, nullString{&r.SourceSystem})
		}, slowestArgs(filter)...)
}

// SlowestSteps implements [tasker.Answerer].
func (s *Snapshot) SlowestSteps(ctx context.Context, filter tasker.SlowestFilter) ([]tasker.SlowestStep, error) {
	return ask(ctx, s, "get_slowest_steps_v01",
		`SELECT workflow_step_id, task_id, step_name, task_name, namespace_name, version, duration_seconds::text, attempts,
		created_at, completed_at, retryable, step_status
		FROM get_slowest_steps_v01`+slowestParameters,
		func(row pgx.CollectableRow, r *tasker.SlowestStep) error {
			return row.Scan(&r.WorkflowStepID, &r.TaskID, &r.StepName, &r.TaskName, &r.NamespaceName, &r.Version, decimal{&r.DurationSeconds, 3}, nullInt32{&r.Attempts},
				timestamp{&r.CreatedAt}, timestamp{&r.CompletedAt}, &r.Retryable, &r.StepStatus)
		}, slowestArgs(filter)...)
}
