package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// completing is a data set of tasks that are in progress, all of whose ten steps
// are complete: what is measured is how they become complete, which takes a lock, a
// guard, a flip, an insert and a column.
type completing struct {
	set   *dataset
	conn  *pgx.Conn
	pool  *pgxpool.Pool
	write *writer.Writer
}

func (l *lab) completing(ctx context.Context) (*completing, error) {
	set, err := l.load(ctx, "completing", workload.Spec{
		Tasks: pick(l, 500, 8000), Seed: l.o.Seed,
		Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(layered())}},
		Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Completed}},
	})
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(set.socket)
	if err != nil {
		return nil, err
	}
	config.MaxConns = clients
	c := &completing{set: set}
	if c.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if c.write, err = writer.New(writer.Options{Pool: c.pool}); err == nil {
		c.conn, err = pgx.Connect(ctx, set.socket)
	}
	if err != nil {
		c.pool.Close()
	}
	return c, err
}

func (c *completing) close() {
	c.pool.Close()
	c.conn.Close(context.Background())
}

// reset puts all tasks back into progress, outside of what is measured, and leaves
// nothing behind that a later sample would have to step over.
func (c *completing) reset(ctx context.Context) error {
	for _, sql := range []string{
		"DELETE FROM tasker_task_transitions WHERE to_state = 'complete'",
		"UPDATE tasker_task_transitions SET most_recent = true WHERE NOT most_recent",
		"UPDATE tasker_tasks SET complete = false WHERE complete",
		"VACUUM (ANALYZE) tasker_task_transitions, tasker_tasks",
	} {
		if _, err := c.conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// done checks that so many tasks have become complete.
func (c *completing) done(ctx context.Context, want int) error {
	var n int
	err := c.conn.QueryRow(ctx, "SELECT count(*) FROM tasker_tasks JOIN tasker_task_transitions x USING (task_id) WHERE complete AND x.most_recent AND x.to_state = 'complete'").Scan(&n)
	if err == nil && n != want {
		err = fmt.Errorf("%d tasks are complete, and %d were to be", n, want)
	}
	return err
}

// sample measures what f does with n tasks, in nanoseconds a transition unless f
// says itself.
func (c *completing) sample(n int, f func(ctx context.Context) (float64, error)) Measure {
	return func(ctx context.Context) (float64, error) {
		if err := c.reset(ctx); err != nil {
			return 0, err
		}
		start := time.Now()
		sample, err := f(ctx)
		if sample == 0 {
			sample = float64(time.Since(start)) / float64(n)
		}
		if err == nil {
			err = c.done(ctx, n)
		}
		return sample, err
	}
}

func (c *completing) request(i int) writer.Request {
	return writer.Request{Kind: statemachine.Task, ID: c.set.first + int64(i), To: tasker.Complete}
}

func runWriteSingle(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	t, err := l.completing(ctx)
	if err != nil {
		return nil, err
	}
	defer t.close()
	pgbench, err := l.program("pgbench")
	if err != nil {
		return nil, err
	}
	script, err := os.CreateTemp("", "transition*.sql")
	if err != nil {
		return nil, err
	}
	defer os.Remove(script.Name())
	if _, err := script.WriteString(pgbenchScript); err != nil {
		return nil, err
	}
	if err := script.Close(); err != nil {
		return nil, err
	}
	n := t.set.tasks / clients * clients
	r := l.result(c)
	r.Unit, r.Better, r.Dataset = "transitions/s", Higher, t.set.words
	r.Notes = []string{fmt.Sprintf("%d clients on each side, over a local socket, %d transitions a round; pgbench with prepared statements, a round trip each", clients, n)}
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), t.sample(n, func(ctx context.Context) (float64, error) {
		start := time.Now()
		g, ctx := errgroup.WithContext(ctx)
		for who := range clients {
			g.Go(func() error {
				for i := who; i < n; i += clients {
					if _, err := t.write.Transition(ctx, t.request(i)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		err := g.Wait()
		return float64(n) / time.Since(start).Seconds(), err
	}), t.sample(n, func(ctx context.Context) (float64, error) {
		return runPgbench(ctx, pgbench, t.set, script.Name(), n)
	}), l.round)
	return []Result{r}, err
}

// pgbenchScript is the writer's transaction, statement by statement. Each client
// takes every eighth task.
const pgbenchScript = `\set n :n + 1
\set id :first + :client_id + :clients * :n
\set key (84 << 56) + :id
BEGIN;
SELECT pg_advisory_xact_lock(:key);
SELECT task_id FROM tasker_tasks WHERE task_id = :id FOR NO KEY UPDATE;
SELECT r.id AS recent, r.sort_key + 10 AS next FROM tasker_task_transitions r WHERE r.task_id = :id AND r.most_recent \gset
SELECT NOT EXISTS (
    SELECT FROM tasker_workflow_steps s
    LEFT JOIN tasker_workflow_step_transitions t ON t.workflow_step_id = s.workflow_step_id AND t.most_recent
    WHERE s.task_id = :id AND coalesce(t.to_state, 'pending') NOT IN ('complete', 'resolved_manually'));
UPDATE tasker_task_transitions SET most_recent = false, updated_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = :recent AND most_recent;
INSERT INTO tasker_task_transitions (to_state, from_state, metadata, sort_key, most_recent, task_id, created_at, updated_at)
    VALUES ('complete', NULL, '{}', :next, true, :id, clock_timestamp() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC');
UPDATE tasker_tasks SET complete = true, updated_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE task_id = :id;
COMMIT;
`

var pgbenchRate = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)

// runPgbench gives the transactions per second.
func runPgbench(ctx context.Context, program string, set *dataset, script string, n int) (float64, error) {
	u, err := url.Parse(set.url)
	if err != nil {
		return 0, err
	}
	if socket, err := url.Parse(set.socket); err == nil && socket.Query().Get("host") != "" {
		u = socket
	}
	command := exec.CommandContext(ctx, program, "-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", "2", "-t", strconv.Itoa(n/clients), //nolint:gosec // a program of PostgreSQL's
		"-D", "n=-1", "-D", "clients="+strconv.Itoa(clients), "-D", "first="+strconv.FormatInt(set.first, 10), "-f", filepath.Clean(script), u.String())
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, said.String())
	}
	m := pgbenchRate.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench says no rate: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

func runWriteBatch(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	t, err := l.completing(ctx)
	if err != nil {
		return nil, err
	}
	defer t.close()
	const size = 500
	n := pick(l, size, 8*size)
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
