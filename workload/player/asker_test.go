package player_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// eager calls every step of the first task ready, last one first, whatever the
// tables say.
type eager struct{ steps []int64 }

func (e eager) StepReadiness(_ context.Context, taskID int64, _ []int64) (all []tasker.StepReadiness, err error) {
	for _, id := range e.steps {
		all = append(all, tasker.StepReadiness{WorkflowStepID: id, TaskID: taskID, CurrentState: tasker.Pending, ReadyForExecution: true})
	}
	return all, nil
}

func (e eager) TaskExecutionContext(_ context.Context, taskID int64) (tasker.TaskExecutionContext, error) {
	return tasker.TaskExecutionContext{TaskID: taskID, ExecutionStatus: tasker.WaitingForDependencies}, nil
}

// Another source is asked instead of the database's functions. What it gets
// wrong the state machine's guard refuses, and the engine takes that for a
// failure: the step goes from pending to error without having been taken.
func TestAsker(t *testing.T) {
	pool := workloadtest.Database(t)
	w := workload.Merge(1) // fetch_source_1 → merge_sources
	w.Steps[0].FailingAttempts = 1
	c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(w), Asker: eager{[]int64{1, 2}}, Clock: newClock()})
	if diff := cmp.Diff(map[string]string{"": "in_progress*", "fetch_source_1": "in_progress error*", "merge_sources": "error*"}, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.LostRaces != 1 || c.StepsFailed != 2 || c.StepsTaken != 1 || c.Hanging != 1 {
		t.Errorf("%+v", c)
	}
	rows := workloadtest.Rows(t, pool)
	checkColumns(t, rows)
	if s := rows.WorkflowSteps[1]; s.Attempts != tasker.Some[int32](1) || !strings.Contains(string(s.Results), "not all of its parents are done") {
		t.Errorf("%+v %s", s, s.Results)
	}
}
