package writer

import (
	"encoding/json"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Request asks for one transition. Kind, ID and To are needed; the zero value of
// every other field asks for nothing.
type Request struct {
	Kind statemachine.Kind
	ID   int64 // of the task or step
	To   string

	// ExpectFrom is the state that it has to be in; in another the request is
	// refused with [Unexpected]. Empty: whatever leads to To.
	ExpectFrom string
	// ExpectTransition is the id of its most recent transition, 0 for none at
	// all; with another the request is refused with [Unexpected]. So what was
	// decided by a state that one has seen is done only in that very state. NULL:
	// any.
	ExpectTransition tasker.Null[int64]
	// Take says that the step is to be taken from the engine's workers, which
	// would otherwise be free to take it: without it no step is moved to
	// in_progress ([NotOurs]).
	Take bool

	// Key makes it safe to send the request again: it is answered with the first
	// one's result. It counts for this task or step only, for as long as the
	// transition's row is there. At most [MaxKey] bytes.
	Key string
	// Metadata is a JSON object of the caller's, at most [MaxJSON] bytes, without
	// a member tasker_sidecar. Empty: {}.
	Metadata json.RawMessage
	// By, Reason and RequestID say who wants it, why, and in which request; they
	// are kept in the transition's metadata. At most [MaxText] bytes each.
	By, Reason, RequestID string

	// Results go into the step's column of that name, with a transition to
	// complete (any JSON) or error (an object, to which error and error_class are
	// added where they are missing). At most [MaxJSON] bytes. Empty: of a
	// completed step they stay as they are.
	Results json.RawMessage
	// BackoffSeconds is how long a failed step is to wait before it is ready
	// again, instead of the usual wait; with a step's transition to error only.
	BackoffSeconds tasker.Null[int32]
}

// Bounds of a request, in bytes.
const (
	MaxKey  = 255
	MaxText = 4096
	MaxJSON = 1 << 20
)

// Validate refuses a request that cannot be right in any database, with an
// [Invalid] that names every field concerned.
func (r *Request) Validate() error {
	_, problems := prepare(r, "")
	return invalid(problems)
}
