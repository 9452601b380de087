package statemachine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/tasker-sidecar/tasker-sidecar/statemachine"
)

// The tables once more, in words, as the engine's machines are known to be:
// from, to, guard, event, columns.
const stepTable = `
pending     in_progress       parents  step.execution_requested
pending     error             -        step.failed              attempts+ last_attempted_at=now processed=f in_process=f results=failure backoff_request_seconds=given
pending     cancelled         -        step.cancelled           in_process=f
pending     resolved_manually -        step.resolved_manually   processed=t in_process=f processed_at=now
in_progress complete          -        step.completed           attempts+ last_attempted_at=now processed=t in_process=f processed_at=now results=given
in_progress error             -        step.failed              attempts+ last_attempted_at=now processed=f in_process=f results=failure backoff_request_seconds=given
in_progress cancelled         -        step.cancelled           in_process=f
error       pending           -        step.retry_requested     processed=f in_process=f backoff_request_seconds=cleared
error       resolved_manually -        step.resolved_manually   processed=t in_process=f processed_at=now
none        in_progress       parents  step.execution_requested
none        error             -        step.failed              attempts+ last_attempted_at=now processed=f in_process=f results=failure backoff_request_seconds=given
none        cancelled         -        step.cancelled           in_process=f
none        resolved_manually -        step.resolved_manually   processed=t in_process=f processed_at=now`

const taskTable = `
pending           in_progress       -     task.start_requested
pending           cancelled         -     task.cancelled
pending           error             -     task.failed
in_progress       complete          steps task.completed            complete=t
in_progress       error             -     task.failed
in_progress       cancelled         -     task.cancelled
in_progress       pending           -     task.initialize_requested
error             pending           -     task.retry_requested
error             resolved_manually -     task.resolved_manually    complete=t
complete          cancelled         -     task.cancelled
resolved_manually cancelled         -     task.cancelled
none              in_progress       -     task.start_requested
none              cancelled         -     task.cancelled
none              error             -     task.failed`

var (
	states = []string{"pending", "in_progress", "complete", "error", "cancelled", "resolved_manually"}
	guards = map[Guard]string{NoGuard: "-", ParentsDone: "parents", StepsDone: "steps"}
	sets   = map[Effect]string{Unset: "=f", Set: "=t", Clock: "=now", CountUp: "+", Given: "=given", Failure: "=failure", ClearOnceOver: "=cleared"}
)

// table reads one of the above: its lines by "from to".
func table(text string) map[string]string {
	lines := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		lines[f[0]+" "+f[1]] = strings.Join(f, " ")
	}
	return lines
}

func line(t Transition) string {
	from := t.From
	if from == None {
		from = "none"
	}
	words := []string{from, t.To, guards[t.Guard], t.Event}
	for _, c := range t.Columns {
		words = append(words, c.Name+sets[c.Effect])
	}
	return strings.Join(words, " ")
}

// All 72 pairs of states, and the twelve first transitions.
func TestTables(t *testing.T) {
	pairs, first, allowed := 0, 0, map[Kind]int{}
	for kind, text := range map[Kind]string{Step: stepTable, Task: taskTable} {
		m, want := Of(kind), table(text)
		for _, from := range append([]string{None}, states...) {
			name := from
			if from == None {
				name = "none"
			}
			for _, to := range states {
				if from == None {
					first++
				} else {
					pairs++
				}
				got := ""
				if transition, ok := m.Find(from, to); ok {
					got = line(transition)
					allowed[kind]++
				}
				if got != want[name+" "+to] {
					t.Errorf("%s, %s to %s: %q, want %q", kind, name, to, got, want[name+" "+to])
				}
				event, ok := m.Event(from, to)
				switch w := strings.Fields(want[name+" "+to]); {
				case from == None: // see TestFirst
				case ok != (len(w) > 0) || ok && event != w[3]:
					t.Errorf("%s, %s to %s: event %q, %v", kind, name, to, event, ok)
				}
			}
			var out []string
			for _, transition := range m.From(from) {
				out = append(out, line(transition))
			}
			var wanted []string
			for _, to := range states {
				if l, ok := want[name+" "+to]; ok {
					wanted = append(wanted, l)
				}
			}
			slices.Sort(out)
			slices.Sort(wanted)
			if diff := cmp.Diff(wanted, out); diff != "" {
				t.Errorf("%s, from %s:\n%s", kind, name, diff)
			}
		}
	}
	if pairs != 72 || first != 12 || allowed[Step] != 9+4 || allowed[Task] != 11+3 {
		t.Errorf("%d pairs, %d first, allowed %v", pairs, first, allowed)
	}
}

// A first transition's event goes by its target, and has a name of its own only
// for pending.
func TestFirst(t *testing.T) {
	for kind, want := range map[Kind][]string{
		Step: {"step.initialize_requested", "step.execution_requested", "step.completed", "step.failed", "step.cancelled", "step.resolved_manually"},
		Task: {"task.initialize_requested", "task.start_requested", "task.completed", "task.failed", "task.cancelled", "task.resolved_manually"},
	} {
		for i, to := range states {
			if event, ok := Of(kind).Event(None, to); !ok || event != want[i] {
				t.Errorf("%s, first to %s: %q, %v, want %q", kind, to, event, ok, want[i])
			}
		}
		if event, ok := Of(kind).Event(None, "skipped"); ok {
			t.Errorf("%s: a first transition to an unknown state has the event %q", kind, event)
		}
	}
}

func TestGuarded(t *testing.T) {
	for _, to := range append([]string{None, "skipped"}, states...) {
		if Of(Step).Guarded(to) != (to == "in_progress") || Of(Task).Guarded(to) != (to == "complete") {
			t.Errorf("to %q: of a step %v, of a task %v", to, Of(Step).Guarded(to), Of(Task).Guarded(to))
		}
	}
}

func TestUnknownStates(t *testing.T) {
	for _, kind := range Kinds() {
		for _, s := range append([]string{"skipped", "Pending", "pending ", "\x00"}, states...) {
			if _, ok := Of(kind).Find("skipped", s); ok {
				t.Errorf("%s: something leads from skipped to %q", kind, s)
			}
			if _, ok := Of(kind).Find(s, "skipped"); ok {
				t.Errorf("%s: something leads from %q to skipped", kind, s)
			}
		}
		if Known("skipped") || Known(None) || !Known("resolved_manually") {
			t.Error("what is known")
		}
	}
	if Of(0) != nil || Of(3) != nil || Kind(0).Valid() || Kind(3).Valid() {
		t.Error("there is a machine of nothing")
	}
}

// What callers get they may change.
func TestCopies(t *testing.T) {
	m := Of(Step)
	m.Transitions()[0].To = "changed"
	States()[0] = "changed"
	if m.Transitions()[0].To != "in_progress" || States()[0] != "pending" {
		t.Error("a caller has changed a table")
	}
}

func TestKind(t *testing.T) {
	for _, kind := range Kinds() {
		var back Kind
		text, err := kind.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != kind {
			t.Errorf("%s became %s (%v)", kind, back, err)
		}
	}
	var k Kind
	if err := k.UnmarshalText([]byte("Task")); err == nil || err.Error() != `"Task" is neither task nor step` || k != 0 {
		t.Errorf("%v, %v", k, err)
	}
}

func TestPossible(t *testing.T) {
	undone := Facts{Undone: []Undone{{4, "error"}, {7, "pending"}}, More: 3}
	for _, c := range []struct {
		kind  Kind
		state string
		facts Facts
		want  []string // one of each state: its event, or what forbids it
	}{
		{Step, None, Facts{}, []string{
			"it is pending already", "step.execution_requested",
			"from pending a step goes to in_progress, error, cancelled or resolved_manually",
			"step.failed", "step.cancelled", "step.resolved_manually"}},
		{Step, "pending", undone, []string{
			"it is pending already", "only when every parent is complete or resolved_manually: step 4 is error, step 7 is pending and 3 more",
			"from pending a step goes to in_progress, error, cancelled or resolved_manually",
			"step.failed", "step.cancelled", "step.resolved_manually"}},
		{Step, "complete", Facts{}, []string{
			"complete is final for a step", "complete is final for a step", "it is complete already",
			"complete is final for a step", "complete is final for a step", "complete is final for a step"}},
		{Task, "complete", undone, []string{
			"from complete a task goes to cancelled only", "from complete a task goes to cancelled only", "it is complete already",
			"from complete a task goes to cancelled only", "task.cancelled", "from complete a task goes to cancelled only"}},
		{Task, "in_progress", Facts{More: 2}, []string{
			"task.initialize_requested", "it is in_progress already",
			"only when every step is complete or resolved_manually: 2 steps are not done",
			"task.failed", "task.cancelled", "from in_progress a task goes to pending, complete, error or cancelled"}},
		{Task, "skipped", Facts{}, []string{unknown, unknown, unknown, unknown, unknown, unknown}},
	} {
		var got []string
		for i, p := range Of(c.kind).Possible(c.state, c.facts) {
			if p.To != states[i] || p.Allowed != (p.Forbidden == "") || (len(p.Undone)+p.More > 0) != strings.HasPrefix(p.Forbidden, "only when") {
				t.Errorf("%s in %q: %+v", c.kind, c.state, p)
			}
			if p.Allowed {
				got = append(got, p.Event)
			} else {
				got = append(got, p.Forbidden)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s in %q:\n%s", c.kind, c.state, diff)
		}
	}
}

const unknown = `"skipped" is no state that the engine knows, and nothing leads out of it`

func ExampleMachine_Possible() {
	for _, p := range Of(Step).Possible("error", Facts{}) {
		if p.Allowed {
			fmt.Println(p.To, p.Event)
		}
	}
	// Output:
	// pending step.retry_requested
	// resolved_manually step.resolved_manually
}
