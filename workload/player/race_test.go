package player_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// Somebody takes the step between the player's look and its insert: the player
// waits at the unique index, loses, counts an attempt and moves the winner's
// step to error.
func TestLostRace(t *testing.T) {
	pool := workloadtest.Database(t)
	ctx := t.Context()
	winner, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer winner.Rollback(context.Background())
	begun := false
	p, err := player.New(pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(1)),
		OnCommit: func(c player.Commit) {
			if c.Kind == player.TaskTransition && !begun { // started; the step comes next
				begun = true
				_, err := winner.Exec(ctx, `INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
					SELECT 'in_progress', 10, true, workflow_step_id, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM tasker_workflow_steps`)
				if err != nil {
					t.Error(err)
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	waitUntilBlocked(t, pool)
	if err := winner.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"": "in_progress*", "step_1": "in_progress error*"}, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	c := p.Counters()
	if c.LostRaces != 1 || c.WinnersOverruled != 1 || c.StepsTaken != 0 || c.StepsFailed != 1 {
		t.Errorf("%+v", c)
	}
	rows := workloadtest.Rows(t, pool)
	failed := rows.WorkflowStepTransitions[len(rows.WorkflowStepTransitions)-1]
	s := rows.WorkflowSteps[0]
	if !strings.Contains(string(s.Results), "RecordNotUnique") {
		t.Errorf("results: %s", s.Results)
	}
	if s.Attempts != tasker.Some[int32](1) || s.LastAttemptedAt != failed.CreatedAt || s.Processed || s.InProcess || s.ProcessedAt != tasker.NoTime {
		t.Errorf("%+v", s)
	}
	checkTransitions(t, rows)
}

// The winner has ended before the loser records its failure: nothing of the
// loser stays.
func TestLostRaceAgainstAFinishedStep(t *testing.T) {
	pool := workloadtest.Database(t)
	ctx := t.Context()
	winner, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer winner.Rollback(context.Background())
	begun := false
	p, err := player.New(pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(1)),
		OnCommit: func(c player.Commit) {
			if c.Kind == player.TaskTransition && !begun {
				begun = true
				_, err := winner.Exec(ctx, `INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
					SELECT to_state, sort_key, to_state = 'complete', workflow_step_id, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
					FROM tasker_workflow_steps, (VALUES ('in_progress', 10), ('complete', 20)) x (to_state, sort_key)`)
				if err != nil {
					t.Error(err)
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	waitUntilBlocked(t, pool)
	if err := winner.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"": "in_progress complete*", "step_1": "in_progress complete*"}, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c := p.Counters(); c.LostRaces != 1 || c.WinnersOverruled != 0 || c.StepsFailed != 0 {
		t.Errorf("%+v", c)
	}
	if s := workloadtest.Rows(t, pool).WorkflowSteps[0]; s.Attempts != tasker.Some[int32](0) || string(s.Results) != "{}" {
		t.Errorf("the loser has left something: %+v", s)
	}
}

// waitUntilBlocked waits until a session of the database waits for a lock.
func waitUntilBlocked(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var n int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits for a lock")
		}
	}
}

// Many workers on the same few tasks, with everything that can go wrong:
// afterwards each parent has one most recent row, with the highest sort key,
// every move is legal, and complete means complete.
func TestHammering(t *testing.T) {
	pool := workloadtest.Database(t)
	family := workload.DefaultHierarchy()
	c := play(t, pool, player.Options{Workers: 8, Tasks: 40, RaceRate: 1, FailureRate: 0.15, BackoffRate: 0.1, BackoffSeconds: 1,
		DeathRate: 0.03, SplitRate: 0.3, Seed: 11,
		Mix: []workload.Share[workload.Source]{{Percent: 50, Of: workload.Always(workload.Fan(6))}, {Percent: 30, Of: workload.Always(workload.Mixed())},
			{Percent: 10, Of: workload.Always(workload.Conditional())}, {Percent: 10, Of: workload.AlwaysFamily(family)}},
		Operator: player.Operator{Retry: 6, Resolve: 2, Cancel: 1, Patience: 20 * time.Millisecond}})
	t.Logf("%+v", c)
	rows := workloadtest.Rows(t, pool)
	checkTransitions(t, rows)
	if c.LostRaces == 0 || c.Deaths == 0 || c.StepsRetried == 0 {
		t.Errorf("it was not hammered: %+v", c)
	}
	steps, tasks := group(rows.WorkflowStepTransitions), group(rows.TaskTransitions)
	undone := map[int64]bool{}
	for _, s := range rows.WorkflowSteps {
		if list := steps[s.WorkflowStepID]; len(list) == 0 || !tasker.Done(list[len(list)-1].ToState) {
			undone[s.TaskID] = true
		}
		done := len(steps[s.WorkflowStepID]) > 0 && tasker.Done(steps[s.WorkflowStepID][len(steps[s.WorkflowStepID])-1].ToState)
		if s.Processed != done {
			t.Errorf("step %d is processed: %v, and went through %v", s.WorkflowStepID, s.Processed, made(steps[s.WorkflowStepID]))
		}
	}
	for _, task := range rows.Tasks {
		list := tasks[task.TaskID]
		// once complete it stays so: a cancellation afterwards leaves the flag
		complete := slices.ContainsFunc(list, func(x tasker.Transition) bool { return tasker.Done(x.ToState) })
		if task.Complete != complete || len(list) > 0 && list[len(list)-1].ToState == tasker.Complete && undone[task.TaskID] {
			t.Errorf("task %d: complete is %v after %v; steps undone: %v", task.TaskID, task.Complete, made(list), undone[task.TaskID])
		}
	}
}
