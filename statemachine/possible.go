package statemachine

import (
	"fmt"
	"strings"
)

// Guard is a condition on other entities under which alone a transition is
// allowed.
type Guard uint8

// The guards.
const (
	NoGuard Guard = iota
	// ParentsDone: every parent of the step is complete or resolved_manually.
	ParentsDone
	// StepsDone: every step of the task is complete or resolved_manually; true
	// of a task without steps.
	StepsDone
)

// String says the condition in words; empty for [NoGuard].
func (g Guard) String() string {
	switch g {
	case ParentsDone:
		return "every parent is complete or resolved_manually"
	case StepsDone:
		return "every step is complete or resolved_manually"
	}
	return ""
}

// Undone is a step that keeps a guard from holding.
type Undone struct {
	WorkflowStepID int64  `json:"workflow_step_id"`
	State          string `json:"state"`
}

// Facts are what guards ask about. The zero value says that all is done.
type Facts struct {
	// Undone are parents of the step, or steps of the task, that are neither
	// complete nor resolved_manually; not necessarily all of them.
	Undone []Undone
	// More is how many there are besides.
	More int
}

// Hold says whether a guard holds.
func (f Facts) Hold(g Guard) bool { return g == NoGuard || len(f.Undone)+f.More == 0 }

// String lists what is undone, such as "step 4 is error, step 7 is pending and 3 more".
func (f Facts) String() string {
	words := make([]string, len(f.Undone))
	for i, u := range f.Undone {
		words[i] = fmt.Sprintf("step %d is %s", u.WorkflowStepID, u.State)
	}
	text := strings.Join(words, ", ")
	switch {
	case f.More > 0 && text != "":
		return fmt.Sprintf("%s and %d more", text, f.More)
	case f.More > 0:
		return fmt.Sprintf("%d steps are not done", f.More)
	}
	return text
}

// Possibility says whether something could go to a state now.
type Possibility struct {
	To      string `json:"to"`
	Allowed bool   `json:"allowed"`
	Event   string `json:"event,omitempty"` // of the transition, where the machine has it
	// Forbidden says in words why not; empty where Allowed.
	Forbidden string `json:"forbidden,omitempty"`
	// Undone and More are those of the facts, where the guard alone forbids it.
	Undone []Undone `json:"undone,omitempty"`
	More   int      `json:"more,omitempty"`
}

// Possible says of each of the six states whether something that is in the given
// one (or [None], or any other string) could go there now, and what forbids the
// rest.
func (m *Machine) Possible(state string, facts Facts) []Possibility {
	var list []Possibility
	for _, to := range States() {
		p := Possibility{To: to}
		t, ok := m.Find(state, to)
		switch {
		case to == Current(state):
			p.Forbidden = fmt.Sprintf("it is %s already", to)
		case !ok:
			p.Forbidden = m.Leads(state)
		case !facts.Hold(t.Guard):
			p.Event, p.Undone, p.More = t.Event, facts.Undone, facts.More
			p.Forbidden = fmt.Sprintf("only when %s: %s", t.Guard, facts)
		default:
			p.Event, p.Allowed = t.Event, true
		}
		list = append(list, p)
	}
	return list
}

// Leads says in words where a state leads, such as "from error a step goes to
// pending or resolved_manually".
func (m *Machine) Leads(state string) string {
	var to []string
	for _, t := range m.From(state) {
		to = append(to, t.To)
	}
	state = Current(state)
	switch {
	case !Known(state):
		return fmt.Sprintf("%q is no state that the engine knows, and nothing leads out of it", state)
	case len(to) == 0:
		return fmt.Sprintf("%s is final for a %s", state, m.kind)
	case len(to) == 1:
		return fmt.Sprintf("from %s a %s goes to %s only", state, m.kind, to[0])
	}
	last := len(to) - 1
	return fmt.Sprintf("from %s a %s goes to %s or %s", state, m.kind, strings.Join(to[:last], ", "), to[last])
}
