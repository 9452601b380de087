package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// commitRate is how many transactions are committed each second, by how many
// sessions.
const (
	commitRate     = 500
	commitSessions = 4
)

// commitTimes are of one transaction.
type commitTimes struct {
	sent, returned time.Time // COMMIT
}

// witness notes when readers see each transaction.
type witness struct {
	pending []uint32 // begun and not yet seen; of the applying goroutine alone

	mu   sync.Mutex
	seen map[uint32]time.Time
}

func (w *witness) begin(xid uint32) { w.pending = append(w.pending, xid) }

func (w *witness) published() {
	now := time.Now()
	w.mu.Lock()
	for _, xid := range w.pending {
		w.seen[xid] = now
	}
	w.mu.Unlock()
	w.pending = w.pending[:0]
}

// runCommit commits at a rate.
func runCommit(rate int) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, c *Case) ([]Result, error) { return l.commitAt(ctx, c, rate) }
}

func (l *lab) commitAt(ctx context.Context, c *Case, rate int) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	w := &witness{seen: map[uint32]time.Time{}}
	f, err := follow(ctx, set.url, hooks{begin: w.begin, published: w.published})
	if err != nil {
		return nil, err
	}
	defer f.stop()
	conns := make([]*pgx.Conn, commitSessions)
	for i := range conns {
		if conns[i], err = pgx.Connect(ctx, set.socket); err != nil {
			return nil, err
		}
		defer conns[i].Close(context.WithoutCancel(ctx))
	}

	sent, returned := l.result(c), l.result(c)
	sent.Name, sent.What = c.Name+"-sent", c.What+", from COMMIT sent"
	returned.Name, returned.What = c.Name+"-returned", c.What+", from COMMIT returned (before it: 0)"
	sent.Subject, returned.Subject = sent.What, returned.What
	fromSent, fromReturned := NewRecorder(), NewRecorder()
	duration := l.span(time.Second, 10*time.Second)
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		settle()
		times, err := commitLoad(ctx, conns, set, rate, duration)
		if err != nil {
			return []Result{sent, returned}, err
		}
		s, r, err := w.latencies(ctx, f, times)
		if err != nil {
			return []Result{sent, returned}, err
		}
		if round == 0 {
			continue
		}
		sent.Samples = append(sent.Samples, float64(s.Quantile(0.99)))
		returned.Samples = append(returned.Samples, float64(r.Quantile(0.99)))
		fromSent.Merge(s)
		fromReturned.Merge(r)
	}
	for _, r := range []*Result{&sent, &returned} {
		r.Unit = "ns"
		r.Dataset = fmt.Sprintf("%s; %d commits/s by %d sessions for %v a round, each at its appointed time", set.words, rate, commitSessions, duration)
	}
	sent.Latency, returned.Latency = fromSent.Latency(), fromReturned.Latency()
	return []Result{sent, returned}, nil
}

// commitLoad commits transactions, each at its appointed time.
func commitLoad(ctx context.Context, conns []*pgx.Conn, set *dataset, rate int, duration time.Duration) (map[uint32]commitTimes, error) {
	var mu sync.Mutex
	all := map[uint32]commitTimes{}
	err := openLoop(ctx, conns, rate, duration, func(ctx context.Context, conn *pgx.Conn, i int) error {
		xid, times, err := commitOne(ctx, conn, set.first+spread(i, set.tasks))
		mu.Lock()
		all[xid] = times
		mu.Unlock()
		return err
	})
	return all, err
}

// openLoop does something at a rate for some time, on all connections: each
// time is appointed, and the next one does not wait for a late one to be
// forgiven. At the rate 0 it is done flat out.
func openLoop(ctx context.Context, conns []*pgx.Conn, rate int, duration time.Duration, do func(ctx context.Context, conn *pgx.Conn, i int) error) error {
	start := time.Now().Add(50 * time.Millisecond)
	due := func(i int) time.Duration {
		if rate == 0 {
			return time.Since(start)
		}
		return time.Duration(i) * time.Second / time.Duration(rate)
	}
	g, ctx := errgroup.WithContext(ctx)
	for who, conn := range conns {
		g.Go(func() error {
			for i := who; due(i) < duration; i += len(conns) {
				timer := time.NewTimer(time.Until(start.Add(due(i))))
				select {
				case <-ctx.Done():
					timer.Stop()
					return ctx.Err()
				case <-timer.C:
				}
				if err := do(ctx, conn, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// commitOne moves a step of a task, and says when its COMMIT was sent and when
// it had come back.
func commitOne(ctx context.Context, conn *pgx.Conn, task int64) (xid uint32, times commitTimes, err error) {
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return 0, times, err
	}
	var wide int64
	err = conn.QueryRow(ctx, `UPDATE tasker_workflow_steps SET in_process = NOT in_process, last_attempted_at = now(), updated_at = now()
		WHERE workflow_step_id = (SELECT max(workflow_step_id) FROM tasker_workflow_steps WHERE task_id = $1)
		RETURNING pg_current_xact_id()::text::bigint`, task).Scan(&wide)
	if err != nil {
		return 0, times, err
	}
	times.sent = time.Now()
	_, err = conn.Exec(ctx, "COMMIT")
	times.returned = time.Now()
	return uint32(wide), times, err //nolint:gosec // the log has the lower half
}

// latencies waits until all transactions have been seen.
func (w *witness) latencies(ctx context.Context, f *following, times map[uint32]commitTimes) (fromSent, fromReturned *Recorder, err error) {
	fromSent, fromReturned = NewRecorder(), NewRecorder()
	deadline := time.Now().Add(30 * time.Second)
	for xid, t := range times {
		seen, ok := w.when(xid)
		for !ok {
			if time.Now().After(deadline) {
				return nil, nil, errors.New("a committed transaction was not seen within 30 s")
			}
			select {
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			case <-f.ended:
				return nil, nil, fmt.Errorf("following ended: %w", f.err)
			case <-f.index.Load().Changed():
			}
			seen, ok = w.when(xid)
		}
		fromSent.Record(seen.Sub(t.sent))
		fromReturned.Record(seen.Sub(t.returned))
	}
	return fromSent, fromReturned, nil
}

func (w *witness) when(xid uint32) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.seen[xid]
	return t, ok
}
