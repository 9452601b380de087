package bench

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// retrying are n failed steps, one of each task, which can go back to pending: what
// an operator does to many at once.
func (l *lab) retrying(ctx context.Context, n int) (*transitions, error) {
	t, err := l.transitions(ctx, "retrying", n, workload.Exhausted)
	if err != nil {
		return nil, err
	}
	if _, err := t.conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_failed AS
		SELECT id, workflow_step_id, row_number() OVER () FROM tasker_workflow_step_transitions WHERE most_recent AND to_state = 'error' LIMIT `+fmt.Sprint(n)); err != nil {
		t.close()
		return nil, err
	}
	rows, err := t.conn.Query(ctx, "SELECT workflow_step_id FROM bench_failed ORDER BY row_number")
	if err != nil {
		t.close()
		return nil, err
	}
	steps, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err == nil && len(steps) != n {
		err = fmt.Errorf("%d steps have failed, and %d were to", len(steps), n)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	t.request = func(i int) writer.Request {
		return writer.Request{Kind: statemachine.Step, ID: steps[i], To: tasker.Pending}
	}
	t.reset = []string{
		"DELETE FROM tasker_workflow_step_transitions WHERE id > (SELECT max(id) FROM bench_failed) AND to_state = 'pending' AND most_recent",
		"UPDATE tasker_workflow_step_transitions SET most_recent = true WHERE NOT most_recent AND id IN (SELECT id FROM bench_failed)",
		"VACUUM (ANALYZE) tasker_workflow_step_transitions, tasker_workflow_steps",
	}
	t.done = "SELECT count(*) FROM tasker_workflow_step_transitions JOIN bench_failed USING (workflow_step_id) WHERE most_recent AND to_state = 'pending'"
	return t, nil
}

func runWriteBatch(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	const size = 500
	n := pick(l, size, 8*size)
	t, err := l.retrying(ctx, n)
	if err != nil {
		return nil, err
	}
	defer t.close()
	r := l.result(c)
	r.Unit, r.Dataset = "ns/op", t.set.words
	r.Notes = []string{fmt.Sprintf("one client, over a local socket, %d transitions a round, each batch one transaction", n)}
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), t.sample(n, func(ctx context.Context) (float64, error) {
		for from := 0; from < n; from += size {
			requests := make([]writer.Request, size)
			for i := range requests {
				requests[i] = t.request(from + i)
			}
			outcomes, err := t.write.Batch(ctx, requests, writer.BatchOptions{AllOrNothing: true})
			if err != nil {
				return 0, err
			}
			for _, o := range outcomes {
				if o.Err != nil {
					return 0, o.Err
				}
			}
		}
		return 0, nil
	}), t.sample(n, func(ctx context.Context) (float64, error) {
		for i := range n {
			if _, err := t.write.Transition(ctx, t.request(i)); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}), l.round)
	return []Result{r}, err
}
