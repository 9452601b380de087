package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// runWaitIdle asks in mode wait, at moments made by chance, while nobody else
// does anything: what is waited for is that the log is confirmed which the
// server and the projection have written by themselves.
func runWaitIdle(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	if _, err := l.project(ctx, set); err != nil {
		return nil, err
	}
	question := asked{set: set, mode: "wait"}
	conn, err := question.session(ctx, true)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	counters, err := countAnswers(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer counters.close()
	duration := l.span(300*time.Millisecond, 10*time.Second)
	random := rand.New(rand.NewPCG(l.o.Seed, 1)) //nolint:gosec // moments, no secrets
	r := l.result(c)
	r.Unit = "ns"
	r.Dataset = fmt.Sprintf("%s; one session for %v a round, 0 to 20 ms between its questions", set.words, duration)
	all := NewRecorder()
	count := 0
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		settle()
		one := NewRecorder()
		for start := time.Now(); time.Since(start) < duration; count++ {
			timer := time.NewTimer(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
			select {
			case <-ctx.Done():
				timer.Stop()
				return []Result{r}, ctx.Err()
			case <-timer.C:
			}
			asked := time.Now()
			if err := drain(ctx, conn, "SELECT * FROM get_step_readiness_status($1::BIGINT)", set.first+spread(count, set.tasks)); err != nil {
				return []Result{r}, err
			}
			one.Record(time.Since(asked))
		}
		if round > 0 {
			r.Samples = append(r.Samples, float64(one.Quantile(0.99)))
			all.Merge(one)
		}
	}
	r.Latency = all.Latency()
	conn.Close(ctx) // which makes its counts known
	note, err := counters.fromRows(ctx, count)
	r.Notes = []string{note}
	return []Result{r}, err
}
