package readiness

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Numbers of the states that answers ask about; others follow as they occur.
const (
	statePending uint16 = iota
	stateInProgress
	stateComplete
	stateError
	stateCancelled
	stateResolved
	stateSkipped
)

// ErrTooManyStates is returned, wrapped, where the transitions name more than
// 65,536 different states: nothing that the engine writes.
var ErrTooManyStates = errors.New("too many different states")

// texts gives strings numbers and keeps each once. It only grows: states,
// initiators and source systems repeat.
type texts struct {
	byText map[string]uint32
	list   []string
}

// newStates has the states with fixed numbers.
func newStates() texts {
	t := texts{byText: map[string]uint32{}}
	for _, s := range []string{
		tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Error,
		tasker.Cancelled, tasker.ResolvedManually, "skipped",
	} {
		t.number(s)
	}
	return t
}

// newTexts has number 0 reserved for NULL.
func newTexts() texts { return texts{byText: map[string]uint32{}, list: []string{""}} }

func (t *texts) number(s string) uint32 {
	n, ok := t.byText[s]
	if !ok {
		s = strings.Clone(s)
		n = uint32(len(t.list))
		t.list = append(t.list, s)
		t.byText[s] = n
	}
	return n
}

func (t *texts) nullable(s tasker.Null[string]) uint32 {
	if !s.Valid {
		return 0
	}
	return t.number(s.V)
}

func (t *texts) state(s string) (uint16, error) {
	if n, ok := t.byText[s]; ok {
		return uint16(n), nil
	}
	if len(t.list) > math.MaxUint16 {
		return 0, fmt.Errorf("state %q: %w", s, ErrTooManyStates)
	}
	return uint16(t.number(s)), nil
}
