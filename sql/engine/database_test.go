package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestAFunctionThatFailsIsReportedAsFailing(t *testing.T) {
	pool := open(t, testbed.Options{})
	_, err := pool.Exec(t.Context(), `
		UPDATE tasker_workflow_steps SET attempts = 44, backoff_request_seconds = NULL WHERE workflow_step_id = 1001;
		UPDATE tasker_workflow_step_transitions SET to_state = 'error' WHERE workflow_step_id = 1001 AND most_recent`)
	if err != nil {
		t.Fatal(err)
	}
	err = engine.New(pool, engine.Options{}).In(t.Context(), func(s *engine.Snapshot) error {
		_, err := s.SlowestTasks(t.Context(), tasker.SlowestFilter{Since: tasker.NoTime, Limit: 10})
		wantFailure(t, err, "get_slowest_tasks_v01")
		_, err = s.SlowestSteps(t.Context(), tasker.SlowestFilter{Since: tasker.NoTime, Limit: 10})
		wantFailure(t, err, "get_slowest_steps_v01")
		_, err = s.StepReadiness(t.Context(), 10, nil)
		wantFailure(t, err, "get_step_readiness_status")
		_, err = s.TaskExecutionContext(t.Context(), 10)
		wantFailure(t, err, "get_task_execution_context")

		steps, err := s.StepReadiness(t.Context(), 24, nil)
		if err != nil || len(steps) == 0 {
			t.Errorf("after the failures: %d steps, %v", len(steps), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A completed step with an infinite time has no duration: on servers before 17
// the function fails, from 17 on it answers with an infinite figure.
func TestAFigureThatIsNoneIsAFailure(t *testing.T) {
	pool := open(t, testbed.Options{})
	_, err := pool.Exec(t.Context(), `
		UPDATE tasker_workflow_steps SET created_at = 'infinity'
		WHERE workflow_step_id IN (SELECT workflow_step_id FROM tasker_workflow_step_transitions WHERE most_recent AND to_state = 'complete')`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.New(pool, engine.Options{}).AnalyticsMetrics(t.Context(), 0)
	wantFailure(t, err, "get_analytics_metrics_v01")
}

func wantFailure(t *testing.T, err error, function string) {
	t.Helper()
	if !errors.Is(err, tasker.ErrFunctionFails) || !strings.Contains(err.Error(), function) {
		t.Errorf("error %v, want ErrFunctionFails of %s", err, function)
	}
}

func TestUnknownIDs(t *testing.T) {
	db := engine.New(open(t, testbed.Options{}), engine.Options{})
	if _, err := db.TaskExecutionContext(t.Context(), 7); !errors.Is(err, tasker.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if steps, err := db.StepReadiness(t.Context(), 7, nil); err != nil || len(steps) != 0 {
		t.Errorf("%d steps, %v", len(steps), err)
	}
}

func TestWhichIDsAreAskedFor(t *testing.T) {
	ctx := t.Context()
	db := engine.New(open(t, testbed.Options{}), engine.Options{})
	for _, test := range []struct{ ids, want []int64 }{
		{nil, []int64{1004, 1005, 1008, 1010, 1013, 1016, 1019}},
		{[]int64{}, nil},
		{[]int64{1008, 1004, 1001}, []int64{1004, 1008}}, // 1001 is another task's
	} {
		steps, err := db.StepReadiness(ctx, 24, test.ids)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, s := range steps {
			got = append(got, s.WorkflowStepID)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("steps %v of task 24: %s", test.ids, diff)
		}
	}
	contexts, err := db.TaskExecutionContexts(ctx, []int64{24, 10, 24, 7})
	if err != nil || len(contexts) != 3 || contexts[0].TaskID != 10 || contexts[2].TaskID != 24 {
		t.Errorf("contexts of 24, 10, 24, 7: %v, %v", contexts, err)
	}
	relations, err := db.StepDAGRelationships(ctx, []int64{10})
	if err != nil || len(relations) != 1 || relations[0].WorkflowStepID != 1001 {
		t.Errorf("relations of 10: %v, %v", relations, err)
	}
	relations, err = db.StepDAGRelationships(ctx, []int64{})
	if err != nil || len(relations) != 0 {
		t.Errorf("relations of no task: %v, %v", relations, err)
	}
}

// A cycle that a root reaches: the function never ends by itself.
func TestStatementTimeoutEndsAnEndlessQuestion(t *testing.T) {
	pool := open(t, testbed.Options{})
	_, err := pool.Exec(t.Context(), `
		INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, created_at, updated_at)
			SELECT id, 10, 1, now(), now() FROM unnest(ARRAY[1, 2, 3]) id;
		INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
			SELECT a, b, 'provides', now(), now() FROM (VALUES (1, 2), (2, 3), (3, 2)) e(a, b)`)
	if err != nil {
		t.Fatal(err)
	}
	db := engine.New(pool, engine.Options{StatementTimeout: 50 * time.Millisecond})
	_, err = db.DependencyLevels(t.Context(), 10)
	if !errors.Is(err, engine.ErrTimedOut) || errors.Is(err, tasker.ErrFunctionFails) {
		t.Errorf("error %v, want ErrTimedOut", err)
	}
}

// Whatever the session has been told before, the functions see UTC and the
// engine's schema alone, and the session is afterwards as it was.
func TestTheSessionsOwnSettingsDoNotMatter(t *testing.T) {
	ctx := t.Context()
	pool := open(t, testbed.Options{})
	config := pool.Config().ConnConfig
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if err := testbed.Install(ctx, conn, testbed.Options{Schema: "older", Rules: tasker.RulesV01}); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, `
		SET search_path TO older, public;
		SET TimeZone TO 'Pacific/Auckland';
		CREATE TEMP TABLE tasker_workflow_steps (LIKE public.tasker_workflow_steps);
		UPDATE public.tasker_workflow_steps SET attempts = 1, retry_limit = 3, processed = false, in_process = false, retryable = true,
			last_attempted_at = now() AT TIME ZONE 'UTC', backoff_request_seconds = 3600 WHERE task_id = 10;
		DELETE FROM public.tasker_workflow_step_transitions WHERE workflow_step_id = 1001`)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := engine.New(conn, engine.Options{}).StepReadiness(ctx, 10, nil)
	if err != nil || len(steps) != 1 {
		t.Fatalf("%v, %v", steps, err)
	}
	if steps[0].ReadyForExecution {
		t.Error("ready an hour early: the session's zone was used")
	}
	if !steps[0].RetryEligible {
		t.Error("not eligible: the older function was asked")
	}
	var path, zone string
	if err := conn.QueryRow(ctx, "SELECT current_setting('search_path'), current_setting('TimeZone')").Scan(&path, &zone); err != nil {
		t.Fatal(err)
	}
	if path != "older, public" || zone != "Pacific/Auckland" {
		t.Errorf("the session was left with search_path %q and TimeZone %q", path, zone)
	}
}

func TestASnapshotIsOneStateAndOneInstant(t *testing.T) {
	ctx := t.Context()
	pool := open(t, testbed.Options{})
	err := engine.New(pool, engine.Options{}).In(ctx, func(s *engine.Snapshot) error {
		before, err := s.StepReadiness(ctx, 24, nil)
		if err != nil {
			return err
		}
		now, err := s.Now(ctx)
		if err != nil {
			return err
		}
		if _, err := pool.Exec(ctx, "UPDATE tasker_workflow_steps SET attempts = 17 WHERE task_id = 24"); err != nil {
			return err
		}
		after, err := s.StepReadiness(ctx, 24, nil)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the snapshot moved: %s", diff)
		}
		if metrics, err := s.AnalyticsMetrics(ctx, tasker.NoTime); err != nil || metrics.CalculatedAt != now {
			t.Errorf("now is %v, and %v for the function (%v)", now, metrics.CalculatedAt, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInfiniteTimes(t *testing.T) {
	pool := open(t, testbed.Options{})
	db := engine.New(pool, engine.Options{})
	for text, want := range map[string]tasker.Timestamp{"infinity": tasker.Infinity, "-infinity": tasker.NegativeInfinity} {
		_, err := pool.Exec(t.Context(), "UPDATE tasker_workflow_steps SET last_attempted_at = $1::timestamp WHERE task_id = 10", text)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := db.StepReadiness(t.Context(), 10, nil)
		if err != nil || steps[0].LastAttemptedAt != want {
			t.Errorf("%s was read as %v, %v", text, steps, err)
		}
	}
}

func TestFunctionsThatAreNotThere(t *testing.T) {
	pool := open(t, testbed.Options{})
	_, err := engine.New(pool, engine.Options{Schema: "elsewhere"}).SystemHealthCounts(t.Context())
	if err == nil || errors.Is(err, tasker.ErrFunctionFails) || !strings.Contains(err.Error(), "name the schema") {
		t.Errorf("error %v", err)
	}
}

func TestAPoolAnswersManyAtOnce(t *testing.T) {
	db := engine.New(open(t, testbed.Options{}), engine.Options{})
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for range 20 {
				if c, err := db.TaskExecutionContext(t.Context(), 24); err != nil || c.TotalSteps != 7 {
					return errors.Join(err, errors.New("not the task's 7 steps"))
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
