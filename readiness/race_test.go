package readiness_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestReadersSeeWholeTransactions moves, in each transaction, the one complete
// step of a task to another step, and a step's attempt with it. No reader may
// ever see none or two, in a task or over all tasks, by whatever answer.
func TestReadersSeeWholeTransactions(t *testing.T) {
	const (
		tasks   = 60
		steps   = 7
		commits = 4000
	)
	rows := [...]*tasker.Rows{
		{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "only"}}},
		{Table: tasker.Tasks}, {Table: tasker.WorkflowSteps}, {Table: tasker.WorkflowStepTransitions},
	}
	stepRow := func(id int64, attempts int32) tasker.WorkflowStep {
		return tasker.WorkflowStep{
			WorkflowStepID: id, TaskID: (id-1)/steps + 1, NamedStepID: 1, Retryable: true, Attempts: tasker.Some(attempts),
			LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: base,
		}
	}
	holder := make([]int64, tasks+1)  // each task's complete step
	current := make([]int64, tasks+1) // and its transition
	var all []int64
	for task := int64(1); task <= tasks; task++ {
		all = append(all, task)
		rows[1].Tasks = append(rows[1].Tasks, tasker.Task{TaskID: task, CreatedAt: base})
		holder[task], current[task] = (task-1)*steps+1, task
		for i := range int64(steps) {
			attempts := int32(0)
			if i == 0 {
				attempts = 1
			}
			rows[2].WorkflowSteps = append(rows[2].WorkflowSteps, stepRow(holder[task]+i, attempts))
		}
		rows[3].WorkflowStepTransitions = append(rows[3].WorkflowStepTransitions, tasker.Transition{
			ID: task, ToState: tasker.Complete, MostRecent: true, ParentID: holder[task], CreatedAt: base,
		})
	}
	x := load(t, rows[:], tasker.RulesV02, readiness.Position{LSN: 1, Time: base})

	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			last := tasker.LSN(0)
			for {
				v := x.View()
				if v.LSN() < last {
					t.Errorf("the position went back from %s to %s", last, v.LSN())
				}
				last = v.LSN()
				readWhole(t, v, all, steps)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(3, 3))
	next := int64(tasks)
	apply := func(c tasker.Change) {
		if err := x.Apply(&c); err != nil {
			t.Error(err)
		}
	}
	for i := range commits {
		x.Begin(1, base)
		for range 1 + random.IntN(3) {
			task := 1 + random.Int64N(tasks)
			from := holder[task]
			to := (task-1)*steps + 1 + random.Int64N(steps)
			next++
			// the new step first: for a moment there are two, or none
			apply(tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Update, Key: to, OldKey: to, WorkflowStep: stepRow(to, 1)})
			if from != to {
				apply(tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Update, Key: from, OldKey: from, WorkflowStep: stepRow(from, 0)})
			}
			old := tasker.Transition{ID: current[task], ToState: tasker.Complete, ParentID: from, CreatedAt: base}
			apply(tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Update, Key: old.ID, OldKey: old.ID, WorkflowStepTransition: old})
			apply(tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Insert, Key: next, OldKey: next,
				WorkflowStepTransition: tasker.Transition{ID: next, ToState: tasker.Complete, MostRecent: true, ParentID: to, CreatedAt: base}})
			holder[task], current[task] = to, next
		}
		x.Commit(tasker.LSN(i + 2))
		if random.IntN(3) > 0 {
			x.Publish()
		}
	}
	x.Publish()
	close(stop)
	readers.Wait()
	if got := x.View().LSN(); got != commits+1 {
		t.Errorf("the view is at %s, want %s", got, tasker.LSN(commits+1))
	}
	if err := x.View().Check(); err != nil {
		t.Error(err)
	}
}

func readWhole(t *testing.T, v *readiness.View, all []int64, steps int64) {
	t.Helper()
	for _, task := range all {
		complete, attempts := 0, int32(0)
		for _, r := range v.StepReadiness(task, nil, base) {
			if r.CurrentState == tasker.Complete {
				complete++
			}
			attempts += r.Attempts.V
		}
		if complete != 1 || attempts != 1 {
			t.Errorf("task %d at %s: %d complete steps, %d attempts, want 1 and 1", task, v.LSN(), complete, attempts)
			return
		}
	}
	for _, c := range v.TaskExecutionContexts(all, base) {
		if c.CompletedSteps != 1 || c.TotalSteps != steps || c.ReadySteps != steps-1 {
			t.Errorf("at %s: %+v", v.LSN(), c)
			return
		}
	}
	if h := v.SystemHealthCounts(); h.CompleteSteps != int64(len(all)) || h.TotalSteps != int64(len(all))*steps {
		t.Errorf("at %s: %+v", v.LSN(), h)
	}
	if n := len(v.ReadySteps(base, 1<<30, nil)); n != len(all)*int(steps-1) {
		t.Errorf("at %s: %d steps are ready, want %d", v.LSN(), n, len(all)*int(steps-1))
	}
}
