package tasker

// ReasonCode names why a step cannot run now. Several can hold at once.
type ReasonCode string

// The reasons. Each is one conjunct of ready_for_execution that does not hold.
const (
	// ReasonInvalidState: the state is neither pending nor error.
	ReasonInvalidState ReasonCode = "invalid_state"
	// ReasonDependenciesNotSatisfied: a parent is neither complete nor resolved_manually.
	ReasonDependenciesNotSatisfied ReasonCode = "dependencies_not_satisfied"
	// ReasonAttemptsExhausted: attempts ≥ retry limit.
	ReasonAttemptsExhausted ReasonCode = "attempts_exhausted"
	// ReasonAttemptsUnknown: attempts is NULL, which the rules v01 read as not ready.
	ReasonAttemptsUnknown ReasonCode = "attempts_unknown"
	// ReasonNotRetryable: retryable is false. The engine asks this of a step's first run, too.
	ReasonNotRetryable ReasonCode = "not_retryable"
	// ReasonInProcess: the column in_process is true.
	ReasonInProcess ReasonCode = "in_process"
	// ReasonProcessed: the column processed is true.
	ReasonProcessed ReasonCode = "processed"
	// ReasonExplicitBackoff: last_attempted_at + backoff_request_seconds lies ahead.
	ReasonExplicitBackoff ReasonCode = "explicit_backoff"
	// ReasonFailureBackoff: the wait after a failure, min(2^attempts, 30) seconds, is not over.
	ReasonFailureBackoff ReasonCode = "failure_backoff"
	// ReasonNoNamedStep: the step's named step is missing, so that the functions give no row for it.
	ReasonNoNamedStep ReasonCode = "no_named_step"
)

// Reason is one reason why a step cannot run now.
type Reason struct {
	Code ReasonCode `json:"code"`
	// Since is when it began to hold, as far as the rows tell; else null.
	Since Timestamp `json:"since"`
	// Until is when it ends by the clock alone; null where only a change ends it.
	Until Timestamp `json:"until"`
	// Detail says it in plain words, with the values concerned.
	Detail string `json:"detail"`
}

// Blocker is a step that is not done and that another one waits for, directly
// (Depth 1) or through others.
type Blocker struct {
	WorkflowStepID int64     `json:"workflow_step_id"`
	TaskID         int64     `json:"task_id"` // 0 where the step itself is missing
	Name           string    `json:"name"`
	CurrentState   string    `json:"current_state"`
	Since          Timestamp `json:"since"` // when it came into that state; null for a step never touched
	Depth          int32     `json:"depth"` // the shortest way, in edges
	// BlockedBy are its own parents that are not done, ascending.
	BlockedBy []int64 `json:"blocked_by"`
	// RootCause: nothing before it has to be waited for, or it lies on a cycle.
	RootCause bool `json:"root_cause"`
	OnCycle   bool `json:"on_cycle"`
	// Reasons are its own, other than its dependencies; of a root cause they
	// say what has to happen. Empty when it is ready or running.
	Reasons []Reason `json:"reasons"`
}

// StepReasons says whether a step is ready and, if not, every reason why.
type StepReasons struct {
	WorkflowStepID    int64     `json:"workflow_step_id"`
	TaskID            int64     `json:"task_id"`
	Name              string    `json:"name"`
	CurrentState      string    `json:"current_state"`
	ReadyForExecution bool      `json:"ready_for_execution"`
	ReadySince        Timestamp `json:"ready_since"` // null unless ready
	Reasons           []Reason  `json:"reasons"`
	// Blockers are all steps that it waits for, nearest first, then by id.
	Blockers []Blocker `json:"blockers"`
	// BlockersOmitted counts those beyond the limit that the caller set.
	BlockersOmitted int `json:"blockers_omitted"`
}
