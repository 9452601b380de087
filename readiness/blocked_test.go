package readiness_test

import (
	"maps"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Blocked counts what Reasons says of each step, one by one.
func TestBlockedCountsTheReasonsOfEachStep(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		v := load(t, goldenRows(t), rules, readiness.Position{LSN: 1, Time: goldenNow}).View()
		want := map[tasker.ReasonCode]int64{}
		for _, row := range v.StepDAGRelationships(nil) {
			reasons, ok := v.Reasons(row.WorkflowStepID, goldenNow, 0)
			if !ok {
				t.Fatalf("step %d has a row and no reasons", row.WorkflowStepID)
			}
			if reasons.ReadyForExecution || tasker.Done(reasons.CurrentState) {
				continue
			}
			for _, r := range reasons.Reasons {
				want[r.Code]++
			}
		}
		if got := v.Blocked(goldenNow); len(got) == 0 || !maps.Equal(got, want) {
			t.Errorf("rules %s: %v, the steps one by one say %v", rules, got, want)
		}
	}
}
