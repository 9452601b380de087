package events_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const (
	start = tasker.Timestamp(1_767_225_600_000_000) // 2026-01-01
	sec   = tasker.Timestamp(1e6)
	step  = statemachine.Step
	task  = statemachine.Task
)

// told is a source that tells the same of every task, and of every step.
type told struct {
	before events.State
	task   events.Task
	step   events.Step
}

func (s told) Before(statemachine.Kind, int64) events.State { return s.before }
func (s told) Task(int64) events.Task                       { return s.task }
func (s told) Step(int64) events.Step                       { return s.step }

func lines(t *testing.T, list []events.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range list {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	return b.String()
}

var one = events.Transition{ID: 7, ParentID: 42, At: start + 90*sec}

// TestEachEvent has the events of one transition, or of a transaction without
// any, as a reader gets them.
func TestEachEvent(t *testing.T) {
	named := events.Step{TaskID: tasker.Some(int64(3)), Name: tasker.Some("charge"), Dependencies: []string{"cart", "card"}}
	tried := func(n, limit int32, retryable bool, wait tasker.Timestamp) events.Step {
		s := named
		s.Attempt = &events.Attempt{Number: n, Limit: limit, LastAt: start + 89*sec, ProcessedAt: tasker.NoTime, Retryable: retryable, WaitUntil: wait}
		return s
	}
	done := tried(2, 3, true, tasker.NoTime)
	done.Attempt.ProcessedAt = start + 90*sec
	order := events.Task{Name: tasker.Some("order"), Counts: &events.Counts{Total: 5, Completed: 3, Failed: 1, Pending: 1}}
	running := events.State{Name: tasker.InProgress, Since: start}

	for _, c := range []struct {
		what   string
		kind   statemachine.Kind
		to     string
		source told
		want   string
	}{
		{"step starts", step, tasker.InProgress, told{events.State{}, order, tried(1, 3, true, tasker.NoTime)}, `
{"id":"step-transition-7","name":"step.execution_requested","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"started","started_at":"2026-01-01T00:01:29Z","attempt_number":1,"retry_limit":3,"step_dependencies":["cart","card"]}}
`},
		{"step completes", step, tasker.Complete, told{running, order, done}, `
{"id":"step-transition-7","name":"step.completed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"completed","started_at":"2026-01-01T00:01:29Z","completed_at":"2026-01-01T00:01:30Z","attempt_number":2,"retry_limit":3,"execution_duration":90}}
{"id":"step-transition-7/workflow.step_completed","name":"workflow.step_completed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"completed","started_at":"2026-01-01T00:01:29Z","completed_at":"2026-01-01T00:01:30Z","attempt_number":2,"retry_limit":3,"execution_duration":90}}
`},
		{"step fails and waits", step, tasker.Error, told{running, order, tried(2, 3, true, start+94*sec)}, `
{"id":"step-transition-7","name":"step.failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":2,"retry_limit":3,"execution_duration":90}}
{"id":"step-transition-7/workflow.step_failed","name":"workflow.step_failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":2,"retry_limit":3,"execution_duration":90}}
{"id":"step-transition-7/observability.step.backoff","name":"observability.step.backoff","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":2,"retry_limit":3,"execution_duration":90,"next_retry_at":"2026-01-01T00:01:34Z","backoff_seconds":4}}
`},
		{"step fails for good", step, tasker.Error, told{events.State{}, order, tried(3, 3, true, start+94*sec)}, `
{"id":"step-transition-7","name":"step.failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":3,"retry_limit":3}}
{"id":"step-transition-7/workflow.step_failed","name":"workflow.step_failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":3,"retry_limit":3}}
{"id":"step-transition-7/observability.step.max_retries_reached","name":"observability.step.max_retries_reached","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":3,"retry_limit":3}}
`},
		{"step fails and is not to be retried", step, tasker.Error, told{events.State{}, order, tried(1, 3, false, start+94*sec)}, `
{"id":"step-transition-7","name":"step.failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":1,"retry_limit":3}}
{"id":"step-transition-7/workflow.step_failed","name":"workflow.step_failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"failed","started_at":"2026-01-01T00:01:29Z","attempt_number":1,"retry_limit":3}}
`},
		{"step is retried", step, tasker.Pending, told{events.State{Name: tasker.Error, Since: start}, order, named}, `
{"id":"step-transition-7","name":"step.retry_requested","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":3,"step_id":42,"step_name":"charge","event_type":"retry"}}
`},
		{"step of which nothing is known", step, tasker.Cancelled, told{}, `
{"id":"step-transition-7","name":"step.cancelled","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","step_id":42,"event_type":"cancelled"}}
`},
		{"task starts", task, tasker.InProgress, told{events.State{}, order, named}, `
{"id":"task-transition-7","name":"task.start_requested","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order"}}
{"id":"task-transition-7/workflow.task_started","name":"workflow.task_started","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order"}}
`},
		{"task completes", task, tasker.Complete, told{running, order, named}, `
{"id":"task-transition-7","name":"task.completed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order","started_at":"2026-01-01T00:00:00Z","completed_at":"2026-01-01T00:01:30Z","total_duration":90,"total_execution_duration":90,"total_steps":5,"completed_steps":3,"failed_steps":1,"pending_steps":1}}
{"id":"task-transition-7/workflow.task_completed","name":"workflow.task_completed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order","started_at":"2026-01-01T00:00:00Z","completed_at":"2026-01-01T00:01:30Z","total_duration":90,"total_execution_duration":90,"total_steps":5,"completed_steps":3,"failed_steps":1,"pending_steps":1}}
`},
		{"task fails", task, tasker.Error, told{events.State{Name: tasker.Pending}, order, named}, `
{"id":"task-transition-7","name":"task.failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order","completed_at":"2026-01-01T00:01:30Z","total_steps":5,"completed_steps":3,"failed_steps":1,"pending_steps":1}}
{"id":"task-transition-7/workflow.task_failed","name":"workflow.task_failed","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:30Z","task_id":42,"task_name":"order","completed_at":"2026-01-01T00:01:30Z","total_steps":5,"completed_steps":3,"failed_steps":1,"pending_steps":1}}
`},
	} {
		row := one
		row.Kind, row.To = c.kind, c.to
		got, unnamed := events.Derive(nil, &events.Transaction{LSN: 0x1000, At: start + 91*sec, Transitions: []events.Transition{row}}, c.source)
		if d := cmp.Diff(c.want[1:], lines(t, got)); d != "" || unnamed != 0 {
			t.Errorf("%s (%d unnamed):\n%s", c.what, unnamed, d)
		}
	}

	whole := &events.Transaction{LSN: 0x1000, At: start + 91*sec, Viable: []events.Viable{{TaskID: 3, StepIDs: []int64{8, 9}}}, Idle: []int64{4}}
	got, _ := events.Derive(nil, whole, told{task: order})
	if d := cmp.Diff(`{"id":"task-3@0/1000/workflow.viable_steps_discovered","name":"workflow.viable_steps_discovered","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:31Z","task_id":3,"task_name":"order","step_ids":[8,9],"step_count":2}}
{"id":"task-4@0/1000/workflow.no_viable_steps","name":"workflow.no_viable_steps","lsn":"0/1000","recovered":false,"payload":{"timestamp":"2026-01-01T00:01:31Z","task_id":4,"task_name":"order","total_steps":5,"completed_steps":3,"failed_steps":1,"pending_steps":1}}
`, lines(t, got)); d != "" {
		t.Error(d)
	}
	got = events.DeriveDue(nil, start+sec/2, whole.Viable, told{task: order})
	if d := cmp.Diff(`{"id":"task-3@2026-01-01T00:00:00.5Z/workflow.viable_steps_discovered","name":"workflow.viable_steps_discovered","recovered":false,"payload":{"timestamp":"2026-01-01T00:00:00.5Z","task_id":3,"task_name":"order","step_ids":[8,9],"step_count":2}}
`, lines(t, got)); d != "" {
		t.Error(d)
	}
}

// TestEveryTransitionHasOneEvent: every (from, to) of both machines, the first
// ones and those that no machine allows included.
func TestEveryTransitionHasOneEvent(t *testing.T) {
	verbs := map[string]string{
		tasker.InProgress: "execution_requested", tasker.Complete: "completed", tasker.Error: "failed",
		tasker.Cancelled: "cancelled", tasker.ResolvedManually: "resolved_manually",
	}
	for _, kind := range statemachine.Kinds() {
		for _, from := range append(statemachine.States(), statemachine.None, "skipped") {
			for _, to := range append(statemachine.States(), "skipped") {
				want := fmt.Sprintf("%s.%s", kind, verbs[to])
				switch {
				case to == tasker.Pending && from == tasker.Error:
					want = kind.String() + ".retry_requested"
				case to == tasker.Pending:
					want = kind.String() + ".initialize_requested"
				case to == tasker.InProgress && kind == task:
					want = "task.start_requested"
				}
				row := one
				row.Kind, row.To = kind, to
				got, unnamed := events.Derive(nil, &events.Transaction{Transitions: []events.Transition{row}}, told{before: events.State{Name: from}})
				if to == "skipped" {
					if len(got) != 0 || unnamed != 1 {
						t.Errorf("%s %s to %s: %v, %d unnamed", kind, from, to, got, unnamed)
					}
					continue
				}
				direct := 0
				for i, e := range got {
					if !slices.Contains(events.Names(), e.Name) {
						t.Errorf("%s is not among the names", e.Name)
					}
					if strings.HasPrefix(e.Name, kind.String()+".") {
						direct++
						if i != 0 || e.Name != want || e.ID != fmt.Sprintf("%s-transition-7", kind) {
							t.Errorf("%s %s to %s: event %d is %s %s, want %s", kind, from, to, i, e.ID, e.Name, want)
						}
					}
				}
				if direct != 1 || unnamed != 0 {
					t.Errorf("%s %s to %s: %v", kind, from, to, got)
				}
			}
		}
	}
}

// A transaction that moves a step several times has each event say what the one
// before it left.
func TestSeveralTransitionsOfOne(t *testing.T) {
	row := func(id int64, to string, at tasker.Timestamp) events.Transition {
		return events.Transition{Kind: step, ID: id, ParentID: 42, To: to, At: at}
	}
	tx := &events.Transaction{Transitions: []events.Transition{
		row(1, tasker.Pending, start), row(2, tasker.InProgress, start+sec), row(3, tasker.Error, start+3*sec),
		row(4, tasker.Pending, start+4*sec), {Kind: task, ID: 1, ParentID: 42, To: tasker.Pending, At: start},
	}}
	got, _ := events.Derive(nil, tx, told{before: events.State{Name: tasker.Error, Since: start}})
	var names []string
	ids := map[string]bool{}
	for _, e := range got {
		names = append(names, e.Name)
		if ids[e.ID] {
			t.Errorf("%s twice", e.ID)
		}
		ids[e.ID] = true
		if p, ok := e.Payload.(events.StepPayload); ok && e.Name == "step.failed" && p.ExecutionDuration != tasker.Some(2.0) {
			t.Errorf("took %v", p.ExecutionDuration)
		}
	}
	want := []string{"step.retry_requested", "step.execution_requested", "step.failed", "workflow.step_failed", "step.retry_requested", "task.retry_requested"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"step.failed", "step.failed", true}, {"step.failed", "step.fail", false}, {"step.*", "step.failed", true},
		{"step.*", "observability.step.backoff", false}, {"observability.step.*", "observability.step.backoff", true},
		{"*", "step.failed", false}, {"step*", "step.failed", false}, {"", "", true},
	} {
		if got := events.Match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
}
