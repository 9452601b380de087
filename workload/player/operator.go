package player

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// found is a step as the operator finds it.
type found struct {
	id        int64
	state     string
	retryable bool // and attempts left
	waits     bool // for a backoff that was asked for
	dead      bool // cancelled, or behind a cancelled step, of another task perhaps
	since     time.Time
}

// mostLooks is how often the operator looks at a task that only waits, while
// nobody else works and nothing is committed, before he forgets it: then nothing
// can come that would let it go on.
const mostLooks = 100

// operate does something about a task left hanging, by the rules for writers
// from outside: lock the row, look, write the transition, then the columns.
func (w *worker) operate(ctx context.Context, t *task) error {
	state, _, err := tasks.state(ctx, w.conn, t.id)
	if err != nil {
		return fmt.Errorf("reading the state of task %d: %w", t.id, err)
	}
	if state != tasker.InProgress && state != tasker.Error && state != tasker.Pending {
		return nil
	}
	all, err := w.find(ctx, t)
	if err != nil {
		return err
	}
	var retry, resolve []found
	stuck := false // the task cannot be completed any more
	waits := false
	for _, s := range all {
		switch {
		case s.state == tasker.Error && s.retryable, s.state == tasker.InProgress && w.opts.Clock.Now().Sub(s.since) >= w.opts.Operator.Patience:
			retry = append(retry, s)
		case s.state == tasker.Error, s.state == tasker.Pending && !s.retryable:
			resolve = append(resolve, s)
		}
		stuck = stuck || s.dead
		waits = waits || s.waits
	}
	o := w.opts.Operator
	weights := [3]int{o.Retry, o.Resolve, o.Cancel}
	if stuck {
		weights[0], weights[1] = 0, 0
	}
	if len(resolve) > 0 { // retrying alone does not help it
		weights[0] = 0
	}
	switch w.choose(weights) {
	case 0:
		err = w.retryAll(ctx, t, state, retry)
	case 1:
		err = w.resolveAll(ctx, t, state, append(retry, resolve...))
	case 2:
		return w.cancel(ctx, t, state, all)
	default:
		return nil // nothing that he may do: forgotten
	}
	if err := w.overtaken(err); err != nil {
		return err
	}
	if len(retry)+len(resolve) == 0 && state == tasker.InProgress && !waits {
		if now := w.counts.commits.Load(); t.seen.Swap(now) != now || !w.queue.alone() {
			t.looks.Store(0)
		}
		if t.looks.Add(1) > mostLooks {
			return nil
		}
	}
	w.queue.push(t)
	return nil
}

// choose draws an index by its weight, -1 when all are zero.
func (w *worker) choose(weights [3]int) int {
	total := weights[0] + weights[1] + weights[2]
	if total == 0 {
		return -1
	}
	at := w.rand.IntN(total)
	for i, weight := range weights {
		if at -= weight; at < 0 {
			return i
		}
	}
	return -1
}

func (w *worker) find(ctx context.Context, t *task) ([]found, error) {
	rows, err := w.conn.Query(ctx, `SELECT s.workflow_step_id, coalesce(x.to_state, 'pending'),
			s.retryable AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3),
			coalesce(s.last_attempted_at + make_interval(secs => s.backoff_request_seconds) > $2, false),
			coalesce(x.to_state, 'pending') = 'cancelled' OR coalesce(x.to_state, 'pending') = 'pending' AND EXISTS (
				SELECT FROM tasker_workflow_step_edges e
				JOIN tasker_workflow_step_transitions p ON p.workflow_step_id = e.from_step_id AND p.most_recent
				WHERE e.to_step_id = s.workflow_step_id AND p.to_state = 'cancelled'),
			coalesce(x.created_at, s.created_at)
		FROM tasker_workflow_steps s
		LEFT JOIN tasker_workflow_step_transitions x ON x.workflow_step_id = s.workflow_step_id AND x.most_recent
		WHERE s.task_id = $1 ORDER BY 1`, t.id, w.opts.Clock.Now().UTC())
	if err != nil {
		return nil, fmt.Errorf("looking at task %d: %w", t.id, err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f found, err error) {
		return f, row.Scan(&f.id, &f.state, &f.retryable, &f.waits, &f.dead, &f.since)
	})
	if err != nil {
		return nil, fmt.Errorf("looking at task %d: %w", t.id, err)
	}
	return all, nil
}

// retryAll moves failed steps back to pending; one whose worker is gone fails first.
func (w *worker) retryAll(ctx context.Context, t *task, state string, list []found) error {
	for _, s := range list {
		if s.state == tasker.InProgress {
			if err := w.abandon(ctx, t, s.id); err != nil {
				return err
			}
			continue // it may have run out of attempts: next time
		}
		err := w.outside(ctx, t, s.id, tasker.Pending, `in_process = false, processed = false, backoff_request_seconds =
			CASE WHEN last_attempted_at + make_interval(secs => backoff_request_seconds) <= $2 THEN NULL ELSE backoff_request_seconds END`)
		if err != nil {
			return err
		}
		w.counts.stepsRetried.Add(1)
	}
	return w.reopen(ctx, t, state)
}

// resolveAll resolves steps by hand, so that what depends on them goes on.
func (w *worker) resolveAll(ctx context.Context, t *task, state string, list []found) error {
	for _, s := range list {
		if s.state == tasker.InProgress {
			if err := w.abandon(ctx, t, s.id); err != nil {
				return err
			}
		}
		if err := w.resolve(ctx, t, s.id); err != nil {
			return err
		}
	}
	return w.reopen(ctx, t, state)
}

// resolve resolves a step that failed or has not run.
func (w *worker) resolve(ctx context.Context, t *task, stepID int64) error {
	err := w.outside(ctx, t, stepID, tasker.ResolvedManually, `processed = true, in_process = false, processed_at = $2`)
	if err == nil {
		w.counts.stepsResolved.Add(1)
	}
	return err
}

// abandon gives up a step whose worker is gone.
func (w *worker) abandon(ctx context.Context, t *task, stepID int64) error {
	return w.outside(ctx, t, stepID, tasker.Error, `attempts = coalesce(attempts, 0) + 1, last_attempted_at = $2, processed = false,
		in_process = false, results = '{"error": "its worker is gone", "error_class": "Abandoned"}'`)
}

// reopen moves a failed task back to pending, from where a worker starts it.
func (w *worker) reopen(ctx context.Context, t *task, state string) error {
	if state != tasker.Error {
		return nil
	}
	return w.transact(ctx, TaskTransition, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		return tasks.transition(ctx, tx, t.id, tasker.Pending, now)
	})
}

// cancel gives a task up: what has not run is cancelled, the task too; a task
// in error cannot be cancelled and is resolved by hand.
func (w *worker) cancel(ctx context.Context, t *task, state string, all []found) error {
	for _, s := range all {
		if s.state != tasker.Pending && s.state != tasker.InProgress {
			continue
		}
		err := w.outside(ctx, t, s.id, tasker.Cancelled, `in_process = false`)
		if err != nil && !lostRace(err) {
			return err
		}
		if err == nil {
			w.counts.stepsCancelled.Add(1)
		}
	}
	err := w.transact(ctx, TaskTransition, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		if _, err := tx.Exec(ctx, `SELECT FROM tasker_tasks WHERE task_id = $1 FOR NO KEY UPDATE`, t.id); err != nil {
			return err
		}
		if state != tasker.Error {
			return tasks.transition(ctx, tx, t.id, tasker.Cancelled, now)
		}
		if err := tasks.transition(ctx, tx, t.id, tasker.ResolvedManually, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tasker_tasks SET complete = true, updated_at = $2 WHERE task_id = $1`, t.id, now)
		return err
	})
	if err == nil && state != tasker.Error {
		w.counts.tasksCancelled.Add(1)
	}
	return w.overtaken(err)
}

// outside writes a step's transition and the columns that go with it.
func (w *worker) outside(ctx context.Context, t *task, stepID int64, to, columns string) error {
	return w.transact(ctx, StepOperated, t.id, stepID, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		if _, err := tx.Exec(ctx, `SELECT FROM tasker_workflow_steps WHERE workflow_step_id = $1 FOR NO KEY UPDATE`, stepID); err != nil {
			return err
		}
		if err := steps.transition(ctx, tx, stepID, to, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tasker_workflow_steps SET `+columns+`, updated_at = $2::timestamp WHERE workflow_step_id = $1`, stepID, now)
		return err
	})
}
