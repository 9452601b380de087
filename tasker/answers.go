package tasker

// StepReadiness is a row of get_step_readiness_status and its batch form.
type StepReadiness struct {
	WorkflowStepID        int64       `json:"workflow_step_id"`
	TaskID                int64       `json:"task_id"`
	NamedStepID           int32       `json:"named_step_id"`
	Name                  string      `json:"name"`
	CurrentState          string      `json:"current_state"`
	DependenciesSatisfied bool        `json:"dependencies_satisfied"`
	RetryEligible         bool        `json:"retry_eligible"`
	ReadyForExecution     bool        `json:"ready_for_execution"`
	LastFailureAt         Timestamp   `json:"last_failure_at"`
	NextRetryAt           Timestamp   `json:"next_retry_at"`
	TotalParents          int32       `json:"total_parents"`
	CompletedParents      int32       `json:"completed_parents"`
	Attempts              Null[int32] `json:"attempts"` // NULL only under RulesV01
	RetryLimit            int32       `json:"retry_limit"`
	BackoffRequestSeconds Null[int32] `json:"backoff_request_seconds"`
	LastAttemptedAt       Timestamp   `json:"last_attempted_at"`
}

// TaskExecutionContext is a row of get_task_execution_context and its batch form.
type TaskExecutionContext struct {
	TaskID               int64   `json:"task_id"`
	NamedTaskID          int32   `json:"named_task_id"`
	Status               string  `json:"status"`
	TotalSteps           int64   `json:"total_steps"`
	PendingSteps         int64   `json:"pending_steps"`
	InProgressSteps      int64   `json:"in_progress_steps"`
	CompletedSteps       int64   `json:"completed_steps"`
	FailedSteps          int64   `json:"failed_steps"`
	ReadySteps           int64   `json:"ready_steps"`
	ExecutionStatus      string  `json:"execution_status"`
	RecommendedAction    string  `json:"recommended_action"`
	CompletionPercentage Decimal `json:"completion_percentage"` // 2 places
	HealthStatus         string  `json:"health_status"`
}

// Values of TaskExecutionContext.ExecutionStatus, in the order in which they
// are tried, each with the action that it recommends.
const (
	HasReadySteps          = "has_ready_steps"          // execute_ready_steps
	Processing             = "processing"               // wait_for_completion
	BlockedByFailures      = "blocked_by_failures"      // handle_failures
	AllComplete            = "all_complete"             // finalize_task
	WaitingForDependencies = "waiting_for_dependencies" // wait_for_dependencies
)

// Values of TaskExecutionContext.RecommendedAction.
const (
	ExecuteReadySteps   = "execute_ready_steps"
	WaitForCompletion   = "wait_for_completion"
	HandleFailures      = "handle_failures"
	FinalizeTask        = "finalize_task"
	WaitForDependencies = "wait_for_dependencies"
)

// Values of TaskExecutionContext.HealthStatus.
const (
	Healthy    = "healthy"
	Recovering = "recovering"
	Blocked    = "blocked"
)

// DependencyLevel is a row of calculate_dependency_levels.
type DependencyLevel struct {
	WorkflowStepID  int64 `json:"workflow_step_id"`
	DependencyLevel int32 `json:"dependency_level"`
}

// SystemHealthCounts is the row of get_system_health_counts_v01. The last two
// are in no log: an answer from an index leaves them NULL until they are asked.
type SystemHealthCounts struct {
	TotalTasks          int64       `json:"total_tasks"`
	PendingTasks        int64       `json:"pending_tasks"`
	InProgressTasks     int64       `json:"in_progress_tasks"`
	CompleteTasks       int64       `json:"complete_tasks"`
	ErrorTasks          int64       `json:"error_tasks"`
	CancelledTasks      int64       `json:"cancelled_tasks"`
	TotalSteps          int64       `json:"total_steps"`
	PendingSteps        int64       `json:"pending_steps"`
	InProgressSteps     int64       `json:"in_progress_steps"`
	CompleteSteps       int64       `json:"complete_steps"`
	ErrorSteps          int64       `json:"error_steps"`
	RetryableErrorSteps int64       `json:"retryable_error_steps"`
	ExhaustedRetrySteps int64       `json:"exhausted_retry_steps"`
	InBackoffSteps      int64       `json:"in_backoff_steps"`
	ActiveConnections   Null[int64] `json:"active_connections"`
	MaxConnections      Null[int64] `json:"max_connections"`
}

// AnalyticsMetrics is the row of get_analytics_metrics_v01.
type AnalyticsMetrics struct {
	ActiveTasksCount     int64     `json:"active_tasks_count"`
	TotalNamespacesCount int64     `json:"total_namespaces_count"`
	UniqueTaskTypesCount int64     `json:"unique_task_types_count"`
	SystemHealthScore    Decimal   `json:"system_health_score"` // 3 places
	TaskThroughput       int64     `json:"task_throughput"`
	CompletionCount      int64     `json:"completion_count"`
	ErrorCount           int64     `json:"error_count"`
	CompletionRate       Decimal   `json:"completion_rate"`   // percent, 2 places
	ErrorRate            Decimal   `json:"error_rate"`        // percent, 2 places
	AvgTaskDuration      Decimal   `json:"avg_task_duration"` // seconds, 3 places
	AvgStepDuration      Decimal   `json:"avg_step_duration"` // seconds, 3 places
	StepThroughput       int64     `json:"step_throughput"`
	AnalysisPeriodStart  Timestamp `json:"analysis_period_start"`
	CalculatedAt         Timestamp `json:"calculated_at"`
}

// SlowestTask is a row of get_slowest_tasks_v01.
type SlowestTask struct {
	TaskID          int64        `json:"task_id"`
	TaskName        string       `json:"task_name"`
	NamespaceName   string       `json:"namespace_name"`
	Version         string       `json:"version"`
	DurationSeconds Decimal      `json:"duration_seconds"` // 3 places
	StepCount       int64        `json:"step_count"`
	CompletedSteps  int64        `json:"completed_steps"`
	ErrorSteps      int64        `json:"error_steps"`
	CreatedAt       Timestamp    `json:"created_at"`
	CompletedAt     Timestamp    `json:"completed_at"`
	Initiator       Null[string] `json:"initiator"`
	SourceSystem    Null[string] `json:"source_system"`
}

// SlowestStep is a row of get_slowest_steps_v01.
type SlowestStep struct {
	WorkflowStepID  int64       `json:"workflow_step_id"`
	TaskID          int64       `json:"task_id"`
	StepName        string      `json:"step_name"`
	TaskName        string      `json:"task_name"`
	NamespaceName   string      `json:"namespace_name"`
	Version         string      `json:"version"`
	DurationSeconds Decimal     `json:"duration_seconds"` // 3 places
	Attempts        Null[int32] `json:"attempts"`
	CreatedAt       Timestamp   `json:"created_at"`
	CompletedAt     Timestamp   `json:"completed_at"`
	Retryable       bool        `json:"retryable"`
	StepStatus      string      `json:"step_status"`
}

// StepDAGRelationship is a row of the view tasker_step_dag_relationships.
type StepDAGRelationship struct {
	WorkflowStepID   int64       `json:"workflow_step_id"`
	TaskID           int64       `json:"task_id"`
	NamedStepID      int32       `json:"named_step_id"`
	ParentStepIDs    []int64     `json:"parent_step_ids"` // ascending, duplicates kept, never nil
	ChildStepIDs     []int64     `json:"child_step_ids"`  // likewise
	ParentCount      int64       `json:"parent_count"`
	ChildCount       int64       `json:"child_count"`
	IsRootStep       bool        `json:"is_root_step"`
	IsLeafStep       bool        `json:"is_leaf_step"`
	MinDepthFromRoot Null[int32] `json:"min_depth_from_root"`
}

// ReadyStep is a step that can run now, as lists over all tasks give it.
type ReadyStep struct {
	WorkflowStepID int64     `json:"workflow_step_id"`
	TaskID         int64     `json:"task_id"`
	Name           string    `json:"name"`
	TaskName       string    `json:"task_name"`
	NamespaceName  string    `json:"namespace_name"`
	Version        string    `json:"version"`
	CurrentState   string    `json:"current_state"` // pending or error
	Attempts       int32     `json:"attempts"`
	ReadySince     Timestamp `json:"ready_since"`
}

// Cycle is a strongly connected set of steps: none of them can ever become
// ready by its parents being done.
type Cycle struct {
	TaskIDs []int64 `json:"task_ids"` // ascending
	StepIDs []int64 `json:"step_ids"` // ascending
}
