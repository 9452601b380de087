package readiness_test

import (
	"slices"
	"time"

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
	compareTurned(t, before, after)
}

// compareTurned has exactly the steps that can run and could not, and the tasks
// that have nothing running or ready any more, by the answers of both views.
func compareTurned(t *rapid.T, before, after published) {
	t.Helper()
	now := pick(t, []tasker.Timestamp{tasker.NegativeInfinity, base, base.Add(time.Hour), tasker.Infinity}, "now")
	var ready, wantReady, idle, wantIdle []int64
	after.view.BecameReady(before.view, now, func(stepID, taskID int64) {
		if facts, ok := after.view.StepFacts(stepID); !ok || facts.TaskID != taskID {
			t.Fatalf("step %d is said to be of task %d: %+v", stepID, taskID, facts)
		}
		ready = append(ready, stepID)
	})
	after.view.BecameIdle(before.view, now, func(taskID int64) { idle = append(idle, taskID) })
	could := func(v *readiness.View, id int64) bool {
		s, ok := v.Step(id, now)
		return ok && s.ReadyForExecution
	}
	busy := func(v *readiness.View, id int64) bool {
		c, ok := v.TaskExecutionContext(id, now)
		return ok && c.ReadySteps+c.InProgressSteps > 0
	}
	for _, id := range stepIDs {
		if could(after.view, id) && !could(before.view, id) {
			wantReady = append(wantReady, id)
		}
	}
	for _, id := range taskIDs {
		if _, ok := after.view.TaskFacts(id); ok && busy(before.view, id) && !busy(after.view, id) {
			wantIdle = append(wantIdle, id)
		}
	}
	for _, list := range [][]int64{ready, wantReady, idle, wantIdle} {
		slices.Sort(list)
	}
	if d := gocmp.Diff([2][]int64{wantReady, wantIdle}, [2][]int64{ready, idle}, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("ready and idle at %s:\n%s", now, d)
	}
	for _, id := range stepIDs {
		state, _, ok := after.view.StepState(id)
		if want, known := recent(after.m.stepTransitions, id); ok != known || ok && state != want.ToState {
			t.Fatalf("step %d is %q, %v, want %q, %v", id, state, ok, want.ToState, known)
		}
		var parents []string
		for _, p := range after.m.parents(id) {
			if name, ok := after.m.namedSteps[int64(after.m.steps[p].NamedStepID)]; ok {
				parents = append(parents, name.Name)
			}
		}
		got := after.view.ParentNames(id)
		slices.Sort(got)
		slices.Sort(parents)
		if !slices.Equal(got, parents) {
			t.Fatalf("the parents of step %d are called %q, want %q", id, got, parents)
		}
	}
	for _, id := range taskIDs {
		state, _, ok := after.view.TaskState(id)
		if want, known := recent(after.m.taskTransitions, id); ok != known || ok && state != want.ToState {
			t.Fatalf("task %d is %q, %v, want %q, %v", id, state, ok, want.ToState, known)
		}
	}
}
