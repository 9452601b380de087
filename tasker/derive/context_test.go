package derive_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

func TestContextFlags(t *testing.T) {
	for name, c := range map[string]struct {
		context tasker.TaskExecutionContext
		want    derive.ContextFlags
	}{
		"ready steps": {
			tasker.TaskExecutionContext{ExecutionStatus: tasker.HasReadySteps, ReadySteps: 2, HealthStatus: tasker.Recovering},
			derive.ContextFlags{HasWorkToDo: true, CanMakeProgress: true, NeedsImmediateAction: true},
		},
		"processing": {
			tasker.TaskExecutionContext{ExecutionStatus: tasker.Processing, HealthStatus: tasker.Healthy},
			derive.ContextFlags{HasWorkToDo: true, IsHealthy: true, ShouldReenqueue: true},
		},
		"blocked": {
			tasker.TaskExecutionContext{ExecutionStatus: tasker.BlockedByFailures, HealthStatus: tasker.Blocked},
			derive.ContextFlags{IsBlocked: true, NeedsIntervention: true},
		},
		"complete": {
			tasker.TaskExecutionContext{ExecutionStatus: tasker.AllComplete, HealthStatus: tasker.Healthy},
			derive.ContextFlags{IsComplete: true, IsHealthy: true},
		},
		"waiting": {
			tasker.TaskExecutionContext{ExecutionStatus: tasker.WaitingForDependencies, HealthStatus: tasker.Healthy},
			derive.ContextFlags{IsHealthy: true, ShouldReenqueue: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, derive.ContextFlagsOf(&c.context)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWorkflowSummary(t *testing.T) {
	c := tasker.TaskExecutionContext{
		TaskID: 24, TotalSteps: 7, PendingSteps: 2, InProgressSteps: 1, CompletedSteps: 3, FailedSteps: 1, ReadySteps: 2,
		ExecutionStatus: tasker.HasReadySteps, RecommendedAction: tasker.ExecuteReadySteps,
		CompletionPercentage: tasker.Quotient(300, 7, 2), HealthStatus: tasker.Recovering,
	}
	got, err := json.Marshal(derive.WorkflowSummaryOf(&c))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"total_steps":7,"completed":3,"pending":2,"in_progress":1,"failed":1,"ready":2,"completion_percentage":42.86,` +
		`"status":"has_ready_steps","health":"recovering","recommended_action":"execute_ready_steps",` +
		`"progress_details":{"completed_ratio":"3/7","completion_percentage":"42.86%","remaining_steps":4,"failed_steps":1,"ready_steps":2}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNextAction(t *testing.T) {
	type graded struct {
		urgency derive.Urgency
		proceed bool
	}
	for action, want := range map[string]graded{
		tasker.ExecuteReadySteps:   {derive.UrgencyHigh, true},
		tasker.WaitForCompletion:   {derive.UrgencyLow, false},
		tasker.HandleFailures:      {derive.UrgencyCritical, false},
		tasker.FinalizeTask:        {derive.UrgencyMedium, true},
		tasker.WaitForDependencies: {derive.UrgencyLow, false},
		"never heard of":           {derive.UrgencyLow, false},
	} {
		got := derive.NextActionOf(&tasker.TaskExecutionContext{RecommendedAction: action})
		if got.Action != action || got.Description == "" || got.Urgency != want.urgency || got.CanProceed != want.proceed {
			t.Errorf("%s: %+v", action, got)
		}
	}
}

func TestLevels(t *testing.T) {
	var levels []tasker.DependencyLevel
	for _, l := range [][2]int64{{5, 0}, {9, 0}, {6, 1}, {7, 2}, {8, 2}} {
		levels = append(levels, tasker.DependencyLevel{WorkflowStepID: l[0], DependencyLevel: int32(l[1])}) //nolint:gosec // small
	}
	if got := derive.LevelByStep(levels); len(got) != 5 || got[7] != 2 || got[9] != 0 {
		t.Errorf("level by step: %v", got)
	}
	if got := derive.HighestLevel(levels); got != 2 {
		t.Errorf("highest: %d", got)
	}
	if got := derive.StepsAtLevel(levels, 2); !slices.Equal(got, []int64{7, 8}) {
		t.Errorf("at 2: %v", got)
	}
	if got := derive.RootSteps(levels); !slices.Equal(got, []int64{5, 9}) {
		t.Errorf("roots: %v", got)
	}
	if got := derive.StepsAtLevel(levels, 3); got == nil || len(got) != 0 {
		t.Errorf("at 3: %v", got)
	}
	if derive.HighestLevel(nil) != 0 || len(derive.LevelByStep(nil)) != 0 || derive.RootSteps(nil) == nil {
		t.Error("no levels")
	}
}
