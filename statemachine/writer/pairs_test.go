package writer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// What the engine's machines allow, in the words of their source: from, and where
// to; what a guard decides is marked.
const allowedMoves = `
step none:              in_progress? error cancelled resolved_manually
step pending:           in_progress? error cancelled resolved_manually
step in_progress:       complete error cancelled
step complete:
step error:             pending resolved_manually
step cancelled:
step resolved_manually:
task none:              in_progress error cancelled
task pending:           in_progress error cancelled
task in_progress:       complete? error cancelled pending
task complete:          cancelled
task error:             pending resolved_manually
task cancelled:
task resolved_manually: cancelled`

// histories lead to each state, as the engine would get there.
var histories = map[string][]string{
	"none": nil, "pending": {"error", "pending"}, "in_progress": {"in_progress"}, "complete": {"in_progress", "complete"},
	"error": {"in_progress", "error"}, "cancelled": {"cancelled"}, "resolved_manually": {"error", "resolved_manually"},
}

var sixStates = []string{"pending", "in_progress", "complete", "error", "cancelled", "resolved_manually"}

type pair struct {
	kind     statemachine.Kind
	from, to string
	allowed  bool
	guarded  bool
}

func pairs(t *testing.T) (list []pair) {
	for _, line := range strings.Split(strings.TrimSpace(allowedMoves), "\n") {
		before, after, _ := strings.Cut(line, ":")
		f := strings.Fields(before)
		kind, err := statemachine.ParseKind(f[0])
		if err != nil {
			t.Fatal(err)
		}
		targets := strings.Fields(after)
		for _, to := range sixStates {
			p := pair{kind: kind, from: f[1], to: to, guarded: slices.Contains(targets, to+"?")}
			p.allowed = p.guarded || slices.Contains(targets, to)
			list = append(list, p)
		}
	}
	if len(list) != 72+12 {
		t.Fatalf("%d pairs", len(list))
	}
	return list
}

// Every pair of states of both machines, and every first transition, with what
// guards ask about done and not done; of a step also with a wait that is over, not
// over, and counted from nothing. All rows of the database are compared, column by
// column, with what they were and what the engine (or, where it has no writer, the
// reference of package workload) makes of them.
func TestEveryPair(t *testing.T) {
	l := newLab(t, Options{})
	cases, performed := 0, 0
	for _, p := range pairs(t) {
		for _, done := range []bool{true, false} {
			for variant := range 3 {
				if p.kind == statemachine.Task && variant > 0 {
					continue
				}
				cases++
				if l.pairCase(t, p, done, variant) {
					performed++
				}
				if t.Failed() {
					t.Fatalf("%s, %s to %s, guard %v, variant %d", p.kind, p.from, p.to, done, variant)
				}
			}
		}
	}
	// Of 13 moves of steps 2 have a guard, of 14 of tasks 1.
	if want := 3*(2*13-2) + 2*14 - 1; cases != 2*(3*42+42) || performed != want {
		t.Errorf("%d cases, %d performed, want %d", cases, performed, want)
	}
}

// pairCase plays one case and says whether the transition was to be performed.
func (l *lab) pairCase(t *testing.T, p pair, done bool, variant int) bool {
	id := l.entity(p, done, variant)
	before := workloadtest.Rows(t, l.pool)
	r := Request{Kind: p.kind, ID: id, To: p.to, Take: p.kind == statemachine.Step && p.to == tasker.InProgress}
	given := p.kind == statemachine.Step && variant == 0
	if given && p.to == tasker.Complete {
		r.Results = json.RawMessage(`[1, "two"]`)
	}
	if given && p.to == tasker.Error {
		r.Results, r.BackoffSeconds = json.RawMessage(`{"error": "own words", "backtrace": ["a", "b"]}`), tasker.Some[int32](7)
	}
	dry, err := l.DryRun(t.Context(), []Request{r})
	if err != nil {
		t.Fatal(err)
	}
	result, err := l.Transition(t.Context(), r)
	if (err == nil) != (dry[0].Err == nil) || err != nil && err.Error() != dry[0].Err.Error() {
		t.Errorf("%v, and the dry run said %v", err, dry[0].Err)
	}
	state := p.from
	if state == "none" {
		state = tasker.Pending
	}
	var refusal *Refusal
	switch {
	case !p.allowed:
		if !errors.As(err, &refusal) || refusal.Reason != NotAllowed || refusal.State != state || refusal.Kind != p.kind || refusal.ID != id || refusal.To != p.to {
			t.Errorf("it is not allowed: %+v, %v", refusal, err)
		}
	case p.guarded && !done:
		if !errors.As(err, &refusal) || refusal.Reason != GuardFailed || len(refusal.Undone) != 1 || refusal.Undone[0].State != tasker.Error {
			t.Errorf("the guard: %+v, %v", refusal, err)
		}
	case err != nil:
		t.Error(err)
	default:
		want := after(t, before, &r, result)
		if diff := cmp.Diff(want, workloadtest.Rows(t, l.pool)); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		dry[0].Result.At, dry[0].Result.TransitionID, dry[0].Result.LSN = result.At, result.TransitionID, result.LSN
		if dry[0].Result != result || result.From != state || result.LSN == 0 {
			t.Errorf("result %+v, of the dry run %+v", result, dry[0].Result)
		}
		return true
	}
	if diff := cmp.Diff(before, workloadtest.Rows(t, l.pool)); diff != "" {
		t.Errorf("a refusal has written:\n%s", diff)
	}
	return false
}

// entity creates a task or step in the state, with a child that is done or not.
func (l *lab) entity(p pair, done bool, variant int) int64 {
	for _, table := range []string{"task_transitions", "workflow_step_transitions", "workflow_step_edges", "workflow_steps", "tasks"} {
		l.exec("DELETE FROM tasker_" + table)
	}
	l.tasks(2, 2) // one is a bystander
	task := one[int64](l, "SELECT max(task_id) FROM tasker_tasks")
	step := one[int64](l, "SELECT max(workflow_step_id) FROM tasker_workflow_steps")
	other := histories["error"]
	if done {
		other = histories["complete"]
	}
	if p.kind == statemachine.Task {
		l.putTask(task, histories[p.from]...)
		l.putStep(step-1, other...)
		l.putStep(step, histories["resolved_manually"]...)
		return task
	}
	l.putStep(step, histories[p.from]...)
	l.putStep(step-1, other...)
	l.edge(step-1, step)
	l.edge(step-1, step) // the engine's tables have such
	attempted := []string{"'2026-01-03'", "'2999-01-03'", "NULL"}[variant]
	attempts := []string{"2", "NULL", "2147483647"}[variant]
	l.exec(fmt.Sprintf(`UPDATE tasker_workflow_steps SET attempts = %s, backoff_request_seconds = 60, last_attempted_at = %s, processed_at = '2026-01-04',
		in_process = true, processed = %v, results = '{"before": true}' WHERE workflow_step_id = $1`, attempts, attempted, variant == 0), step)
	return step
}

// after is what the rows have to be once the request is performed.
func after(t *testing.T, rows workload.Rows, r *Request, result Result) workload.Rows {
	t.Helper()
	rows.Tasks, rows.WorkflowSteps = slices.Clone(rows.Tasks), slices.Clone(rows.WorkflowSteps)
	transitions := &rows.TaskTransitions
	move := workload.Move{To: r.To, At: result.At, Backoff: r.BackoffSeconds}
	if r.Kind == statemachine.Task {
		i := slices.IndexFunc(rows.Tasks, func(x tasker.Task) bool { return x.TaskID == r.ID })
		move.ApplyToTask(&rows.Tasks[i])
	} else {
		transitions = &rows.WorkflowStepTransitions
		i := slices.IndexFunc(rows.WorkflowSteps, func(x tasker.WorkflowStep) bool { return x.WorkflowStepID == r.ID })
		step := &rows.WorkflowSteps[i]
		results, attempts := step.Results, step.Attempts
		move.ApplyToStep(step)
		if attempts.Valid && step.Attempts.V < attempts.V { // counting ends at the last number
			step.Attempts = attempts
		}
		switch {
		case r.To == tasker.Complete && r.Results != nil:
			results = []byte(`[1, "two"]`)
		case r.To == tasker.Error && r.Results != nil:
			results = []byte(`{"error": "own words", "backtrace": ["a", "b"], "error_class": "TaskerSidecar::MovedToError"}`)
		case r.To == tasker.Error:
			results = []byte(`{"error": "moved to error from outside of the engine", "error_class": "TaskerSidecar::MovedToError"}`)
		}
		step.Results = results
	}
	*transitions = slices.Clone(*transitions)
	sortKey := int32(10)
	for i := range *transitions {
		if x := &(*transitions)[i]; x.ParentID == r.ID && x.MostRecent {
			x.MostRecent, x.UpdatedAt = false, result.At
			sortKey = x.SortKey + 10
		}
	}
	*transitions = append(*transitions, tasker.Transition{ID: result.TransitionID, ToState: r.To, Metadata: []byte(`{}`), SortKey: sortKey,
		MostRecent: true, ParentID: r.ID, CreatedAt: result.At, UpdatedAt: result.At})
	if result.SortKey != sortKey {
		t.Errorf("sort key %d, want %d", result.SortKey, sortKey)
	}
	return rows
}
