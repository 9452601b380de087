package statemachine

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// None stands for the state before the first transition. What has none of it
// counts as pending.
const None = ""

// States are the six states, in the order of a life that goes well, then the
// ways in which it ends otherwise. The caller may change the slice.
func States() []string {
	return []string{tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Error, tasker.Cancelled, tasker.ResolvedManually}
}

// Known says whether a string is one of the six states. The engine's tables have
// no check on them, so others can be read; none can be written.
func Known(state string) bool { return slices.Contains(States(), state) }

// Current is the state that a most recent transition to the given one means:
// itself, and pending for [None].
func Current(state string) string {
	if state == None {
		return tasker.Pending
	}
	return state
}

// Transition is a transition that a machine allows.
type Transition struct {
	From, To string
	Guard    Guard  // what has to be true besides
	Event    string // the name under which the engine publishes it
	// Columns of the entity's own row that change in the same transaction, and
	// updated_at with them. Empty: the row is not touched.
	Columns []Column
}

// Machine is one of the two. Its tables are never changed.
type Machine struct {
	kind        Kind
	transitions []Transition
	first       map[string]string // events of first transitions, by target
}

// Of gives the machine of a kind; of no kind, nil.
func Of(kind Kind) *Machine {
	switch kind {
	case Task:
		return &tasks
	case Step:
		return &steps
	}
	return nil
}

// Kind is what has the machine's states.
func (m *Machine) Kind() Kind { return m.kind }

// Transitions are all that are allowed, by the state left, in the order of
// [States]. The caller may change the slice, not the columns in it.
func (m *Machine) Transitions() []Transition { return slices.Clone(m.transitions) }

// From are the transitions that lead out of a state, [None] and strings that are
// no state included (out of which none leads).
func (m *Machine) From(state string) []Transition {
	var list []Transition
	for _, t := range m.transitions {
		if t.From == Current(state) {
			list = append(list, m.named(state, t))
		}
	}
	return list
}

// Find gives the transition from one state to another, and false where it is not
// allowed, as it never is to the state that is there already.
func (m *Machine) Find(from, to string) (Transition, bool) {
	for _, t := range m.transitions {
		if t.From == Current(from) && t.To == to {
			return m.named(from, t), true
		}
	}
	return Transition{}, false
}

// Guarded says whether any transition to the state has a guard.
func (m *Machine) Guarded(to string) bool {
	for i := range m.transitions {
		if t := &m.transitions[i]; t.To == to && t.Guard != NoGuard {
			return true
		}
	}
	return false
}

// named is a transition as it is when it leaves the state; the first of all has
// an event of its own.
func (m *Machine) named(from string, t Transition) Transition {
	if from == None {
		t.From, t.Event = None, m.first[t.To]
	}
	return t
}

// Event names the event of a transition that was found in the tables, and false
// where it has none, because the machine does not allow it. A first transition,
// from [None], has one to each of the six states, allowed or not: that to pending,
// which changes nothing, is how some writers begin a history.
func (m *Machine) Event(from, to string) (string, bool) {
	if from == None {
		event, ok := m.first[to]
		return event, ok
	}
	t, ok := m.Find(from, to)
	return t.Event, ok
}
