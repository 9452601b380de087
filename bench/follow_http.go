package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// clients is how many ask at once, on both sides.
const clients = 8

func runHTTP(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	f, err := follow(ctx, set.url, hooks{})
	if err != nil {
		return nil, err
	}
	view := f.view()
	f.stop()
	server, err := api.New(still{view}, patient)
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	defer server.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // nobody depends on its last answers
	least := pick(l, 100*time.Millisecond, 2*time.Second)
	conns := make([]*pgx.Conn, clients)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, set.socket); err != nil {
			return nil, err
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
	}
	browsers := make([]*matrix.HTTP, clients)
	for i := range browsers {
		if browsers[i], err = matrix.Browse(ctx, server.Addr()); err != nil {
			return nil, err
		}
		defer browsers[i].Close()
	}
	task := func(i int) int64 { return set.first + spread(i, set.tasks) }

	r := l.result(c)
	r.Unit, r.Better, r.Dataset = "requests/s", Higher, set.words
	r.Notes = []string{fmt.Sprintf("%d clients on each side, on the machine that answers", clients)}
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(),
		requestRate(least, func(_ context.Context, who, i int) error {
			_, err := browsers[who].Get(fmt.Sprintf("/v1/tasks/%d/steps", task(i)))
			return err
		}),
		requestRate(least, func(ctx context.Context, who, i int) error {
			rows, err := conns[who].Query(ctx, "SELECT * FROM get_step_readiness_status($1::BIGINT)", task(i))
			if err != nil {
				return err
			}
			for rows.Next() {
				_ = rows.RawValues()
			}
			return rows.Err()
		}), l.round)
	return []Result{r}, err
}

// requestRate is a closed loop of all clients for the given time.
func requestRate(least time.Duration, ask func(ctx context.Context, who, i int) error) Measure {
	return func(ctx context.Context) (float64, error) {
		counts := make([]int, clients)
		start := time.Now()
		g, ctx := errgroup.WithContext(ctx)
		for who := range clients {
			g.Go(func() error {
				for time.Since(start) < least {
					if err := ask(ctx, who, counts[who]*clients+who); err != nil {
						return err
					}
					counts[who]++
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return 0, err
		}
		total := 0
		for _, n := range counts {
			total += n
		}
		return float64(total) / time.Since(start).Seconds(), nil
	}
}

// patient keeps connections of those who wait while others are asked.
var patient = api.Options{Listen: "127.0.0.1:0", ReadHeaderTimeout: time.Hour, ReadTimeout: time.Hour, WriteTimeout: time.Hour, IdleTimeout: time.Hour}

// still is a source whose view does not move.
type still struct{ view *readiness.View }

func (s still) Current() (*readiness.View, api.Freshness) {
	return s.view, api.Freshness{AsOfLSN: s.view.LSN()}
}
func (s still) WaitFor(context.Context, tasker.LSN) error { return nil }
func (s still) Status() api.Status                        { return api.Status{} }
func (s still) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return 0, 0, errors.New("there is no database to ask")
}
