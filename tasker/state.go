package tasker

// The six states of a task and of a workflow step. The engine's schema has no
// check on them, so any other string can occur in a row; it is passed through.
const (
	Pending          = "pending"
	InProgress       = "in_progress"
	Complete         = "complete"
	Error            = "error"
	Cancelled        = "cancelled"
	ResolvedManually = "resolved_manually"
)

// Done says whether a step in this state satisfies the steps that depend on it.
func Done(state string) bool { return state == Complete || state == ResolvedManually }

// Rules is the version of the readiness rules that a database's functions
// follow. The zero value is not valid.
type Rules uint8

const (
	// RulesV01 are those of engines before 1.0.5.
	RulesV01 Rules = 1
	// RulesV02 are those of engine 1.0.5 and later.
	RulesV02 Rules = 2
)

// String gives v01 or v02.
func (r Rules) String() string {
	switch r {
	case RulesV01:
		return "v01"
	case RulesV02:
		return "v02"
	}
	return "unknown"
}

// DefaultRetryLimit is what the functions read a NULL retry_limit as.
const DefaultRetryLimit = 3

// MaxFailureBackoffSeconds bounds the wait after a failure, min(2^attempts, 30).
const MaxFailureBackoffSeconds = 30
