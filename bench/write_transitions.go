package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// transitions are tasks or steps of a data set that can all make the same
// transition, again and again.
type transitions struct {
	set     *dataset
	conn    *pgx.Conn
	pool    *pgxpool.Pool
	write   *writer.Writer
	request func(i int) writer.Request
	reset   []string // undoes the transitions
	done    string   // counts those that were made
}

// transitions loads a data set of tasks of ten steps in the given state.
func (l *lab) transitions(ctx context.Context, name string, tasks int, scenario workload.Scenario) (*transitions, error) {
	set, err := l.load(ctx, name, workload.Spec{
		Tasks: tasks, Seed: l.o.Seed,
		Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(layered())}},
		Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: scenario}},
	})
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(set.socket)
	if err != nil {
		return nil, err
	}
	config.MaxConns = clients
	t := &transitions{set: set}
	if t.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	if t.write, err = writer.New(writer.Options{Pool: t.pool}); err == nil {
		t.conn, err = pgx.Connect(ctx, set.socket)
	}
	if err != nil {
		t.pool.Close()
	}
	return t, err
}

func (t *transitions) close() {
	t.pool.Close()
	t.conn.Close(context.Background())
}

// sample measures what f does with n of them, in nanoseconds a transition unless f
// says itself. Before, and outside of what is measured, all are put back, and
// nothing is left that a later sample would have to step over; afterwards it is
// checked that they were made.
func (t *transitions) sample(n int, f func(ctx context.Context) (float64, error)) Measure {
	return func(ctx context.Context) (float64, error) {
		for _, sql := range t.reset {
			if _, err := t.conn.Exec(ctx, sql); err != nil {
				return 0, err
			}
		}
		start := time.Now()
		sample, err := f(ctx)
		if sample == 0 {
			sample = float64(time.Since(start)) / float64(n)
		}
		if err != nil {
			return sample, err
		}
		var made int
		if err := t.conn.QueryRow(ctx, t.done).Scan(&made); err != nil {
			return sample, err
		}
		if made != n {
			return sample, fmt.Errorf("%d transitions were made, and %d were to be", made, n)
		}
		return sample, nil
	}
}
