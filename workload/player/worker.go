package player

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// errDied is a worker's simulated death: its process is gone, and another one
// takes its place.
var errDied = errors.New("the worker died")

// worker is one process of the engine's, with one thread.
type worker struct {
	*Player
	rand *rand.Rand
	conn *pgxpool.Conn
	ask  Asker
}

// idleWait is how long a worker without anything to do waits before it looks
// again.
const idleWait = 5 * time.Millisecond

func (w *worker) run(ctx context.Context) error {
	defer w.disconnect()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := w.connect(ctx)
		if err == nil {
			var more bool
			if more, err = w.once(ctx); err == nil && !more {
				return nil
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, errDied):
			w.counts.deaths.Add(1)
			w.disconnect()
		case ctx.Err() != nil:
			return ctx.Err()
		case w.connectionLost(err):
			w.counts.reconnects.Add(1)
			if w.opts.OnError != nil {
				w.opts.OnError(err)
			}
			w.disconnect()
			if err := w.opts.Clock.Sleep(ctx, 50*time.Millisecond+time.Duration(w.rand.Int64N(int64(100*time.Millisecond)))); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (w *worker) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting a worker: %w", err)
	}
	w.conn = conn
	if w.ask = w.opts.Asker; w.ask == nil {
		w.ask = functions{conn.Conn()}
	}
	return nil
}

// disconnect returns the connection, which the pool drops when it is not idle.
func (w *worker) disconnect() {
	if w.conn != nil {
		w.conn.Release()
		w.conn = nil
	}
}

// once does one piece of work. It reports false when there is none left and
// none can come.
func (w *worker) once(ctx context.Context) (more bool, err error) {
	now := w.opts.Clock.Now()
	if w.opts.Operator.active() {
		if t := w.queue.oldest(now.Add(-w.opts.Operator.Patience)); t != nil {
			defer w.queue.done()
			return true, w.leaveOn(w.operate(ctx, t), t)
		}
	}
	if t := w.queue.pop(); t != nil {
		defer w.queue.done()
		return true, w.leaveOn(w.handle(ctx, t), t)
	}
	if !w.closed.Load() && (w.opts.Tasks == 0 && !w.opts.Stay || w.created.Add(1) <= int64(w.opts.Tasks)) {
		w.queue.begin()
		defer w.queue.done()
		return true, w.create(ctx)
	}
	nothing, noneHanging := w.queue.idle()
	if !w.opts.Stay && nothing && (noneHanging || !w.opts.Operator.active()) {
		return false, nil
	}
	return true, w.opts.Clock.Sleep(ctx, idleWait)
}

// handle is what the engine's job does with a task: start it, run steps while
// any can be taken, finalize.
func (w *worker) handle(ctx context.Context, t *task) error {
	state, _, err := tasks.state(ctx, w.conn, t.id)
	if err != nil {
		return fmt.Errorf("reading the state of task %d: %w", t.id, err)
	}
	switch state {
	case tasker.Pending:
		err := w.transact(ctx, TaskTransition, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
			return tasks.transition(ctx, tx, t.id, tasker.InProgress, now)
		})
		if err != nil {
			return w.overtaken(err) // the other one carries it
		}
	case tasker.InProgress: // enqueued again
	case tasker.Error:
		w.hang(t) // adopted, or enqueued twice
		return nil
	default:
		return nil
	}
	for spun := 0; ; {
		took, failed, err := w.round(ctx, t)
		switch {
		case err != nil:
			return err
		case took:
			spun = 0
		case failed && spun < w.opts.Spins && ctx.Err() == nil:
			spun++
			w.counts.spins.Add(1)
		default:
			return w.finalize(ctx, t)
		}
	}
}

// round takes and runs each step that is ready, and says whether there was one
// to take. A failed step is called ready once its backoff has passed, but only
// pending ones are taken: failed says whether there was such a one.
func (w *worker) round(ctx context.Context, t *task) (took, failed bool, err error) {
	if w.opts.GrowthRate > 0 && w.rand.Float64() < w.opts.GrowthRate {
		if err := w.grow(ctx, t); err != nil {
			return false, false, err
		}
	}
	ready, err := w.ask.StepReadiness(ctx, t.id, nil)
	if err != nil {
		return false, false, fmt.Errorf("asking what is ready of task %d: %w", t.id, err)
	}
	var viable []int64
	for _, r := range ready {
		if r.ReadyForExecution && r.CurrentState == tasker.Pending {
			viable = append(viable, r.WorkflowStepID)
		}
		failed = failed || r.ReadyForExecution && r.CurrentState == tasker.Error
	}
	if len(viable) == 0 {
		return false, failed, nil
	}
	loaded, err := w.load(ctx, viable)
	if err != nil {
		return false, false, err
	}
	for _, s := range loaded {
		if err := ctx.Err(); err != nil {
			return took, failed, err
		}
		did, err := w.execute(ctx, t, s)
		took = took || did
		if err != nil {
			return took, failed, err
		}
	}
	return took, failed, nil
}

// finalize ends a task that is done or beyond help, and leaves any other as it
// is: nothing will wake it.
func (w *worker) finalize(ctx context.Context, t *task) error {
	c, err := w.ask.TaskExecutionContext(ctx, t.id)
	if errors.Is(err, tasker.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("asking for the context of task %d: %w", t.id, err)
	}
	switch c.ExecutionStatus {
	case tasker.AllComplete:
		err = w.transact(ctx, TaskTransition, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
			if _, err := tx.Exec(ctx, `UPDATE tasker_tasks SET complete = true, updated_at = $2 WHERE task_id = $1`, t.id, now); err != nil {
				return err
			}
			return tasks.transition(ctx, tx, t.id, tasker.Complete, now)
		})
		if err == nil {
			w.counts.tasksCompleted.Add(1)
		}
	case tasker.BlockedByFailures:
		err = w.transact(ctx, TaskTransition, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
			return tasks.transition(ctx, tx, t.id, tasker.Error, now)
		})
		if err == nil {
			w.counts.tasksFailed.Add(1)
			w.hang(t)
		}
	default:
		w.hang(t)
	}
	return w.overtaken(err)
}

// leaveOn leaves the task hanging when its worker could not go on.
func (w *worker) leaveOn(err error, t *task) error {
	if err != nil {
		w.hang(t)
	}
	return err
}

// hang leaves a task to the operator, if there is one.
func (w *worker) hang(t *task) {
	w.counts.hanging.Add(1)
	if w.opts.Operator.active() {
		w.queue.leave(t, w.opts.Clock.Now())
	}
}

// transact runs one transaction at its moment. Once begun it is not cut short
// when the player stops.
func (w *worker) transact(ctx context.Context, kind Kind, taskID, stepID int64, do func(ctx context.Context, tx pgx.Tx, now time.Time) error) error {
	due, err := w.pace.wait(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	now := w.opts.Clock.Now()
	if w.opts.Rate > 0 {
		w.counts.lateNanos.Store(int64(now.Sub(due)))
	}
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction about task %d: %w", taskID, err)
	}
	if err := do(ctx, tx, now.UTC()); err != nil {
		if errors.Is(err, errDied) { // in the middle: the server finds the connection gone
			w.conn.Conn().PgConn().Conn().Close()
			return err
		}
		if rollback := tx.Rollback(ctx); rollback != nil && !lostRace(err) {
			return errors.Join(err, rollback)
		}
		return fmt.Errorf("task %d, step %d: %w", taskID, stepID, err)
	}
	sent := w.opts.Clock.Now()
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("committing for task %d: %w", taskID, err)
	}
	w.counts.commits.Add(1)
	if w.opts.OnCommit != nil {
		w.opts.OnCommit(Commit{Kind: kind, TaskID: taskID, StepID: stepID, Due: due, Sent: sent, Returned: w.opts.Clock.Now()})
	}
	return nil
}
