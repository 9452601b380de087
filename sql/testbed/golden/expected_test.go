package golden

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestExpectedReadsEveryKindOfColumn(t *testing.T) {
	steps, err := Expected[tasker.StepReadiness](tasker.RulesV02, "get_step_readiness_status")
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 2582 {
		t.Errorf("%d steps, want 2582", len(steps))
	}
	want := tasker.StepReadiness{
		WorkflowStepID: 1004, TaskID: 24, NamedStepID: 16, Name: "step_16", CurrentState: "complete", DependenciesSatisfied: true,
		LastFailureAt: tasker.NoTime, NextRetryAt: tasker.NoTime, Attempts: tasker.Some[int32](1),
		LastAttemptedAt: mustTime(t, "2090-03-01T12:04:03.766676Z"),
	}
	if diff := cmp.Diff(want, steps[1]); diff != "" {
		t.Error(diff)
	}

	slowest, err := Expected[tasker.SlowestStep](tasker.RulesV02, "get_slowest_steps_v01")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := slowest[0].CreatedAt, mustTime(t, "2020-03-01T12:01:39.82348Z"); got != want {
		t.Errorf("created_at %v, want %v", got, want)
	}
	if got, want := slowest[0].DurationSeconds, (tasker.Decimal{Unscaled: 2208992270486, Scale: 3}); got != want {
		t.Errorf("duration_seconds %v, want %v", got, want)
	}

	levels, err := Expected[DependencyLevel](tasker.RulesV02, "calculate_dependency_levels")
	if err != nil {
		t.Fatal(err)
	}
	if want := (DependencyLevel{TaskID: 24, WorkflowStepID: 1004}); levels[1] != want {
		t.Errorf("%+v, want %+v", levels[1], want)
	}
}

func TestExpectedTakesTheOlderRulesWhereThereAreAny(t *testing.T) {
	v01, err := Expected[tasker.StepReadiness](tasker.RulesV01, "get_step_readiness_status")
	if err != nil {
		t.Fatal(err)
	}
	v02, err := Expected[tasker.StepReadiness](tasker.RulesV02, "get_step_readiness_status")
	if err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(v01, v02) {
		t.Error("the rules do not differ on the golden data")
	}
	levels, err := Expected[DependencyLevel](tasker.RulesV01, "calculate_dependency_levels")
	if err != nil || len(levels) == 0 {
		t.Errorf("%d levels, %v", len(levels), err)
	}
}

func TestExpectedRefusesAColumnWithoutAField(t *testing.T) {
	if _, err := Expected[tasker.DependencyLevel](tasker.RulesV02, "calculate_dependency_levels"); err == nil {
		t.Error("task_id was dropped in silence")
	}
}

func mustTime(t *testing.T, s string) tasker.Timestamp {
	t.Helper()
	ts, err := tasker.ParseTimestamp(s)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}
