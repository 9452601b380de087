package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// reloadRate is how many transactions the workers commit each second: so few
// that nothing but the reload keeps them waiting.
const reloadRate = 100

// millionSet is 1,000,000 steps.
func (l *lab) millionSet(ctx context.Context) (*dataset, error) {
	return l.layeredSet(ctx, pick(l, 1000, 100_000))
}

// runReload takes how long the transactions of workers need, from the moment at
// which each is due, while a sidecar begins anew: it loads the snapshot and
// compares all rows. Without, one is there and at rest.
func runReload(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.millionSet(ctx)
	if err != nil {
		return nil, err
	}
	// The rows are there, and vacuumed; who writes them is another then.
	if _, err := l.project(ctx, set); err != nil {
		return nil, err
	}
	if err := l.unproject(); err != nil {
		return nil, err
	}
	stop, err := l.projectBeside(ctx, set)
	defer func() {
		if stop != nil {
			_ = stop() // whoever measured beside it has been told
		}
	}()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(set.socket)
	if err != nil {
		return nil, err
	}
	config.MaxConns = playerWorkers
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()

	window := pick(l, 500*time.Millisecond, 10*time.Second) // as long as the last reload took
	var reloads []float64
	withReload, without := NewRecorder(), NewRecorder()
	seed := l.o.Seed
	during := func(all *Recorder, what func(ctx context.Context) error) Measure {
		return func(ctx context.Context) (float64, error) {
			settle()
			seed++
			one, err := transactionTimes(ctx, pool, seed, what)
			if err != nil {
				return 0, err
			}
			all.Merge(one)
			return float64(one.Quantile(0.99)), nil
		}
	}
	reload := func(ctx context.Context) error {
		start := time.Now()
		err := stop()
		if err == nil {
			stop, err = l.projectBeside(ctx, set)
		}
		if err != nil {
			return err
		}
		window = time.Since(start)
		reloads = append(reloads, window.Seconds())
		return nil
	}
	rest := func(ctx context.Context) error {
		timer := time.NewTimer(window)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}
	r := l.result(c)
	r.Unit = "ns"
	r.Dataset = fmt.Sprintf("%s, and what %d workers make at %d commits/s", set.words, playerWorkers, reloadRate)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), during(withReload, reload), during(without, rest), l.round)
	r.Latency = withReload.Latency()
	r.Notes = []string{fmt.Sprintf("a reload takes %.1f s; medians: %s during one, %s without", Median(reloads),
		nanoseconds(float64(withReload.Quantile(0.5))), nanoseconds(float64(without.Quantile(0.5))))}
	return []Result{r}, err
}

// transactionTimes has workers play while something is done, and gives how long
// the transactions took that were due meanwhile.
func transactionTimes(ctx context.Context, pool *pgxpool.Pool, seed uint64, what func(ctx context.Context) error) (*Recorder, error) {
	var mu sync.Mutex
	var begun time.Time
	all := NewRecorder()
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	warm := make(chan struct{}, 1)
	commits := 0
	go func() {
		_, err := play(playing, pool, player.Options{Seed: seed, Rate: reloadRate, OnCommit: func(c player.Commit) {
			mu.Lock()
			defer mu.Unlock()
			if commits++; commits == reloadRate/10 {
				warm <- struct{}{}
			}
			if !begun.IsZero() && c.Due.After(begun) {
				all.Record(c.Returned.Sub(c.Due))
			}
		}}, time.Hour)
		failed <- err
	}()
	select {
	case <-warm:
	case err := <-failed:
		return nil, fmt.Errorf("the workers ended: %w", err)
	}
	mu.Lock()
	begun = time.Now()
	mu.Unlock()
	err := what(ctx)
	cancel()
	if played := <-failed; err == nil {
		err = played
	}
	return all, err
}
