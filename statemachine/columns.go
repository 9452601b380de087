package statemachine

// Column is a column of a task's or step's row that changes with a transition.
type Column struct {
	Name   string
	Effect Effect
}

// Effect says what a column becomes.
type Effect uint8

// The effects.
const (
	// Unset makes it false.
	Unset Effect = iota + 1
	// Set makes it true.
	Set
	// Clock makes it the clock of the transition, in UTC.
	Clock
	// CountUp adds one; NULL counts as 0.
	CountUp
	// Given makes it what came with the transition, if something came; otherwise
	// it stays.
	Given
	// Failure makes it what came with the transition, with error and error_class
	// in it in any case.
	Failure
	// ClearOnceOver makes it NULL, unless the wait that it asks for, counted from
	// last_attempted_at, is not over.
	ClearOnceOver
)

// String says it in words.
func (e Effect) String() string {
	switch e {
	case Unset:
		return "false"
	case Set:
		return "true"
	case Clock:
		return "now"
	case CountUp:
		return "+ 1"
	case Given:
		return "as given, otherwise it stays"
	case Failure:
		return "as given, with error and error_class"
	case ClearOnceOver:
		return "NULL once that wait is over"
	}
	return "unknown"
}

// What goes with a step's transitions.
var (
	completed = []Column{
		{"attempts", CountUp}, {"last_attempted_at", Clock}, {"processed", Set}, {"in_process", Unset},
		{"processed_at", Clock}, {"results", Given},
	}
	failed = []Column{
		{"attempts", CountUp}, {"last_attempted_at", Clock}, {"processed", Unset}, {"in_process", Unset},
		{"results", Failure}, {"backoff_request_seconds", Given},
	}
	retried   = []Column{{"processed", Unset}, {"in_process", Unset}, {"backoff_request_seconds", ClearOnceOver}}
	resolved  = []Column{{"processed", Set}, {"in_process", Unset}, {"processed_at", Clock}}
	cancelled = []Column{{"in_process", Unset}}
)

// finished goes with a task's transitions to the states that mean done.
var finished = []Column{{"complete", Set}}
