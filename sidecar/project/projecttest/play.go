package projecttest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// Play has simulated workers at work until the returned function is called;
// change may be nil. They fail, die, race and are helped by hand.
func Play(t testing.TB, url string, change func(*player.Options)) (stop func()) {
	t.Helper()
	o := player.Options{
		Workers: 3, Rate: 80, Seed: 1, FailureRate: 0.1, BackoffRate: 0.2, BackoffSeconds: 1, DeathRate: 0.01, RaceRate: 0.05, SplitRate: 0.2, GrowthRate: 0.05,
		Operator: player.Operator{Retry: 3, Resolve: 1, Cancel: 1, Patience: 200 * time.Millisecond},
	}
	if change != nil {
		change(&o)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = int32(o.Workers) + 1 //nolint:gosec // a few
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	p, err := player.New(pool, o)
	if err != nil {
		pool.Close()
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the player: %v", err)
		}
		pool.Close()
		if p.Counters().Commits == 0 {
			t.Error("there was no load")
		}
	})
	t.Cleanup(stop)
	return stop
}
