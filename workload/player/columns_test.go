package player_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// checkColumns compares every column of every task and step with what the
// contract says of the transitions that it made, and checks the transitions
// themselves. It holds where no race was lost.
func checkColumns(t *testing.T, rows workload.Rows) {
	t.Helper()
	checkTransitions(t, rows)
	byStep, byTask := group(rows.WorkflowStepTransitions), group(rows.TaskTransitions)
	for _, all := range []map[int64][]tasker.Transition{byStep, byTask} {
		for id, list := range all {
			for i := range list[1:] {
				if list[i].UpdatedAt != list[i+1].CreatedAt {
					t.Errorf("%d: the flip of transition %d is dated %v, what followed it %v", id, i+1, list[i].UpdatedAt, list[i+1].CreatedAt)
				}
			}
		}
	}
	for _, got := range rows.WorkflowSteps {
		want := tasker.WorkflowStep{WorkflowStepID: got.WorkflowStepID, TaskID: got.TaskID, NamedStepID: got.NamedStepID,
			Retryable: got.Retryable, RetryLimit: got.RetryLimit, Skippable: got.Skippable, Attempts: tasker.Some[int32](0),
			ProcessedAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime, Inputs: got.Inputs, Results: []byte("{}"),
			CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt}
		for _, x := range byStep[got.WorkflowStepID] {
			m := workload.Move{To: x.ToState, At: x.CreatedAt}
			if x.ToState == tasker.Error {
				m.Backoff = got.BackoffRequestSeconds
			}
			m.ApplyToStep(&want)
		}
		var wantKey string
		switch {
		case string(want.Results) == "{}":
		case want.Processed && byStep[got.WorkflowStepID][len(byStep[got.WorkflowStepID])-1].ToState == tasker.Complete:
			wantKey = "status"
		default:
			wantKey = "error_class"
		}
		var results map[string]string
		if err := json.Unmarshal(got.Results, &results); err != nil || wantKey != "" && results[wantKey] == "" {
			t.Errorf("step %d: results %s, expected %q in it (%v)", got.WorkflowStepID, got.Results, wantKey, err)
		}
		want.Results = got.Results
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("step %d after %v:\n%s", got.WorkflowStepID, made(byStep[got.WorkflowStepID]), diff)
		}
	}
	for _, got := range rows.Tasks {
		want := got
		want.Complete, want.UpdatedAt = false, got.CreatedAt
		for _, x := range byTask[got.TaskID] {
			workload.Move{To: x.ToState, At: x.CreatedAt}.ApplyToTask(&want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("task %d after %v:\n%s", got.TaskID, made(byTask[got.TaskID]), diff)
		}
	}
}

// checkTransitions checks the invariants of every history: legal moves, sort
// keys 10, 20 …, only the last one most recent. (Not that times ascend: a writer
// that waits for another has read its clock before.)
func checkTransitions(t *testing.T, rows workload.Rows) {
	t.Helper()
	check := func(what string, all map[int64][]tasker.Transition, allowed func(from, to string) bool) {
		for id, list := range all {
			state := tasker.Pending
			for i, x := range list {
				if !allowed(state, x.ToState) {
					t.Errorf("%s %d: %s → %s in %v", what, id, state, x.ToState, made(list))
				}
				state = x.ToState
				last := i == len(list)-1
				if x.SortKey != int32(i+1)*10 || x.MostRecent != last || x.FromState.Valid || string(x.Metadata) != "{}" {
					t.Errorf("%s %d: transition %d of %d: %+v", what, id, i+1, len(list), x)
				}
				if last && x.UpdatedAt != x.CreatedAt {
					t.Errorf("%s %d: transition %d of %d was made at %v and updated at %v", what, id, i+1, len(list), x.CreatedAt, x.UpdatedAt)
				}
			}
		}
	}
	check("step", group(rows.WorkflowStepTransitions), workload.StepMoveAllowed)
	check("task", group(rows.TaskTransitions), workload.TaskMoveAllowed)
}

// group is the transitions of each parent by sort key; the rows come in the
// order of their ids, in which they were begun.
func group(rows []tasker.Transition) map[int64][]tasker.Transition {
	by := map[int64][]tasker.Transition{}
	for _, r := range rows {
		list := append(by[r.ParentID], r)
		for i := len(list) - 1; i > 0 && list[i].SortKey < list[i-1].SortKey; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
		by[r.ParentID] = list
	}
	return by
}

func made(list []tasker.Transition) []string {
	var s []string
	for _, x := range list {
		s = append(s, x.ToState)
	}
	return s
}
