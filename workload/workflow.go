package workload

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// DefaultNamespace, DefaultVersion and DefaultSystem are what the engine takes
// where a workflow names none.
const (
	DefaultNamespace = "default"
	DefaultVersion   = "0.1.0"
	DefaultSystem    = "default_system"
)

// EdgeName is the name that the engine gives every edge.
const EdgeName = "provides"

// Namespaces are the engine's usual ones.
var Namespaces = []string{"default", "payments", "notifications", "integrations", "data_processing", "reporting"}

// Systems are the dependent systems of the engine's examples.
var Systems = []string{"api-system", "database-system", "notification-system"}

// Workflow describes a named task: its steps and the edges between them. It is
// a value without a state of its own; instances share it and never change it.
type Workflow struct {
	Namespace   string
	Name        string
	Version     string
	Description string
	Steps       []Step
}

// Step describes a named step of a workflow.
type Step struct {
	Name        string
	System      string // the dependent system; empty: DefaultSystem
	Description string
	// Parents are the indexes in Workflow.Steps of the steps that this one
	// depends on, one edge each; all are smaller than the step's own.
	Parents    []int
	Retryable  bool
	RetryLimit tasker.Null[int32] // NULL counts as 3 in the engine's functions
	Skippable  bool
	// FailingAttempts is how many attempts fail before one succeeds, when
	// nothing else is said of the step.
	FailingAttempts int
	// Timeout is what the handler is given; zero: none. The engine has no
	// column for it: a player turns what runs over into a failure.
	Timeout time.Duration
	// Branch names the conditional branch that the step belongs to; empty:
	// it runs in any case.
	Branch string
}

// New is a workflow without steps.
func New(namespace, name string) *Workflow {
	return &Workflow{Namespace: namespace, Name: name, Version: DefaultVersion}
}

// Add appends a retryable step with three attempts that depends on the given
// ones, and returns its index. It panics when a parent is not yet there, which
// is a mistake in the program.
func (w *Workflow) Add(name string, parents ...int) int {
	for _, p := range parents {
		if p < 0 || p >= len(w.Steps) {
			panic(fmt.Sprintf("workload: step %q of %q depends on step %d, which is not there yet", name, w.Name, p))
		}
	}
	w.Steps = append(w.Steps, Step{
		Name: name, Parents: parents, Retryable: true,
		RetryLimit: tasker.Some(int32(tasker.DefaultRetryLimit)),
	})
	return len(w.Steps) - 1
}

// Edges is the number of edges.
func (w *Workflow) Edges() int {
	n := 0
	for i := range w.Steps {
		n += len(w.Steps[i].Parents)
	}
	return n
}

// Index finds a step by name, or -1.
func (w *Workflow) Index(name string) int {
	for i := range w.Steps {
		if w.Steps[i].Name == name {
			return i
		}
	}
	return -1
}

// Check says whether the rows of the workflow can be written: names present
// and short enough for their columns, parents before their children.
func (w *Workflow) Check() error {
	for _, f := range []struct {
		what, value string
		most        int
	}{{"name", w.Name, 64}, {"namespace", w.Namespace, 64}, {"version", w.Version, 16}} {
		if err := checkName(f.value, f.most); err != nil {
			return fmt.Errorf("workflow %q: its %s %w", w.Name, f.what, err)
		}
	}
	for i := range w.Steps {
		s := &w.Steps[i]
		if err := checkName(s.Name, 128); err != nil {
			return fmt.Errorf("workflow %q, step %d: its name %w", w.Name, i, err)
		}
		if err := checkName(s.system(), 64); err != nil {
			return fmt.Errorf("workflow %q, step %q: its dependent system %w", w.Name, s.Name, err)
		}
		for _, p := range s.Parents {
			if p < 0 || p >= i {
				return fmt.Errorf("workflow %q, step %q (%d): parent %d does not come before it", w.Name, s.Name, i, p)
			}
		}
	}
	return nil
}

// checkName says what keeps a name out of a column of so many characters.
func checkName(name string, most int) error {
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return errors.New("is missing")
	case n > most:
		return fmt.Errorf("has %d characters, and its column takes %d", n, most)
	case !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("%q is not a text that Postgres takes", name)
	}
	return nil
}

// system is the step's dependent system, defaulted.
func (s *Step) system() string {
	if s.System == "" {
		return DefaultSystem
	}
	return s.System
}

// NamedTaskKey is what makes a named task unique.
type NamedTaskKey struct{ Namespace, Name, Version string }

// NamedStepKey is what makes a named step unique.
type NamedStepKey struct{ System, Name string }

// Key is the workflow's named task.
func (w *Workflow) Key() NamedTaskKey { return NamedTaskKey{w.Namespace, w.Name, w.Version} }

// Key is the step's named step.
func (s *Step) Key() NamedStepKey { return NamedStepKey{s.system(), s.Name} }
