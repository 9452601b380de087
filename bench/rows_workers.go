package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// playerWorkers is how many workers play.
const playerWorkers = 4

// playersSet is a small database for workers, who make their own tasks.
func (l *lab) playersSet(ctx context.Context, name string) (*dataset, *pgxpool.Pool, error) {
	set, err := l.load(ctx, name, l.layeredSpec(pick(l, 200, 2000)))
	if err != nil {
		return nil, nil, err
	}
	if err := l.install(ctx, set); err != nil {
		return nil, nil, err
	}
	config, err := pgxpool.ParseConfig(set.socket)
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = playerWorkers
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return set, pool, err
}

// play has workers play until ctx ends or for as long as given.
func play(ctx context.Context, pool *pgxpool.Pool, o player.Options, duration time.Duration) (player.Counters, error) {
	o.Workers = playerWorkers
	o.FailureRate, o.BackoffRate, o.BackoffSeconds = 0.05, 0.2, 1
	o.Operator = player.Operator{Retry: 3, Resolve: 1, Cancel: 1, Patience: 200 * time.Millisecond}
	p, err := player.New(pool, o)
	if err != nil {
		return player.Counters{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, duration)
	defer cancel()
	err = p.Run(ctx)
	return p.Counters(), err
}

// runWorkers has workers play with and without a sidecar that writes rows.
func runWorkers(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.workersBeside(ctx, c, "workers", func(ctx context.Context, set *dataset) (func() error, error) {
		return l.projectBeside(ctx, set)
	})
}

// runFollowing has them play with and without one that only follows.
func runFollowing(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.workersBeside(ctx, c, "workers-followed", func(ctx context.Context, set *dataset) (func() error, error) {
		f, err := follow(ctx, set.url, hooks{})
		if err != nil {
			return nil, err
		}
		return func() error { f.stop(); return nil }, nil
	})
}

// workersBeside has workers play flat out beside something that start begins
// and its result ends, and without.
func (l *lab) workersBeside(ctx context.Context, c *Case, name string, start func(ctx context.Context, set *dataset) (stop func() error, err error)) ([]Result, error) {
	if err := l.unproject(); err != nil {
		return nil, err
	}
	set, pool, err := l.playersSet(ctx, name)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	duration := l.span(300*time.Millisecond, 5*time.Second)
	seed := l.o.Seed
	without := func(ctx context.Context) (float64, error) {
		settle()
		seed++
		start := time.Now()
		counters, err := play(ctx, pool, player.Options{Seed: seed}, duration)
		return float64(counters.Commits) / time.Since(start).Seconds(), err
	}
	with := func(ctx context.Context) (sample float64, err error) {
		stop, err := start(ctx, set)
		if err == nil {
			sample, err = without(ctx)
		}
		if stop != nil {
			if stopped := stop(); err == nil {
				err = stopped
			}
		}
		return sample, err
	}
	r := l.result(c)
	r.Unit, r.Better = "commits/s", Higher
	r.Dataset = fmt.Sprintf("%s, and what %d workers make, flat out for %v a round", set.words, playerWorkers, duration)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), with, without, l.round)
	return []Result{r}, err
}
