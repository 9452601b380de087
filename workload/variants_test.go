package workload

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

var lookedAt = tasker.TimestampOf(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))

// row is the row of a step after its history.
func rowOf(run StepRun) (tasker.WorkflowStep, []tasker.Transition) {
	i := &Instance{Workflow: Chain(1), CreatedAt: lookedAt.Add(-time.Hour), Steps: []StepRun{run}}
	d := NewDataset(0)
	d.Add(&Batch{Tasks: []*Instance{i}})
	return d.WorkflowSteps[0], d.WorkflowStepTransitions
}

func TestStepVariants(t *testing.T) {
	want := map[string]func(r tasker.WorkflowStep, state string) bool{
		"not-retryable": func(r tasker.WorkflowStep, state string) bool {
			return !r.Retryable && r.RetryLimit == tasker.Some[int32](0) && state == ""
		},
		"limit-10": func(r tasker.WorkflowStep, state string) bool {
			return r.Retryable && r.RetryLimit == tasker.Some[int32](10) && r.Attempts == tasker.Some[int32](0)
		},
		"requested-backoff": func(r tasker.WorkflowStep, state string) bool {
			return state == tasker.Error && r.BackoffRequestSeconds == tasker.Some[int32](30) && r.LastAttemptedAt == lookedAt.Add(-time.Minute)
		},
		"exhausted": func(r tasker.WorkflowStep, state string) bool {
			return state == tasker.Error && r.Attempts == tasker.Some[int32](3) && r.RetryLimit == tasker.Some[int32](3)
		},
		"two-of-three-in-error": func(r tasker.WorkflowStep, state string) bool {
			return state == tasker.Error && r.Attempts == tasker.Some[int32](2) && r.RetryLimit == tasker.Some[int32](3)
		},
		"complete-after-retry": func(r tasker.WorkflowStep, state string) bool {
			return state == tasker.Complete && r.Attempts == tasker.Some[int32](2) && r.Processed && r.ProcessedAt == lookedAt
		},
	}
	for _, v := range StepVariants() {
		run := v.Run(lookedAt)
		if err := checkMoves(v.Name, stepMoves, lookedAt.Add(-time.Hour), run.Moves); err != nil {
			t.Error(err)
		}
		row, moves := rowOf(run)
		state := ""
		if len(moves) > 0 {
			state = moves[len(moves)-1].ToState
		}
		if is, ok := want[v.Name]; !ok || !is(row, state) {
			t.Errorf("%s: %+v in %q", v.Name, row, state)
		}
		delete(want, v.Name)
	}
	if len(want) > 0 {
		t.Errorf("no variant for %v", want)
	}
}

func TestSequences(t *testing.T) {
	lengths := map[string]int{}
	for _, name := range Sequences {
		s := Sequence(name, lookedAt)
		lengths[name] = len(s)
		if err := checkMoves(name, stepMoves, 0, s); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"success": 2, "failure": 2, "retry-then-success": 5, "retries-then-failure": 8}, lengths); diff != "" {
		t.Error(diff)
	}
	_, rows := rowOf(StepRun{Moves: Sequence("retry-then-success", lookedAt)})
	var got []string
	for i, r := range rows {
		got = append(got, r.ToState)
		if r.SortKey != int32(i+1)*10 || r.MostRecent != (i == 4) || r.FromState.Valid || string(r.Metadata) != "{}" {
			t.Errorf("%+v", r)
		}
		if i < 4 && r.UpdatedAt != rows[i+1].CreatedAt {
			t.Errorf("the flip of transition %d is dated %v, and what followed it was made at %v", i, r.UpdatedAt, rows[i+1].CreatedAt)
		}
	}
	if !slices.Equal(got, []string{"in_progress", "error", "pending", "in_progress", "complete"}) {
		t.Error(got)
	}
}

// The contract's table: which columns go with a transition. Everything not
// named stays as it was.
func TestColumnsThatGoWithATransition(t *testing.T) {
	before := tasker.WorkflowStep{Attempts: tasker.Some[int32](1), InProcess: true, ProcessedAt: tasker.NoTime,
		LastAttemptedAt: lookedAt.Add(-time.Minute), BackoffRequestSeconds: tasker.Some[int32](30), Results: []byte("{}"),
		CreatedAt: 1, UpdatedAt: 2}
	now := lookedAt
	for _, c := range []struct {
		name   string
		move   Move
		change func(r *tasker.WorkflowStep)
	}{
		{"in_progress", Move{To: tasker.InProgress, At: now}, func(r *tasker.WorkflowStep) {}},
		{"complete", Move{To: tasker.Complete, At: now}, func(r *tasker.WorkflowStep) {
			r.Attempts, r.LastAttemptedAt, r.Processed, r.InProcess, r.ProcessedAt = tasker.Some[int32](2), now, true, false, now
			r.Results, r.UpdatedAt = []byte(doneResults), now
		}},
		{"error", Move{To: tasker.Error, At: now}, func(r *tasker.WorkflowStep) {
			r.Attempts, r.LastAttemptedAt, r.InProcess = tasker.Some[int32](2), now, false
			r.Results, r.UpdatedAt = []byte(errorResults), now
		}},
		{"error that asks for a backoff", Move{To: tasker.Error, At: now, Backoff: tasker.Some[int32](9)}, func(r *tasker.WorkflowStep) {
			r.Attempts, r.LastAttemptedAt, r.InProcess = tasker.Some[int32](2), now, false
			r.Results, r.UpdatedAt, r.BackoffRequestSeconds = []byte(errorResults), now, tasker.Some[int32](9)
		}},
		{"pending, the backoff passed", Move{To: tasker.Pending, At: now}, func(r *tasker.WorkflowStep) {
			r.InProcess, r.BackoffRequestSeconds, r.UpdatedAt = false, tasker.Null[int32]{}, now
		}},
		{"pending, the backoff not passed", Move{To: tasker.Pending, At: now.Add(-31 * time.Second)}, func(r *tasker.WorkflowStep) {
			r.InProcess, r.UpdatedAt = false, now.Add(-31*time.Second)
		}},
		{"resolved_manually", Move{To: tasker.ResolvedManually, At: now}, func(r *tasker.WorkflowStep) {
			r.Processed, r.InProcess, r.ProcessedAt, r.UpdatedAt = true, false, now, now
		}},
		{"cancelled", Move{To: tasker.Cancelled, At: now}, func(r *tasker.WorkflowStep) { r.InProcess, r.UpdatedAt = false, now }},
	} {
		got, want := before, before
		c.move.ApplyToStep(&got)
		c.change(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	unknown := tasker.WorkflowStep{}
	Move{To: tasker.Error, At: now}.ApplyToStep(&unknown)
	if unknown.Attempts != tasker.Some[int32](1) {
		t.Errorf("NULL attempts count as 0: %+v", unknown.Attempts)
	}
	for to, complete := range map[string]bool{tasker.Complete: true, tasker.ResolvedManually: true, tasker.Error: false, tasker.InProgress: false, tasker.Pending: false, tasker.Cancelled: false} {
		row := tasker.Task{UpdatedAt: 1}
		if (Move{To: to, At: now}).ApplyToTask(&row); row.Complete != complete || (row.UpdatedAt == now) != complete {
			t.Errorf("task → %s: %+v", to, row)
		}
	}
	cancelled := tasker.Task{Complete: true, UpdatedAt: 1}
	if (Move{To: tasker.Cancelled, At: now}).ApplyToTask(&cancelled); !cancelled.Complete {
		t.Error("complete → cancelled must leave complete as it is")
	}
}

// Both tables of allowed transitions, all 72 pairs.
func TestMovesAllowed(t *testing.T) {
	states := []string{tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Error, tasker.Cancelled, tasker.ResolvedManually}
	steps := []string{"pending in_progress", "pending error", "pending cancelled", "pending resolved_manually", "in_progress complete",
		"in_progress error", "in_progress cancelled", "error pending", "error resolved_manually"}
	tasks := []string{"pending in_progress", "pending cancelled", "pending error", "in_progress complete", "in_progress error",
		"in_progress cancelled", "in_progress pending", "error pending", "error resolved_manually", "complete cancelled", "resolved_manually cancelled"}
	for _, from := range states {
		for _, to := range states {
			pair := from + " " + to
			if got := StepMoveAllowed(from, to); got != slices.Contains(steps, pair) {
				t.Errorf("step %s: %v", pair, got)
			}
			if got := TaskMoveAllowed(from, to); got != slices.Contains(tasks, pair) {
				t.Errorf("task %s: %v", pair, got)
			}
		}
	}
}
