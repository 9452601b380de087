package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

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
	server, err := api.New(still{view}, api.Options{Listen: "127.0.0.1:0"})
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
	browsers := make([]*browser, clients)
	for i := range browsers {
		if browsers[i], err = newBrowser(ctx, server.Addr()); err != nil {
			return nil, err
		}
		defer browsers[i].conn.Close()
	}
	task := func(i int) int64 { return set.first + spread(i, set.tasks) }

	r := l.result(c)
	r.Unit, r.Better, r.Dataset = "requests/s", Higher, set.words
	r.Notes = []string{fmt.Sprintf("%d clients on each side, on the machine that answers", clients)}
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(),
		requestRate(least, func(_ context.Context, who, i int) error {
			return browsers[who].get(fmt.Sprintf("/v1/tasks/%d/steps", task(i)))
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

// browser is a client on one kept connection, as lean as the database's on the
// other side: what is measured is who answers.
type browser struct {
	host   string
	conn   net.Conn
	reader *bufio.Reader
}

func newBrowser(ctx context.Context, address string) (*browser, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &browser{address, conn, bufio.NewReader(conn)}, nil
}

// get reads a whole answer.
func (b *browser) get(path string) error {
	if _, err := fmt.Fprintf(b.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, b.host); err != nil {
		return err
	}
	response, err := http.ReadResponse(b.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	return nil
}

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
