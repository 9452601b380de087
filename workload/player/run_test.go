package player_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// Commit number k is due k/rate after the first, on the injected clock.
func TestRate(t *testing.T) {
	pool := workloadtest.Database(t)
	clock := newClock()
	var due []time.Time
	play(t, pool, player.Options{Workers: 1, Tasks: 10, Rate: 20, Mix: mix(workload.Chain(2)), Clock: clock,
		OnCommit: func(c player.Commit) {
			due = append(due, c.Due)
			if c.Returned.Before(c.Sent) || c.Sent.Before(c.Due) {
				t.Errorf("%+v", c)
			}
		}})
	if len(due) != 70 { // created, started, two steps taken and completed, completed
		t.Fatal(len(due))
	}
	for i, d := range due {
		if want := due[0].Add(time.Duration(i) * 50 * time.Millisecond); !d.Equal(want) {
			t.Fatalf("commit %d was due at %v, want %v", i, d, want)
		}
	}
}

// A load that is held up makes up for it: the moments stay where they were.
func TestRateIsAnOpenLoop(t *testing.T) {
	pool := workloadtest.Database(t)
	clock := newClock()
	n := 0
	var lag time.Duration
	var p *player.Player
	p, err := player.New(pool, player.Options{Workers: 1, Tasks: 10, Rate: 20, Mix: mix(workload.Chain(2)), Clock: clock,
		OnCommit: func(c player.Commit) {
			if n++; n == 5 {
				_ = clock.Sleep(context.Background(), time.Second) // the database stalls
			}
			if n == 6 {
				lag = p.Counters().Late
			}
			if n == 40 && c.Sent.Sub(c.Due) > 100*time.Millisecond {
				t.Errorf("a second's stall is not made up for after 35 commits: %v late", c.Sent.Sub(c.Due))
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lag < 900*time.Millisecond {
		t.Errorf("after a stall of a second the next commit is %v late", lag)
	}
}

// Stopped in the middle, the player leaves whole transactions.
func TestStop(t *testing.T) {
	pool := workloadtest.Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var commits atomic.Int64
	p, err := player.New(pool, player.Options{Workers: 6, Seed: 2, Operator: player.Operator{Retry: 1, Patience: time.Millisecond},
		OnCommit: func(player.Commit) {
			if commits.Add(1) == 300 {
				cancel()
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if c := p.Counters(); c.Commits != commits.Load() || c.Commits < 300 || c.Commits > 320 {
		t.Errorf("%d commits seen, %+v", commits.Load(), c)
	}
	rows := workloadtest.Rows(t, pool)
	checkColumns(t, rows)
	steps := map[int64]int{}
	for _, s := range rows.WorkflowSteps {
		steps[s.TaskID]++
	}
	for _, task := range rows.Tasks {
		if steps[task.TaskID] == 0 {
			t.Errorf("task %d has no steps", task.TaskID)
		}
	}
}

// Connections that are cut are replaced, and the work goes on.
func TestConnectionsCut(t *testing.T) {
	pool := workloadtest.Database(t)
	var commits, cut atomic.Int64
	var cutters sync.WaitGroup
	c := play(t, pool, player.Options{Workers: 4, Tasks: 60, Seed: 2, Operator: player.Operator{Retry: 1, Patience: time.Millisecond},
		OnError: func(error) { cut.Add(1) },
		OnCommit: func(player.Commit) {
			if commits.Add(1)%200 == 100 {
				go func() {
					// It may cut itself off; what counts is that others are.
					_, _ = pool.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
				}()
			}
		}})
	cutters.Wait()
	pool.Reset() // what is idle may be dead
	if c.Reconnects == 0 || cut.Load() != c.Reconnects {
		t.Errorf("%+v, %d errors told", c, cut.Load())
	}
	if c.Tasks < 50 || c.TasksCompleted < 40 {
		t.Errorf("%+v", c)
	}
	checkTransitions(t, workloadtest.Rows(t, pool))
}

// What no reconnecting can help ends the run, and says what it is.
func TestUnplayableWorkflow(t *testing.T) {
	pool := workloadtest.Database(t)
	bad := workload.Chain(2)
	bad.Steps[1].Name = strings.Repeat("x", 129)
	p, err := player.New(pool, player.Options{Mix: mix(bad)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "its name has 129 characters") {
		t.Error(err)
	}

	p, err = player.New(pool, player.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "ALTER TABLE tasker_workflow_step_edges RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "tasker_workflow_step_edges") {
		t.Error(err)
	}
}
