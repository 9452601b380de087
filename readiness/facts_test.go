package readiness_test

import (
	"slices"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// compareFacts answers from the facts, with nothing but the clock, and compares
// that with the model.
func (p published) compareFacts(same func(string, any, any), now tasker.Timestamp) {
	come := func(at tasker.Timestamp) bool { return at != tasker.NoTime && at <= now }
	for _, id := range taskIDs {
		facts := p.view.AppendStepFacts(nil, id)
		rows := make([]tasker.StepReadiness, 0, len(facts))
		ready := 0
		for _, f := range facts {
			if !f.Name.Valid {
				continue
			}
			rows = append(rows, tasker.StepReadiness{
				WorkflowStepID: f.WorkflowStepID, TaskID: f.TaskID, NamedStepID: f.NamedStepID, Name: f.Name.V, CurrentState: f.CurrentState,
				DependenciesSatisfied: f.DependenciesSatisfied, RetryEligible: come(f.RetryAt), ReadyForExecution: come(f.ReadyAt),
				LastFailureAt: f.LastFailureAt, NextRetryAt: f.NextRetryAt, TotalParents: f.TotalParents, CompletedParents: f.CompletedParents,
				Attempts: f.Attempts, RetryLimit: f.RetryLimit, BackoffRequestSeconds: f.BackoffRequestSeconds, LastAttemptedAt: f.LastAttemptedAt,
			})
			if come(f.ReadyAt) {
				ready++
			}
			same("ready since and at", f.ReadySince == tasker.NoTime, f.ReadyAt == tasker.NoTime)
		}
		same("readiness from facts", rows, p.m.stepReadiness(p.rules, id, nil, now))
		want, wantOK := p.m.context(p.rules, id, now)
		f, ok := p.view.TaskFacts(id)
		same("has facts", ok, wantOK)
		if !ok {
			continue
		}
		passed := f.Ready
		for _, at := range f.ReadyAt {
			if come(at) {
				passed++
			}
		}
		same("ready steps from facts", passed, int64(ready))
		same("ready steps in the context", passed, want.ReadySteps)
		same("instants in order", slices.IsSorted(f.ReadyAt), true)
		same("counts from facts", [6]int64{f.TotalSteps, f.PendingSteps, f.InProgressSteps, f.CompletedSteps, f.FailedSteps, int64(f.NamedTaskID)},
			[6]int64{want.TotalSteps, want.PendingSteps, want.InProgressSteps, want.CompletedSteps, want.FailedSteps, int64(want.NamedTaskID)})
		same("status from facts", f.Status, want.Status)
		named, hasName := p.m.namedTasks[int64(p.m.tasks[id].NamedTaskID)]
		space, hasSpace := p.m.namespaces[named.TaskNamespaceID]
		same("names from facts", [3]tasker.Null[string]{f.Name, f.Version, f.Namespace}, [3]tasker.Null[string]{
			{V: named.Name, Valid: hasName}, {V: named.Version, Valid: hasName}, {V: space.Name, Valid: hasName && hasSpace},
		})
	}
}

// compareChanges has every answer that differs between two views in a task that
// is listed as changed.
func compareChanges(t *rapid.T, before, after published) {
	t.Helper()
	changed, ok := after.view.ChangedTasks(before.view)
	if !ok {
		t.Fatal("views of one index pass for views of two")
	}
	if !slices.IsSorted(changed) || len(slices.Compact(slices.Clone(changed))) != len(changed) {
		t.Fatalf("%v is not ascending", changed)
	}
	for _, id := range taskIDs {
		if slices.Contains(changed, id) {
			continue
		}
		type answers struct {
			Steps  []readiness.StepFacts
			Task   readiness.TaskFacts
			DAG    []tasker.StepDAGRelationship
			Levels []tasker.DependencyLevel
		}
		of := func(v *readiness.View) answers {
			task, _ := v.TaskFacts(id)
			return answers{v.AppendStepFacts(nil, id), task, v.StepDAGRelationships([]int64{id}), v.DependencyLevels(id)}
		}
		if d := gocmp.Diff(of(before.view), of(after.view), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("task %d is not among the changed ones %v:\n%s", id, changed, d)
		}
	}
	if before.view == after.view && len(changed) > 0 {
		t.Fatalf("nothing has changed, and %v is listed", changed)
	}
}
