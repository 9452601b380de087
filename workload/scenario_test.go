package workload

import (
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// What each scenario leaves behind, on every shape.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.String(), func(t *testing.T) {
			if again, err := ParseScenario(s.String()); err != nil || again != s {
				t.Error(again, err)
			}
			d := dataset(Spec{Tasks: 200, Seed: 3, Now: lookedAt, Mix: everyShape()[1:], Scenarios: []Share[Scenario]{{100, s}}})
			steps := map[int64][]tasker.WorkflowStep{}
			for _, r := range d.WorkflowSteps {
				steps[r.TaskID] = append(steps[r.TaskID], r)
			}
			state, taskState, since := map[int64]string{}, map[int64]string{}, map[int64]tasker.Timestamp{}
			for _, x := range d.WorkflowStepTransitions {
				state[x.ParentID], since[x.ParentID] = x.ToState, x.CreatedAt
			}
			for _, x := range d.TaskTransitions {
				taskState[x.ParentID] = x.ToState
			}
			for _, task := range d.Tasks {
				count := map[string]int{}
				var last tasker.WorkflowStep // the one that the scenario is about
				for _, r := range steps[task.TaskID] {
					count[state[r.WorkflowStepID]]++
					switch state[r.WorkflowStepID] {
					case tasker.Error, tasker.Cancelled, tasker.InProgress:
						last = r
					case tasker.ResolvedManually:
						if last.WorkflowStepID == 0 {
							last = r
						}
					}
				}
				if !leaves(s, task, taskState[task.TaskID], count, last, since[last.WorkflowStepID]) {
					t.Fatalf("task %d (complete: %v, %q): steps in %v, %+v", task.TaskID, task.Complete, taskState[task.TaskID], count, last)
				}
			}
		})
	}
	if _, err := ParseScenario("nonsense"); err == nil {
		t.Error("an unknown scenario was found")
	}
}

func leaves(s Scenario, task tasker.Task, state string, count map[string]int, last tasker.WorkflowStep, since tasker.Timestamp) bool {
	total := 0
	for _, n := range count {
		total += n
	}
	done := count[tasker.Complete] + count[tasker.ResolvedManually]
	limit := last.RetryLimit.Or(3)
	switch s {
	case Fresh:
		return state == "" && !task.Complete && count[""] == total
	case Started:
		return state == tasker.InProgress && !task.Complete && count[tasker.Error] == 0
	case Completed, Flaky:
		return state == tasker.Complete && task.Complete && count[tasker.Complete] == total
	case Exhausted:
		return state == tasker.Error && !task.Complete && count[tasker.Error] == 1 && last.Attempts.V == limit
	case TaskResolved:
		return state == tasker.ResolvedManually && task.Complete && count[tasker.Error] == 1
	case NotRetryable:
		return state == tasker.InProgress && count[tasker.Error] == 1 && !last.Retryable && last.Attempts.V == 1 && last.Attempts.V < limit
	case InFailureBackoff:
		return state == tasker.InProgress && count[tasker.Error] == 1 && last.Attempts.V < limit && last.Attempts.V >= 1 && since == lookedAt.Add(-time.Second) &&
			!last.BackoffRequestSeconds.Valid
	case InRequestedBackoff:
		return state == tasker.InProgress && count[tasker.Error] == 1 && last.BackoffRequestSeconds == tasker.Some[int32](300) &&
			last.LastAttemptedAt == lookedAt.Add(-10*time.Second)
	case StuckInProgress:
		return state == tasker.InProgress && count[tasker.InProgress] == 1 && since == lookedAt.Add(-time.Hour) && last.Attempts.V == 0 && !last.InProcess
	case StepCancelled:
		return state == tasker.InProgress && count[tasker.Cancelled] == 1
	case TaskCancelled:
		return state == tasker.Cancelled && !task.Complete
	case StepResolved:
		return state == tasker.Complete && done == total && count[tasker.ResolvedManually] == 1 && last.Processed && last.Attempts.V == limit
	case BranchCancelled:
		return state == tasker.InProgress && !task.Complete && count[tasker.Cancelled] > 0
	case BranchResolved:
		return state == tasker.Complete && done == total && count[tasker.ResolvedManually] > 0
	}
	return false
}
