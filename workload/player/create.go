package player

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// sources draws what is created next.
type sources struct {
	mu    sync.Mutex
	rand  *mathrand.Rand
	mix   []workload.Share[workload.Source]
	total int
}

func newSources(mix []workload.Share[workload.Source], seed uint64) *sources {
	s := &sources{rand: mathrand.New(mathrand.NewPCG(seed, 0)), mix: mix}
	for _, m := range mix {
		s.total += max(m.Percent, 0)
	}
	return s
}

func (s *sources) next() workload.Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.rand.IntN(max(s.total, 1))
	for _, m := range s.mix {
		if at -= max(m.Percent, 0); at < 0 {
			return m.Of(s.rand)
		}
	}
	return s.mix[0].Of(s.rand)
}

// create writes the tasks of the next source and enqueues them. What has begun
// is finished, also when the player stops meanwhile.
func (w *worker) create(ctx context.Context) error {
	family := w.sources.next()
	if err := w.names.Ensure(ctx, w.conn, family.Tasks...); err != nil {
		return err
	}
	made := make([]*task, len(family.Tasks))
	ids := make([][]int64, len(family.Tasks))
	for i, f := range family.Tasks {
		t, steps, err := w.createTask(ctx, f)
		if err != nil {
			return err
		}
		made[i], ids[i] = t, steps
		ctx = context.WithoutCancel(ctx)
	}
	if len(family.Links) > 0 {
		err := w.transact(ctx, EdgesAdded, made[0].id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
			for _, l := range family.Links {
				if err := insertEdge(ctx, tx, ids[l.From.Task][l.From.Step], ids[l.To.Task][l.To.Step], now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, t := range made {
		w.tasks.Store(t.id, t)
		w.queue.push(t)
		if w.rand.Float64() < w.opts.RaceRate {
			w.queue.push(t)
		}
	}
	return nil
}

// createTask writes a task's row, its steps and its edges, in one transaction
// or in three. No transition: that is what pending means.
func (w *worker) createTask(ctx context.Context, f *workload.Workflow) (*task, []int64, error) {
	t := &task{workflow: f, steps: make(map[int64]int, len(f.Steps)), taken: takenBranch(f, w.rand)}
	ids := make([]int64, len(f.Steps))
	row := func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		return tx.QueryRow(ctx, `INSERT INTO tasker_tasks (named_task_id, complete, requested_at, initiator, source_system, reason,
				bypass_steps, tags, context, identity_hash, created_at, updated_at)
			VALUES ($1, false, $2, 'player', 'player', 'unknown', '[]', '[]', $3, $4, $2, $2) RETURNING task_id`,
			w.names.NamedTaskID(f), now, requestContext, uuid()).Scan(&t.id)
	}
	stepRows := func(ctx context.Context, tx pgx.Tx, now time.Time) (err error) {
		for i := range f.Steps {
			if ids[i], err = w.insertStep(ctx, tx, t.id, &f.Steps[i], now); err != nil {
				return err
			}
		}
		return nil
	}
	edges := func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		for i := range f.Steps {
			for _, p := range f.Steps[i].Parents {
				if err := insertEdge(ctx, tx, ids[p], ids[i], now); err != nil {
					return err
				}
			}
		}
		return nil
	}
	var err error
	if w.rand.Float64() < w.opts.SplitRate {
		if err = w.transact(ctx, TaskCreated, 0, 0, row); err == nil {
			w.counts.tasks.Add(1)
			ctx = context.WithoutCancel(ctx)
			err = w.transact(ctx, StepsAdded, t.id, 0, stepRows)
		}
		if err == nil && f.Edges() > 0 {
			err = w.transact(ctx, EdgesAdded, t.id, 0, edges)
		}
	} else {
		err = w.transact(ctx, TaskCreated, 0, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
			if err := row(ctx, tx, now); err != nil {
				return err
			}
			if err := stepRows(ctx, tx, now); err != nil {
				return err
			}
			return edges(ctx, tx, now)
		})
		if err == nil {
			w.counts.tasks.Add(1)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("creating a task of %s: %w", f.Name, err)
	}
	w.counts.steps.Add(int64(len(ids)))
	for i, id := range ids {
		t.steps[id] = i
	}
	return t, ids, nil
}

// requestContext is a task's context; every step has a copy of it.
const requestContext = `{"request": "player"}`

func (w *worker) insertStep(ctx context.Context, tx pgx.Tx, taskID int64, s *workload.Step, now time.Time) (id int64, err error) {
	var limit *int32
	if s.RetryLimit.Valid {
		limit = &s.RetryLimit.V
	}
	err = tx.QueryRow(ctx, `INSERT INTO tasker_workflow_steps (task_id, named_step_id, retryable, retry_limit, in_process, processed,
			attempts, inputs, results, created_at, updated_at, skippable)
		VALUES ($1, $2, $3, $4, false, false, 0, $5, '{}', $6, $6, $7) RETURNING workflow_step_id`,
		taskID, w.names.NamedStepID(s), s.Retryable, limit, requestContext, now, s.Skippable).Scan(&id)
	return id, err
}

func insertEdge(ctx context.Context, tx pgx.Tx, from, to int64, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $4)`, from, to, workload.EdgeName, now)
	return err
}

// grow adds a step that depends on one of the task's, as the engine's loop does
// when the template has gained one.
func (w *worker) grow(ctx context.Context, t *task) error {
	if t.workflow == nil || len(t.workflow.Steps) == 0 {
		return nil
	}
	gained := workload.New(t.workflow.Namespace, t.workflow.Name)
	gained.Version = t.workflow.Version
	gained.Add("added_step")
	if err := w.names.Ensure(ctx, w.conn, gained); err != nil {
		return err
	}
	n := w.rand.IntN(len(t.workflow.Steps))
	err := w.transact(ctx, StepsAdded, t.id, 0, func(ctx context.Context, tx pgx.Tx, now time.Time) error {
		var parent int64
		err := tx.QueryRow(ctx, `SELECT workflow_step_id FROM tasker_workflow_steps WHERE task_id = $1 ORDER BY 1 OFFSET $2 LIMIT 1`, t.id, n).Scan(&parent)
		if err != nil {
			return err
		}
		id, err := w.insertStep(ctx, tx, t.id, &gained.Steps[0], now)
		if err != nil {
			return err
		}
		return insertEdge(ctx, tx, parent, id, now)
	})
	if err == nil {
		w.counts.steps.Add(1)
	}
	return err
}

// takenBranch decides which conditional branch a task takes; "" where there is none.
func takenBranch(f *workload.Workflow, r *mathrand.Rand) string {
	var branches []string
	for i := range f.Steps {
		b := f.Steps[i].Branch
		if b != "" && (len(branches) == 0 || branches[len(branches)-1] != b) {
			branches = append(branches, b)
		}
	}
	if len(branches) == 0 {
		return ""
	}
	return branches[r.IntN(len(branches))]
}

// uuid is a random one, the engine's default identity of a task. It is not
// drawn from the seed, or the same run could not be played twice on a database.
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
