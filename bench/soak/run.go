package soak

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// workers is how many simulated Rails workers make the load.
const workers = 4

// Run soaks a sidecar on a PostgreSQL of its own, which is gone afterwards.
// When ctx ends before the time is over, the report is of what there is by then
// and says so. Without a report the error says what is wrong with the options
// or the machine; with one it is nil: what went wrong is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := newSystem(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Format: Format, Rate: o.Rate, Tasks: o.Tasks, Seed: o.Seed, Found: []string{}, Errors: []string{}, Seconds: []float64{},
		Machine: bench.ThisMachine(), Versions: bench.Versions{Go: runtime.Version(), Postgres: version(s.server.Version()), Revision: bench.Revision()},
	}
	for _, w := range watched {
		r.Series = append(r.Series, w.series)
	}
	if err := s.soak(ctx, o, r); err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	if err := s.stop(ctx); err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	r.judge(bounds())
	return r, nil
}

// version is the server's version in the words of people.
func version(number int) string { return fmt.Sprintf("%d.%d", number/10000, number%10000) }

// soak runs the load for its time, then compares everything.
func (s *system) soak(ctx context.Context, o Options, r *Report) (err error) {
	r.StartedAt = time.Now().UTC()
	defer func() { r.FinishedAt = time.Now().UTC() }()
	conns := make([]*pgx.Conn, 3)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, s.url); err != nil {
			return err
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
	}
	config, err := pgxpool.ParseConfig(s.url)
	if err != nil {
		return err
	}
	config.MaxConns = workers + 2
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	play, err := player.New(pool, player.Options{
		Workers: workers, Rate: o.Rate, Seed: o.Seed,
		FailureRate: 0.05, BackoffRate: 0.2, BackoffSeconds: 1, DeathRate: 0.002, RaceRate: 0.02, SplitRate: 0.2,
		Operator: player.Operator{Retry: 6, Resolve: 2, Cancel: 1},
	})
	if err != nil {
		return err
	}
	old := &archiver{conn: conns[0], keep: o.Tasks}
	compare := &comparer{system: s, conn: conns[1]}
	var mu sync.Mutex
	done := Progress{Stage: "soak", Duration: o.Duration}
	told := func(c *comparer) {
		mu.Lock()
		defer mu.Unlock()
		done.Compared, done.Differences = int64(c.sum.Compared), int64(c.sum.DifferenceCount)
	}

	loading, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	group, loading := errgroup.WithContext(loading)
	group.Go(func() error { return play.Run(loading) })
	group.Go(func() error { return old.run(loading) })
	group.Go(func() error { return compare.run(loading, told) })
	group.Go(func() error {
		return s.watch(loading, o, r, conns[2], func() {
			mu.Lock()
			defer mu.Unlock()
			done.Elapsed, done.Commits = time.Since(r.StartedAt), play.Counters().Commits
			o.Progress(done)
		})
	})
	err = group.Wait()
	r.Interrupted = ctx.Err() != nil
	if err == nil {
		o.Progress(Progress{Stage: "compare everything"})
		r.AtTheEnd, err = compare.all(context.WithoutCancel(ctx), pool)
	}
	counters := play.Counters()
	r.Commits, r.Created, r.Archived = counters.Commits, counters.Tasks, old.count
	r.Passes, r.Compared, r.Undecided, r.Differences = compare.passes, int64(compare.sum.Compared), int64(compare.sum.Undecided), int64(compare.sum.DifferenceCount)
	for _, d := range compare.sum.Differences {
		r.Found = append(r.Found, d.String())
	}
	return err
}

// watch takes samples until ctx ends, or following does, which is an error.
func (s *system) watch(ctx context.Context, o Options, r *Report, conn *pgx.Conn, told func()) error {
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("following or projecting has ended: %w", errors.Join(err, errEnded))
		case <-tick.C:
		}
		o.planted()
		if err := s.sample(ctx, conn, r); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		told()
	}
}
