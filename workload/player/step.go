package player

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// step is a step's row as its worker has read it: what is written afterwards
// counts from there, not from what the row has become.
type step struct {
	id       int64
	attempts int32
}

// load reads the rows of steps that are to be run.
func (w *worker) load(ctx context.Context, ids []int64) ([]step, error) {
	rows, err := w.conn.Query(ctx, `SELECT workflow_step_id, coalesce(attempts, 0) FROM tasker_workflow_steps
		WHERE workflow_step_id = ANY($1) ORDER BY 1`, ids)
	if err != nil {
		return nil, fmt.Errorf("loading steps: %w", err)
	}
	loaded, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s step, err error) {
		return s, row.Scan(&s.id, &s.attempts)
	})
	if err != nil {
		return nil, fmt.Errorf("loading steps: %w", err)
	}
	return loaded, nil
}

// execute takes a step, runs its handler and records the result. It reports
// false when the step is not pending any more.
func (w *worker) execute(ctx context.Context, t *task, s step) (did bool, err error) {
	state, _, err := steps.state(ctx, w.conn, s.id)
	if err != nil {
		return false, fmt.Errorf("reading the state of step %d: %w", s.id, err)
	}
	if state != tasker.Pending {
		return false, nil
	}
	of := t.step(s.id)
	if of.Branch != "" && of.Branch != t.taken && w.opts.Operator.active() {
		return true, w.overtaken(w.resolve(ctx, t, s.id))
	}
	err = w.transact(ctx, StepTaken, t.id, s.id, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		return steps.transition(ctx, tx, s.id, tasker.InProgress, now)
	})
	if lostRace(err) {
		return true, w.lose(ctx, t, s, err)
	}
	if err != nil {
		return false, err
	}
	w.counts.stepsTaken.Add(1)

	dies, halfway := w.rand.Float64() < w.opts.DeathRate, w.rand.IntN(2) == 0
	if dies && !halfway {
		return true, errDied
	}
	if failure := w.work(ctx, of, s); failure != nil {
		return true, w.overtaken(w.fail(ctx, t, s, failure))
	}
	err = w.transact(ctx, StepCompleted, t.id, s.id, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		_, err := tx.Exec(ctx, `UPDATE tasker_workflow_steps SET attempts = $2, last_attempted_at = $3, processed = true, in_process = false,
			processed_at = $3, results = '{"status": "done"}', updated_at = $3 WHERE workflow_step_id = $1`, s.id, s.attempts+1, now)
		if err != nil {
			return err
		}
		if dies {
			return errDied
		}
		return steps.transition(ctx, tx, s.id, tasker.Complete, now)
	})
	if lostRace(err) {
		return true, w.lose(ctx, t, s, err)
	}
	if err == nil {
		w.counts.stepsCompleted.Add(1)
	}
	return true, err
}

// step is what the workflow says of a step; of an unknown one nothing.
func (t *task) step(id int64) *workload.Step {
	if i, ok := t.steps[id]; ok {
		return &t.workflow.Steps[i]
	}
	return new(workload.Step)
}

// failure is an attempt that failed.
type failure struct {
	class, message string
	backoff        *int32
}

// work runs the handler: it takes time, and fails as the workflow and the
// options say.
func (w *worker) work(ctx context.Context, of *workload.Step, s step) *failure {
	if w.opts.HandlerTime > 0 {
		d := w.opts.HandlerTime/2 + time.Duration(w.rand.Int64N(int64(w.opts.HandlerTime)+1))
		late := of.Timeout > 0 && d > of.Timeout
		if late {
			d = of.Timeout
		}
		if w.opts.Clock.Sleep(ctx, d) != nil {
			return &failure{class: "SignalException", message: "the worker was told to stop"}
		}
		if late {
			return &failure{class: "Timeout::Error", message: "execution expired"}
		}
	}
	if int(s.attempts) >= of.FailingAttempts && !(w.rand.Float64() < w.opts.FailureRate) {
		return nil
	}
	f := &failure{class: "StandardError", message: "the handler failed"}
	if w.rand.Float64() < w.opts.BackoffRate {
		f.backoff = &w.opts.BackoffSeconds
	}
	return f
}

// fail records a failure. Where the state machine refuses, nothing of it stays.
func (w *worker) fail(ctx context.Context, t *task, s step, f *failure) error {
	err := w.transact(ctx, StepFailed, t.id, s.id, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		_, err := tx.Exec(ctx, `UPDATE tasker_workflow_steps SET attempts = $2, last_attempted_at = $3, processed = false, in_process = false,
			results = jsonb_build_object('error', $4::text, 'error_class', $5::text),
			backoff_request_seconds = coalesce($6, backoff_request_seconds), updated_at = $3 WHERE workflow_step_id = $1`,
			s.id, s.attempts+1, now, f.message, f.class, f.backoff)
		if err != nil {
			return err
		}
		return steps.transition(ctx, tx, s.id, tasker.Error, now)
	})
	if err == nil {
		w.counts.stepsFailed.Add(1)
	}
	return err
}

// overtaken counts a lost race of which nothing stays, and passes on any other
// error.
func (w *worker) overtaken(err error) error {
	if lostRace(err) {
		w.counts.lostRaces.Add(1)
		return nil
	}
	return err
}

// lose is what the engine makes of a lost race: a failure like any other,
// which counts an attempt and moves the winner's step to error, unless the
// winner has ended already.
func (w *worker) lose(ctx context.Context, t *task, s step, cause error) error {
	w.counts.lostRaces.Add(1)
	class := "ActiveRecord::RecordNotUnique"
	var refused *refusedError
	if errors.As(cause, &refused) {
		class = "Statesman::TransitionFailedError"
	}
	err := w.fail(ctx, t, s, &failure{class: class, message: cause.Error()})
	switch {
	case err == nil:
		w.counts.winnersOverruled.Add(1)
		return nil
	case lostRace(err):
		return nil
	}
	return err
}
