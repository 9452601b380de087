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

	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// completing are tasks that are in progress, all of whose ten steps are complete:
// that they become complete takes a lock, a guard, a flip, an insert and a column.
func (l *lab) completing(ctx context.Context) (*transitions, error) {
	t, err := l.transitions(ctx, "completing", pick(l, 500, 8000), workload.Completed)
	if err != nil {
		return nil, err
	}
	t.request = func(i int) writer.Request {
		return writer.Request{Kind: statemachine.Task, ID: t.set.first + int64(i), To: tasker.Complete}
	}
	t.reset = []string{
		"DELETE FROM tasker_task_transitions WHERE to_state = 'complete'",
		"UPDATE tasker_task_transitions SET most_recent = true WHERE NOT most_recent",
		"UPDATE tasker_tasks SET complete = false WHERE complete",
		"VACUUM (ANALYZE) tasker_task_transitions, tasker_tasks",
	}
	t.done = "SELECT count(*) FROM tasker_tasks JOIN tasker_task_transitions x USING (task_id) WHERE complete AND x.most_recent AND x.to_state = 'complete'"
	return t, nil
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
