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

func runWorkers(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	if err := l.unproject(); err != nil {
		return nil, err
	}
	set, pool, err := l.playersSet(ctx, "workers")
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	duration := pick(l, 300*time.Millisecond, 5*time.Second)
	seed := l.o.Seed
	without := func(ctx context.Context) (float64, error) {
		settle()
		seed++
		start := time.Now()
		counters, err := play(ctx, pool, player.Options{Seed: seed}, duration)
		return float64(counters.Commits) / time.Since(start).Seconds(), err
	}
	with := func(ctx context.Context) (float64, error) {
		p, err := startProjecting(ctx, set, nil)
		if err != nil {
			return 0, err
		}
		stop := func(sample float64, err error) (float64, error) {
			if stopped := p.stop(); err == nil {
				err = stopped
			}
			return sample, err
		}
		if err := p.counts(ctx); err != nil {
			return stop(0, err)
		}
		return stop(without(ctx))
	}
	r := l.result(c)
	r.Unit, r.Better = "commits/s", Higher
	r.Dataset = fmt.Sprintf("%s, and what %d workers make, flat out for %v a round", set.words, playerWorkers, duration)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), with, without, l.round)
	return []Result{r}, err
}
