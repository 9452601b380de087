package writer_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// ticking is a clock that moves when somebody looks, so that no two things happen
// at the same time.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func (c *ticking) Now() time.Time { return c.advance(time.Millisecond) }

func (c *ticking) Sleep(ctx context.Context, d time.Duration) error {
	c.advance(max(d, 0))
	return ctx.Err()
}

func (c *ticking) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// The engine's writer, as package player plays it, with an operator that retries,
// resolves and cancels; and the same transitions once more, written by us, on rows
// as they were created. What either leaves is the same, column by column, but for
// when it was.
func TestRowsAreThoseOfTheEngine(t *testing.T) {
	l := newLab(t, Options{})
	p, err := player.New(l.pool, player.Options{Workers: 1, Tasks: 16, FailureRate: 0.3, Seed: 7, Clock: &ticking{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		Mix:      []workload.Share[workload.Source]{{Percent: 50, Of: workload.Always(workload.Diamond())}, {Percent: 50, Of: workload.Always(workload.Mixed())}},
		Operator: player.Operator{Retry: 4, Resolve: 2, Cancel: 1, Patience: 50 * time.Millisecond}, DeathRate: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	engine := workloadtest.Rows(t, l.pool)
	if c := p.Counters(); c.StepsCompleted == 0 || c.StepsFailed == 0 || c.StepsRetried == 0 || c.StepsResolved == 0 || c.StepsCancelled == 0 || c.TasksCancelled == 0 || c.TasksCompleted == 0 {
		t.Fatalf("not everything was played: %+v", c)
	}

	// As the tasks were created.
	l.exec("DELETE FROM tasker_task_transitions")
	l.exec("DELETE FROM tasker_workflow_step_transitions")
	l.exec("UPDATE tasker_tasks SET complete = false, updated_at = created_at")
	l.exec(`UPDATE tasker_workflow_steps SET attempts = 0, last_attempted_at = NULL, processed = false, in_process = false, processed_at = NULL,
		results = '{}', updated_at = created_at`)
	l.replay(t, engine)
	ours := workloadtest.Rows(t, l.pool)
	if diff := gocmp.Diff(timeless(engine), timeless(ours)); diff != "" {
		t.Errorf("the engine's (-), ours (+):\n%s", diff)
	}
	t.Logf("%d transitions of steps, %d of tasks", len(ours.WorkflowStepTransitions), len(ours.TaskTransitions))
}

// replay writes all transitions in the order in which they were made.
func (l *lab) replay(t *testing.T, rows workload.Rows) {
	t.Helper()
	results := map[int64]json.RawMessage{}
	for _, s := range rows.WorkflowSteps {
		results[s.WorkflowStepID] = s.Results
	}
	type made struct {
		kind statemachine.Kind
		x    tasker.Transition
	}
	var all []made
	for _, x := range rows.TaskTransitions {
		all = append(all, made{statemachine.Task, x})
	}
	for _, x := range rows.WorkflowStepTransitions {
		all = append(all, made{statemachine.Step, x})
	}
	slices.SortStableFunc(all, func(a, b made) int { return cmp.Compare(a.x.CreatedAt, b.x.CreatedAt) })
	for _, m := range all {
		r := Request{Kind: m.kind, ID: m.x.ParentID, To: m.x.ToState}
		if m.kind == statemachine.Step {
			r.Take = r.To == tasker.InProgress
			if r.To == tasker.Complete || r.To == tasker.Error {
				r.Results = results[r.ID]
			}
		}
		if result, err := l.Transition(t.Context(), r); err != nil || result.SortKey != m.x.SortKey {
			t.Fatalf("%+v: %+v, %v", r, result, err)
		}
	}
}

// timeless are rows with each time replaced by what happened then: the creation of
// the row or the transition with a sort key. Ids of transitions, which differ by
// what others write, go as well.
func timeless(rows workload.Rows) map[string]any {
	moments := map[string]map[tasker.Timestamp]string{}
	all := map[string]any{}
	transitions := func(kind string, list []tasker.Transition) {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b tasker.Transition) int {
			return cmp.Or(cmp.Compare(a.ParentID, b.ParentID), cmp.Compare(a.SortKey, b.SortKey))
		})
		for _, x := range list {
			parent := fmt.Sprint(kind, " ", x.ParentID)
			if moments[parent] == nil {
				moments[parent] = map[tasker.Timestamp]string{tasker.NoTime: "never"}
			}
			moments[parent][x.CreatedAt] = fmt.Sprint("transition ", x.SortKey)
		}
		for _, x := range list {
			parent := fmt.Sprint(kind, " ", x.ParentID)
			key := fmt.Sprint(parent, " transition ", x.SortKey)
			all[key] = []any{x.ToState, x.FromState, string(x.Metadata), x.MostRecent, moments[parent][x.CreatedAt], moments[parent][x.UpdatedAt]}
		}
	}
	transitions("step", rows.WorkflowStepTransitions)
	transitions("task", rows.TaskTransitions)
	at := func(parent string, created, x tasker.Timestamp) string {
		switch what, ok := moments[parent][x]; {
		case x == created:
			return "created"
		case x == tasker.NoTime:
			return "never"
		case ok:
			return what
		}
		return x.String()
	}
	for _, s := range rows.WorkflowSteps {
		name := fmt.Sprint("step ", s.WorkflowStepID)
		all[name] = []any{s.TaskID, s.NamedStepID, s.Retryable, s.RetryLimit, s.InProcess, s.Processed, at(name, s.CreatedAt, s.ProcessedAt), s.Attempts,
			at(name, s.CreatedAt, s.LastAttemptedAt), s.BackoffRequestSeconds, string(s.Inputs), string(s.Results), at(name, s.CreatedAt, s.UpdatedAt), s.Skippable}
	}
	for _, x := range rows.Tasks {
		name := fmt.Sprint("task ", x.TaskID)
		all[name] = []any{x.NamedTaskID, x.Complete, x.RequestedAt, x.Initiator, x.SourceSystem, x.Reason, string(x.BypassSteps), string(x.Tags), string(x.Context),
			x.IdentityHash, at(name, x.CreatedAt, x.UpdatedAt)}
	}
	return all
}
