package tasker

import (
	"context"
	"errors"
)

// ErrNotFound is returned, wrapped, where one row was asked for and there is none.
var ErrNotFound = errors.New("not found")

// ErrFunctionFails is returned, wrapped, where the database's own function
// fails whatever it is asked, as the engine's two slowest functions do.
var ErrFunctionFails = errors.New("the function fails")

// SlowestFilter restricts the slowest tasks or steps. The zero value asks for
// nothing of the last 24 hours: set Limit.
type SlowestFilter struct {
	Since     Timestamp    // created after; NoTime: 24 hours before now
	Limit     int32        // how many rows at the most
	Namespace Null[string] // NULL passes all
	TaskName  Null[string]
	Version   Null[string]
}

// Answerer answers what the engine asks its database: the nine functions and
// the view. Rows come ordered by id unless the function orders otherwise. A
// database's own functions and the readiness index both satisfy it; all
// implementations are safe for concurrent use.
type Answerer interface {
	// StepReadiness is get_step_readiness_status; nil stepIDs means all steps.
	StepReadiness(ctx context.Context, taskID int64, stepIDs []int64) ([]StepReadiness, error)
	// StepReadinessBatch is get_step_readiness_status_batch.
	StepReadinessBatch(ctx context.Context, taskIDs []int64) ([]StepReadiness, error)
	// TaskExecutionContext is get_task_execution_context; ErrNotFound for an unknown task.
	TaskExecutionContext(ctx context.Context, taskID int64) (TaskExecutionContext, error)
	// TaskExecutionContexts is get_task_execution_contexts_batch.
	TaskExecutionContexts(ctx context.Context, taskIDs []int64) ([]TaskExecutionContext, error)
	// DependencyLevels is calculate_dependency_levels.
	DependencyLevels(ctx context.Context, taskID int64) ([]DependencyLevel, error)
	// SystemHealthCounts is get_system_health_counts_v01.
	SystemHealthCounts(ctx context.Context) (SystemHealthCounts, error)
	// AnalyticsMetrics is get_analytics_metrics_v01; NoTime: one hour before now.
	AnalyticsMetrics(ctx context.Context, since Timestamp) (AnalyticsMetrics, error)
	// SlowestTasks is get_slowest_tasks_v01.
	SlowestTasks(ctx context.Context, filter SlowestFilter) ([]SlowestTask, error)
	// SlowestSteps is get_slowest_steps_v01.
	SlowestSteps(ctx context.Context, filter SlowestFilter) ([]SlowestStep, error)
	// StepDAGRelationships is the view tasker_step_dag_relationships,
	// restricted to the steps of the tasks; nil means all.
	StepDAGRelationships(ctx context.Context, taskIDs []int64) ([]StepDAGRelationship, error)
}
