package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// contended is how many steps everybody wants.
const contended = 8

// runWaits has sessions change steps as Rails does while our writers move the
// same steps back and forth, flat out, and takes how long a change waited of
// which it was known, a moment before, that one of ours held the row.
func runWaits(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	single, err := l.waits(ctx, c, 1)
	if err != nil {
		return nil, err
	}
	batches, err := l.waits(ctx, c, 500)
	batches.Name, batches.What, batches.Goal = c.Name+"-batch", "lock waits that batches of 500 impose on sessions that change the same steps, p99", nil
	batches.Subject = batches.What
	return []Result{single, batches}, err
}

// waits takes waits behind transactions of so many transitions.
func (l *lab) waits(ctx context.Context, c *Case, size int) (Result, error) {
	r := l.result(c)
	r.Unit = "ns"
	t, err := l.transitions(ctx, fmt.Sprintf("waits%d", size), max(size, contended), workload.Fresh)
	if err != nil {
		return r, err
	}
	defer t.close()
	steps, err := roots(ctx, t.conn, max(size, contended))
	if err != nil {
		return r, err
	}
	r.Dataset = fmt.Sprintf("%s; %d sessions change %d steps, one of ours moves them", t.set.words, playerWorkers, contended)
	if size > 1 {
		r.Dataset = fmt.Sprintf("%s; %d sessions change %d of the steps, one of ours moves %d at a time", t.set.words, playerWorkers, contended, size)
	}
	duration := pick(l, 300*time.Millisecond, 4*time.Second)
	all := NewRecorder()
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		settle()
		one, err := t.waited(ctx, steps, size, duration)
		if err != nil {
			return r, err
		}
		if round > 0 {
			r.Samples = append(r.Samples, float64(one.Quantile(0.99)))
			all.Merge(one)
		}
	}
	r.Latency = all.Latency()
	r.Notes = []string{fmt.Sprintf("%d waits", all.Count())}
	return r, nil
}

func (t *transitions) waited(ctx context.Context, steps []int64, size int, duration time.Duration) (*Recorder, error) {
	for _, sql := range []string{"DELETE FROM tasker_workflow_step_transitions", "VACUUM (ANALYZE) tasker_workflow_step_transitions, tasker_workflow_steps"} {
		if _, err := t.conn.Exec(ctx, sql); err != nil { // they are pending again
			return nil, err
		}
	}
	writing, cancel := context.WithCancel(ctx)
	defer cancel()
	writers, writing := errgroup.WithContext(writing)
	writers.Go(func() error {
		for i := 0; writing.Err() == nil; i++ {
			if err := t.move(writing, steps, size, i); err != nil && writing.Err() == nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	all := NewRecorder()
	sessions, sctx := errgroup.WithContext(ctx)
	end := time.Now().Add(duration)
	for who := range playerWorkers {
		sessions.Go(func() error {
			conn, err := pgx.Connect(sctx, t.set.socket)
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(sctx))
			for i := who; ; i += playerWorkers { // each has steps of its own, and waits for ours alone
				mu.Lock()
				enough := time.Now().After(end) && all.Count() > 0
				mu.Unlock()
				if enough {
					return nil
				}
				waited, held, err := changeAsRails(sctx, conn, steps[i%contended])
				if err != nil {
					return err
				}
				if held {
					mu.Lock()
					all.Record(waited)
					mu.Unlock()
				}
			}
		})
	}
	err := sessions.Wait()
	cancel()
	if failed := writers.Wait(); err == nil {
		err = failed
	}
	return all, err
}

// move moves steps from pending to error or back, as they are.
func (t *transitions) move(ctx context.Context, steps []int64, size, i int) error {
	request := func(step int64, to string) writer.Request {
		return writer.Request{Kind: statemachine.Step, ID: step, To: to}
	}
	if size == 1 {
		step := steps[i%contended]
		to := tasker.Error
		if i/contended%2 == 1 {
			to = tasker.Pending
		}
		_, err := t.write.Transition(ctx, request(step, to))
		return err
	}
	to := tasker.Error
	if i%2 == 1 {
		to = tasker.Pending
	}
	requests := make([]writer.Request, size)
	for j := range requests {
		requests[j] = request(steps[j], to)
	}
	_, err := t.write.Batch(ctx, requests, writer.BatchOptions{})
	return err
}

// changeAsRails changes a step's row and takes it back. Held says whether another
// session had it, and waited for how long then.
func changeAsRails(ctx context.Context, conn *pgx.Conn, step int64) (waited time.Duration, held bool, err error) {
	var b pgx.Batch
	var before, after time.Time
	free := false
	b.Queue("BEGIN")
	b.Queue("SELECT FROM tasker_workflow_steps WHERE workflow_step_id = $1 FOR NO KEY UPDATE SKIP LOCKED", step).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			free = true
		}
		return rows.Err()
	})
	b.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&before) })
	b.Queue("UPDATE tasker_workflow_steps SET updated_at = now() WHERE workflow_step_id = $1", step)
	b.Queue("SELECT clock_timestamp()").QueryRow(func(row pgx.Row) error { return row.Scan(&after) })
	b.Queue("ROLLBACK")
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return 0, false, err
	}
	return after.Sub(before), !free, nil
}
