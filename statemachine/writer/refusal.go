package writer

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
)

// Reason is why a request was refused. As an error it can be asked for:
// errors.Is(err, NotFound).
type Reason string

// The reasons.
const (
	// NotFound: there is no such task or step.
	NotFound Reason = "not_found"
	// NotAllowed: the machine has no such transition from the state that is.
	NotAllowed Reason = "not_allowed"
	// GuardFailed: parents of the step, or steps of the task, are not done.
	GuardFailed Reason = "guard_failed"
	// Unexpected: the state, or the most recent transition, is not the expected one.
	Unexpected Reason = "unexpected"
	// NotOurs: the step belongs to the engine's workers, and was not to be taken.
	NotOurs Reason = "not_ours"
	// KeyReused: another request has made a transition under the same key.
	KeyReused Reason = "key_reused"
	// Contradictory: the history's most recent transition has not its highest
	// sort_key, so that it cannot be said what the state is.
	Contradictory Reason = "contradictory"
	// Vetoed: a check of the caller's has refused it.
	Vetoed Reason = "vetoed"
	// Abandoned: others of its batch were refused, and it was all or nothing.
	Abandoned Reason = "abandoned"
	// Lost: other writers were faster at every attempt, or held the row.
	Lost Reason = "lost"
	// InDoubt: the connection was lost while committing, and it could not be found
	// out whether that was done. Sent again with the same key the request is safe.
	InDoubt Reason = "in_doubt"
)

// Error gives the reason's name.
func (r Reason) Error() string { return string(r) }

// Refusal says why a request was not carried out, and what is instead. Nothing of
// it was written, but where the reason is [InDoubt].
type Refusal struct {
	Reason Reason            `json:"reason"`
	Kind   statemachine.Kind `json:"kind"`
	ID     int64             `json:"id"`
	To     string            `json:"to"`
	// State is what the task or step is in; empty of an unknown one, and where it
	// was not found out (Contradictory, Abandoned, Lost, InDoubt).
	State string `json:"state,omitempty"`
	// TransitionID is its most recent transition, 0 without one; of KeyReused the
	// one that the key has made.
	TransitionID int64 `json:"transition_id,omitempty"`
	// Allowed are the states that State leads to, guards apart; of NotAllowed.
	Allowed []string `json:"allowed,omitempty"`
	// Undone are the first 20 parents or steps that are not done, and More is how
	// many there are besides; of GuardFailed.
	Undone []statemachine.Undone `json:"undone,omitempty"`
	More   int                   `json:"more,omitempty"`
	// Tries is how often it was attempted; of Lost and InDoubt.
	Tries int `json:"tries,omitempty"`

	detail string
	cause  error
}

// Error says it in a sentence.
func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s %d cannot go to %s: %s", r.Kind, r.ID, r.To, r.detail)
	if r.To == "" { // it was only asked about
		text = fmt.Sprintf("%s %d: %s", r.Kind, r.ID, r.detail)
	}
	if r.cause != nil {
		text += ": " + r.cause.Error()
	}
	return text
}

// Unwrap gives the reason, and the error behind it where there is one.
func (r *Refusal) Unwrap() []error {
	if r.cause == nil {
		return []error{r.Reason}
	}
	return []error{r.Reason, r.cause}
}

func refuse(r *Request, reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Kind: r.Kind, ID: r.ID, To: r.To, detail: fmt.Sprintf(format, args...)}
}

// in says what is instead of what was asked for.
func (r *Refusal) in(s *seen) *Refusal {
	r.State = statemachine.Current(s.state)
	r.TransitionID = s.recent
	return r
}

func transitionName(id int64) string {
	if id == 0 {
		return "no transition at all"
	}
	return fmt.Sprintf("transition %d", id)
}

func expected(r *Request, s *seen) *Refusal {
	state := statemachine.Current(s.state)
	switch {
	case r.ExpectFrom != "" && r.ExpectFrom != state:
		return refuse(r, Unexpected, "it was expected to be %s and is %s", r.ExpectFrom, state).in(s)
	case r.ExpectTransition.Valid && r.ExpectTransition.V != s.recent:
		return refuse(r, Unexpected, "its most recent was expected to be %s and is %s, to %s",
			transitionName(r.ExpectTransition.V), transitionName(s.recent), state).in(s)
	}
	return nil
}
