package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestRatioTmp(t *testing.T) {
	ctx := t.Context()
	url := pgtest.Database(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil { t.Fatal(err) }
	if err := testbed.Install(ctx, conn, testbed.Options{}); err != nil { t.Fatal(err) }
	if err := golden.Load(ctx, conn); err != nil { t.Fatal(err) }
	conn.Exec(ctx, "VACUUM ANALYZE")
	defer conn.Close(ctx)
	var tasks []int64
	for _, r := range goldenTable(t, "tasker_tasks") { tasks = append(tasks, r.id("task_id")) }
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}), Options{})
	const clients = 8
	conns := make([]*pgx.Conn, clients)
	for i := range conns {
		c, err := pgx.Connect(ctx, url)
		if err != nil { t.Fatal(err) }
		defer c.Close(context.Background())
		conns[i] = c
	}
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	rate := func(ask func(i int, task int64) error) float64 {
		var n atomic.Int64
		var wg sync.WaitGroup
		start := time.Now()
		for i := range clients {
			wg.Go(func() {
				for k := i; time.Since(start) < time.Second; k++ {
					if err := ask(i, tasks[k%len(tasks)]); err != nil { t.Error(err); return }
					n.Add(1)
				}
			})
		}
		wg.Wait()
		return float64(n.Load()) / time.Since(start).Seconds()
	}
	for range 6 {
		p := rate(func(i int, task int64) error {
			rows, err := conns[i].Query(ctx, "SELECT * FROM get_step_readiness_status($1::BIGINT)", task)
			if err != nil { return err }
			for rows.Next() { _ = rows.RawValues() }
			return rows.Err()
		})
		h := rate(func(_ int, task int64) error {
			r, err := client.Get(fmt.Sprintf("http://%s/v1/tasks/%d/steps", s.Addr(), task))
			if err != nil { return err }
			defer r.Body.Close()
			_, err = io.Copy(io.Discard, r.Body)
			return err
		})
		fmt.Printf("pgx %.0f/s http %.0f/s ratio %.1f\n", p, h, h/p)
	}
}
