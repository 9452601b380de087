package player_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// clock moves only when somebody sleeps, and by a millisecond at each look, so
// that no two things happen at the same time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
	}
	return ctx.Err()
}

func mix(w *workload.Workflow) []workload.Share[workload.Source] {
	return []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(w)}}
}

// play runs a player to its end.
func play(t *testing.T, pool *pgxpool.Pool, opts player.Options) player.Counters {
	t.Helper()
	p, err := player.New(pool, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("the player did not come to an end: %+v", p.Counters())
	}
	return p.Counters()
}

// states is what each step went through, by name, and the task under "".
func states(t *testing.T, pool *pgxpool.Pool) map[string]string {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT n.name, string_agg(x.to_state || CASE WHEN x.most_recent THEN '*' ELSE '' END, ' ' ORDER BY x.sort_key)
		FROM tasker_workflow_steps s JOIN tasker_named_steps n USING (named_step_id)
		LEFT JOIN tasker_workflow_step_transitions x USING (workflow_step_id) GROUP BY s.workflow_step_id, n.name
		UNION ALL SELECT '', string_agg(to_state || CASE WHEN most_recent THEN '*' ELSE '' END, ' ' ORDER BY task_id, sort_key) FROM tasker_task_transitions`)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for rows.Next() {
		var name string
		var s *string
		if err := rows.Scan(&name, &s); err != nil {
			t.Fatal(err)
		}
		if got[name] = ""; s != nil {
			got[name] = *s
		}
	}
	return got
}

func TestCreationWritesNoTransition(t *testing.T) {
	for _, split := range []float64{0, 1} {
		pool := workloadtest.Database(t)
		ctx, cancel := context.WithCancel(t.Context())
		var kinds []player.Kind
		last := player.TaskCreated
		if split == 1 {
			last = player.EdgesAdded
		}
		p, err := player.New(pool, player.Options{Workers: 1, Tasks: 1, SplitRate: split, Mix: mix(workload.Diamond()), Clock: newClock(),
			OnCommit: func(c player.Commit) {
				if kinds = append(kinds, c.Kind); c.Kind == last {
					cancel()
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(ctx); err != nil {
			t.Fatal(err)
		}
		want := []player.Kind{player.TaskCreated}
		if split == 1 {
			want = []player.Kind{player.TaskCreated, player.StepsAdded, player.EdgesAdded}
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Error(diff)
		}
		rows := workloadtest.Rows(t, pool)
		if len(rows.Tasks) != 1 || len(rows.WorkflowSteps) != 7 || len(rows.WorkflowStepEdges) != 7 ||
			len(rows.TaskTransitions)+len(rows.WorkflowStepTransitions) != 0 {
			t.Errorf("%d tasks, %d steps, %d edges, %d transitions", len(rows.Tasks), len(rows.WorkflowSteps),
				len(rows.WorkflowStepEdges), len(rows.TaskTransitions)+len(rows.WorkflowStepTransitions))
		}
		for _, s := range rows.WorkflowSteps {
			want := tasker.WorkflowStep{WorkflowStepID: s.WorkflowStepID, TaskID: rows.Tasks[0].TaskID, NamedStepID: s.NamedStepID,
				Retryable: true, RetryLimit: tasker.Some[int32](3), Attempts: tasker.Some[int32](0),
				ProcessedAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime, Inputs: []byte(`{"request": "player"}`), Results: []byte(`{}`),
				CreatedAt: s.CreatedAt, UpdatedAt: s.CreatedAt}
			if diff := cmp.Diff(want, s); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestSuccess(t *testing.T) {
	pool := workloadtest.Database(t)
	c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(3)), Clock: newClock()})
	want := map[string]string{"": "in_progress complete*", "step_1": "in_progress complete*", "step_2": "in_progress complete*", "step_3": "in_progress complete*"}
	if diff := cmp.Diff(want, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if want := (player.Counters{Commits: 9, Tasks: 1, TasksCompleted: 1, Steps: 3, StepsTaken: 3, StepsCompleted: 3, Late: c.Late}); c != want {
		t.Errorf("%+v", c)
	}
	rows := workloadtest.Rows(t, pool)
	checkColumns(t, rows)
	if !rows.Tasks[0].Complete || rows.Tasks[0].UpdatedAt != rows.TaskTransitions[1].CreatedAt {
		t.Errorf("%+v", rows.Tasks[0])
	}
	// literally, once: the first step and its transitions
	taken, done := rows.WorkflowStepTransitions[0], rows.WorkflowStepTransitions[1]
	s := rows.WorkflowSteps[0]
	s.Inputs, s.Results = nil, nil
	if diff := cmp.Diff(tasker.WorkflowStep{WorkflowStepID: 1, TaskID: 1, NamedStepID: s.NamedStepID, Retryable: true, RetryLimit: tasker.Some[int32](3),
		Processed: true, ProcessedAt: done.CreatedAt, Attempts: tasker.Some[int32](1), LastAttemptedAt: done.CreatedAt,
		CreatedAt: rows.Tasks[0].CreatedAt, UpdatedAt: done.CreatedAt}, s); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]tasker.Transition{
		{ID: 1, ToState: "in_progress", Metadata: []byte("{}"), SortKey: 10, ParentID: 1, CreatedAt: taken.CreatedAt, UpdatedAt: done.CreatedAt},
		{ID: 2, ToState: "complete", Metadata: []byte("{}"), SortKey: 20, MostRecent: true, ParentID: 1, CreatedAt: done.CreatedAt, UpdatedAt: done.CreatedAt},
	}, rows.WorkflowStepTransitions[:2]); diff != "" {
		t.Error(diff)
	}
}

// Without an operator a step that failed stays in error for ever, and its task
// in progress.
func TestFailureIsNeverRetried(t *testing.T) {
	pool := workloadtest.Database(t)
	c := play(t, pool, player.Options{Workers: 2, Tasks: 1, Mix: mix(workload.Linear()), Clock: newClock()})
	want := map[string]string{"": "in_progress*", "initialize_data": "in_progress complete*", "validate_input": "in_progress complete*",
		"process_data": "in_progress error*", "transform_results": "", "validate_output": "", "finalize_workflow": ""}
	if diff := cmp.Diff(want, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.Hanging != 1 || c.TasksCompleted+c.TasksFailed != 0 || c.StepsFailed != 1 {
		t.Errorf("%+v", c)
	}
	checkColumns(t, workloadtest.Rows(t, pool))
}

func TestRequestedBackoff(t *testing.T) {
	pool := workloadtest.Database(t)
	play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(1)), FailureRate: 1, BackoffRate: 1, BackoffSeconds: 77, Clock: newClock()})
	rows := workloadtest.Rows(t, pool)
	if rows.WorkflowSteps[0].BackoffRequestSeconds != tasker.Some[int32](77) {
		t.Errorf("%+v", rows.WorkflowSteps[0])
	}
	checkColumns(t, rows)
}

func TestOutOfAttempts(t *testing.T) {
	pool := workloadtest.Database(t)
	c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(1)), FailureRate: 1, Clock: newClock(),
		Operator: player.Operator{Retry: 1}})
	want := map[string]string{"": "in_progress error*", "step_1": "in_progress error pending in_progress error pending in_progress error*"}
	if diff := cmp.Diff(want, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.StepsRetried != 2 || c.StepsFailed != 3 || c.TasksFailed != 1 {
		t.Errorf("%+v", c)
	}
	checkColumns(t, workloadtest.Rows(t, pool))
}

// A step that may not be retried is never called ready, not even for its first
// attempt; its task hangs, and is never in error.
func TestNotRetryableNeverRuns(t *testing.T) {
	pool := workloadtest.Database(t)
	w := workload.Chain(2)
	w.Steps[1].Retryable = false
	c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(w), Clock: newClock()})
	if diff := cmp.Diff(map[string]string{"": "in_progress*", "step_1": "in_progress complete*", "step_2": ""}, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.TasksFailed != 0 || c.Hanging != 1 {
		t.Errorf("%+v", c)
	}
}

func TestDeathLeavesTheStepInProgress(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} { // before the result, and in the middle of its transaction
		pool := workloadtest.Database(t)
		c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(2)), DeathRate: 1, Seed: seed, Clock: newClock()})
		if diff := cmp.Diff(map[string]string{"": "in_progress*", "step_1": "in_progress*", "step_2": ""}, states(t, pool)); diff != "" {
			t.Error(diff)
		}
		if c.Deaths != 1 {
			t.Errorf("%+v", c)
		}
		rows := workloadtest.Rows(t, pool)
		if s := rows.WorkflowSteps[0]; s.Attempts.V != 0 || s.UpdatedAt != s.CreatedAt || s.InProcess {
			t.Errorf("the row of a step that was only taken has changed: %+v", s)
		}
		checkColumns(t, rows)
	}
}

func TestOperatorResolvesAndCancels(t *testing.T) {
	pool := workloadtest.Database(t)
	c := play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(2)), FailureRate: 1, Clock: newClock(),
		Operator: player.Operator{Resolve: 1}})
	want := map[string]string{"": "in_progress complete*", "step_1": "in_progress error resolved_manually*", "step_2": "in_progress error resolved_manually*"}
	if diff := cmp.Diff(want, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.StepsResolved != 2 || c.TasksCompleted != 1 {
		t.Errorf("%+v", c)
	}
	checkColumns(t, workloadtest.Rows(t, pool))

	pool = workloadtest.Database(t)
	c = play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Chain(2)), FailureRate: 1, Clock: newClock(),
		Operator: player.Operator{Cancel: 1}})
	if diff := cmp.Diff(map[string]string{"": "in_progress cancelled*", "step_1": "in_progress error*", "step_2": "cancelled*"}, states(t, pool)); diff != "" {
		t.Error(diff)
	}
	if c.TasksCancelled != 1 || c.StepsCancelled != 1 {
		t.Errorf("%+v", c)
	}
	checkColumns(t, workloadtest.Rows(t, pool))
}

func TestOperatorRetriesAbandonedSteps(t *testing.T) {
	pool := workloadtest.Database(t)
	opts := player.Options{Workers: 1, Tasks: 40, Mix: mix(workload.Chain(1)), DeathRate: 0.3, Seed: 7, Clock: newClock(),
		Operator: player.Operator{Retry: 5, Resolve: 1}}
	c := play(t, pool, opts)
	if c.Deaths == 0 || c.TasksCompleted != 40 {
		t.Errorf("%+v", c)
	}
	checkColumns(t, workloadtest.Rows(t, pool))
}

// Conditional branches: one is run, the steps of the other are resolved by hand.
func TestConditionalBranches(t *testing.T) {
	pool := workloadtest.Database(t)
	play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(workload.Conditional()), Clock: newClock(), Operator: player.Operator{Retry: 1}})
	got, run, resolved := states(t, pool), 0, 0
	for _, s := range []string{"express_reserve", "express_ship", "standard_queue", "standard_ship"} {
		switch got[s] {
		case "in_progress complete*":
			run++
		case "resolved_manually*":
			resolved++
		}
	}
	if run != 2 || resolved != 2 || got[""] != "in_progress complete*" {
		t.Error(got)
	}
	checkColumns(t, workloadtest.Rows(t, pool))
}

// A family needs somebody to wake the parent: nothing in the engine does.
func TestFamily(t *testing.T) {
	for _, operator := range []player.Operator{{}, {Retry: 1}} {
		pool := workloadtest.Database(t)
		family := []workload.Share[workload.Source]{{Percent: 100, Of: workload.AlwaysFamily(workload.DefaultHierarchy())}}
		c := play(t, pool, player.Options{Workers: 2, Tasks: 1, Mix: family, Operator: operator, Clock: newClock()})
		if operator.Retry > 0 && c.TasksCompleted != 4 || operator.Retry == 0 && (c.TasksCompleted > 3 || c.Hanging == 0) {
			t.Errorf("%+v", c)
		}
		checkColumns(t, workloadtest.Rows(t, pool))
	}
}

func TestGrowth(t *testing.T) {
	pool := workloadtest.Database(t)
	c := play(t, pool, player.Options{Workers: 1, Tasks: 5, Mix: mix(workload.Chain(2)), GrowthRate: 0.5, Seed: 3, Clock: newClock()})
	rows := workloadtest.Rows(t, pool)
	grown := len(rows.WorkflowSteps) - 10
	if grown <= 0 || len(rows.WorkflowStepEdges) != 5+grown || int(c.Steps) != 10+grown {
		t.Errorf("%d steps, %d edges, %+v", len(rows.WorkflowSteps), len(rows.WorkflowStepEdges), c)
	}
}

func TestTimeoutIsAFailure(t *testing.T) {
	pool := workloadtest.Database(t)
	w := workload.Chain(1)
	w.Steps[0].Timeout = time.Second
	play(t, pool, player.Options{Workers: 1, Tasks: 1, Mix: mix(w), HandlerTime: time.Hour, Clock: newClock()})
	rows := workloadtest.Rows(t, pool)
	if s := string(rows.WorkflowSteps[0].Results); !strings.Contains(s, "Timeout::Error") {
		t.Error(s)
	}
	x := rows.WorkflowStepTransitions
	if d := x[1].CreatedAt.Sub(x[0].CreatedAt); d < time.Second || d > 2*time.Second {
		t.Errorf("it ran for %v", d)
	}
}

func TestAdopt(t *testing.T) {
	pool := workloadtest.Database(t)
	play(t, pool, player.Options{Workers: 1, Tasks: 3, Mix: mix(workload.Chain(2)), FailureRate: 1, Clock: newClock()})
	p, err := player.New(pool, player.Options{Workers: 1, Tasks: 1, Adopt: true, Mix: mix(workload.Chain(1)),
		Operator: player.Operator{Retry: 1}, Clock: newClock()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := p.Counters(); c.TasksCompleted != 4 || c.Tasks != 1 {
		t.Errorf("%+v", c)
	}
}

func TestRefusedOptions(t *testing.T) {
	config, err := pgxpool.ParseConfig("postgres://localhost/x?pool_max_conns=2")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = player.New(pool, player.Options{Workers: 3, FailureRate: 1.5, DeathRate: -1, Rate: -2, Tasks: -1})
	if err == nil {
		t.Fatal("nonsense was accepted")
	}
	for _, want := range []string{"3 workers", "FailureRate is 1.5", "DeathRate is -1", "Rate is -2", "Tasks is -1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
