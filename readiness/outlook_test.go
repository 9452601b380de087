package readiness_test

import (
	"testing"

	. "github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestOutlook: a step is behind what can never run again, also of another task,
// and open where that is not certain.
func TestOutlook(t *testing.T) {
	step := func(id, task int64, attempts int32) tasker.WorkflowStep {
		return tasker.WorkflowStep{WorkflowStepID: id, TaskID: task, NamedStepID: 1, Retryable: true, Attempts: tasker.Some(attempts), RetryLimit: tasker.Some[int32](3),
			LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime}
	}
	edge := func(id, from, to int64) tasker.WorkflowStepEdge {
		return tasker.WorkflowStepEdge{ID: id, FromStepID: from, ToStepID: to}
	}
	l := NewLoad(Options{})
	for _, r := range []*tasker.Rows{
		{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "step"}}},
		{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 1}, {TaskID: 2}, {TaskID: 3}, {TaskID: 4}}},
		{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{
			step(11, 1, 3), step(12, 1, 0), // exhausted, and behind it
			step(21, 2, 0), step(22, 2, 0), // behind another task's, and behind that
			step(31, 3, 0), step(32, 3, 0), step(33, 3, 1), // a cycle, and one that waits for its retry
			step(41, 4, 0), // behind a step that has no row
		}},
		{Table: tasker.WorkflowStepEdges, WorkflowStepEdges: []tasker.WorkflowStepEdge{
			edge(1, 11, 12), edge(2, 12, 21), edge(3, 21, 22), edge(4, 31, 32), edge(5, 32, 31), edge(6, 99, 41),
		}},
		{Table: tasker.WorkflowStepTransitions, WorkflowStepTransitions: []tasker.Transition{
			{ID: 1, ParentID: 11, ToState: tasker.Error, MostRecent: true}, {ID: 7, ParentID: 33, ToState: tasker.Error, MostRecent: true},
		}},
		{Table: tasker.TaskTransitions, TaskTransitions: []tasker.Transition{{ID: 5, ParentID: 3, ToState: tasker.InProgress, MostRecent: true}}},
	} {
		if err := l.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	x, err := l.Finish(Position{LSN: 1, Time: 0})
	if err != nil {
		t.Fatal(err)
	}
	v := x.View()
	for task, want := range map[int64]Outlook{
		1: {Exhausted: 1, Behind: 1}, 2: {Behind: 2}, 3: {Open: 3}, 4: {Open: 1}, 5: {},
	} {
		if got := v.Outlook(task); got != want {
			t.Errorf("task %d: %+v, want %+v", task, got, want)
		}
	}
	for task, want := range map[int64][2]int64{1: {0, 1}, 2: {0, 0}, 3: {5, 7}, 5: {0, 0}} {
		if a, b := v.TaskTransitions(task); [2]int64{a, b} != want {
			t.Errorf("task %d: transitions %d and %d, want %d", task, a, b, want)
		}
	}
	if v.StepTransition(33) != 7 || v.StepTransition(12) != 0 || v.StepTransition(12345) != 0 {
		t.Error("a step's transition")
	}
}
