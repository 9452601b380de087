package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	sidecar "github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// failStep makes a step fail as the engine's worker does: it may run again after
// two seconds.
const failStep = `
WITH failed AS (
    UPDATE tasker_workflow_steps SET attempts = 1, last_attempted_at = clock_timestamp() AT TIME ZONE 'UTC', processed = false, in_process = false,
        results = '{"error": "planned", "error_class": "Planned"}', updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE workflow_step_id = $1
    RETURNING workflow_step_id, updated_at
)
INSERT INTO tasker_workflow_step_transitions (to_state, metadata, sort_key, most_recent, workflow_step_id, created_at, updated_at)
SELECT s.state, '{}', s.sort_key, s.most_recent, f.workflow_step_id, f.updated_at, f.updated_at
FROM failed f, (VALUES ('in_progress', 10, false), ('error', 20, true)) AS s (state, sort_key, most_recent)`

// retriedSQL is how long after the end of their wait the failed steps went back
// to pending, in seconds, by the clock of the database.
const retriedSQL = `
SELECT extract(epoch FROM p.created_at - e.created_at - interval '2 s')::float8
FROM tasker_workflow_step_transitions p
JOIN tasker_workflow_step_transitions e USING (workflow_step_id)
WHERE p.to_state = 'pending' AND e.to_state = 'error' AND p.workflow_step_id = ANY ($1)`

// looking makes a follower what maintenance looks at.
type looking struct{ *sidecar.Follower }

func (l looking) Current() (*readiness.View, bool) {
	status, view := l.Status(), l.View()
	return view, view != nil && !status.Stale
}

func (l looking) Schema() string { return l.Status().Schema }

// runRetry has steps fail one after another, a hundred a second, and a retrier
// that acts in the sidecar that leads.
func runRetry(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	n := pick(l, 20, 500)
	set, err := l.load(ctx, "retry", workload.Spec{
		Tasks: n * (l.o.Rounds + 1), Seed: l.o.Seed,
		Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(layered())}},
		Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Fresh}},
	})
	if err != nil {
		return nil, err
	}
	if err := l.install(ctx, set); err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	options := maintenance.Options{Pool: pool, Limits: map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 1000, Budget: 1_000_000}}}
	for _, s := range agenda.Services() {
		options.Agenda.Modes[s] = agenda.Off
	}
	options.Agenda.Modes[agenda.Retrier] = agenda.Acts
	p, err := startBeside(ctx, set, func(*projection.Options) {}, func(f *sidecar.Follower) (func(context.Context, *leader.Lease) error, error) {
		m, err := maintenance.New(options, looking{f})
		if err != nil {
			return nil, err
		}
		return m.Lead, nil
	})
	if err != nil {
		return nil, err
	}
	defer p.stop() //nolint:errcheck // had it ended, the steps would not have been retried
	if err := p.counts(ctx); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, set.socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	steps, err := roots(ctx, conn, n*(l.o.Rounds+1))
	if err != nil {
		return nil, err
	}
	r := l.result(c)
	r.Unit, r.Dataset = "ns", fmt.Sprintf("%s; %d steps a round fail, 100 a second", set.words, n)
	r.Notes = []string{"from the end of the wait after a failure to the transition, both by the database's clock"}
	all := NewRecorder()
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		one, err := retried(ctx, conn, steps[round*n:(round+1)*n])
		if err != nil {
			return []Result{r}, err
		}
		if round > 0 {
			r.Samples = append(r.Samples, float64(one.Quantile(0.99)))
			all.Merge(one)
		}
	}
	r.Latency = all.Latency()
	return []Result{r}, nil
}

// roots are the first steps of tasks, one each.
func roots(ctx context.Context, conn *pgx.Conn, n int) ([]int64, error) {
	rows, err := conn.Query(ctx, "SELECT min(workflow_step_id) FROM tasker_workflow_steps GROUP BY task_id ORDER BY 1 LIMIT $1", n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func retried(ctx context.Context, conn *pgx.Conn, steps []int64) (*Recorder, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, step := range steps {
		if _, err := conn.Exec(ctx, failStep, step); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
	for deadline := time.Now().Add(time.Minute); ; {
		rows, err := conn.Query(ctx, retriedSQL, steps)
		if err != nil {
			return nil, err
		}
		late, err := pgx.CollectRows(rows, pgx.RowTo[float64])
		switch {
		case err != nil:
			return nil, err
		case len(late) == len(steps):
			r := NewRecorder()
			for _, seconds := range late {
				if seconds < 0 {
					return nil, fmt.Errorf("a step was retried %.4f s before its wait was over", -seconds)
				}
				r.Record(time.Duration(seconds * float64(time.Second)))
			}
			return r, nil
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%d of %d failed steps were retried within a minute", len(late), len(steps))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
