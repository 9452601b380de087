package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// benchSlot keeps a stretch for pg_recvlogical.
const benchSlot = "tasker_bench"

func runApply(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	steps := pick(l, 500, 20_000)
	receive, err := l.client("pg_recvlogical")
	if err != nil {
		return nil, err
	}
	admin, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	first, err := follow(ctx, set.url, hooks{}) // makes the publication
	if err != nil {
		return nil, err
	}
	first.stop()

	r := l.result(c)
	r.Unit, r.Better = "changes/s", Higher
	r.Notes = []string{"pg_recvlogical's time has the start of its process in it; when ours begins, the server has filled the connection's buffers"}
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		ours, theirs, err := applyRound(ctx, set, admin, steps, round%2 != 0, receive)
		if err != nil {
			return []Result{r}, err
		}
		r.Dataset = fmt.Sprintf("%s; a stretch of %d changes in transactions of three", set.words, ours.changes)
		if round > 0 { // the first is the warm-up
			r.Samples = append(r.Samples, float64(ours.changes)/ours.wall.Seconds())
			r.BaselineSamples = append(r.BaselineSamples, float64(ours.changes)/theirs.Seconds())
		}
	}
	return []Result{r}, nil
}

// applyRound writes a stretch and has it read by both, the baseline before or
// after the subject.
func applyRound(ctx context.Context, set *dataset, admin *pgx.Conn, steps int, baselineFirst bool, receive func(ctx context.Context, args ...string) error) (ours applied, theirs time.Duration, err error) {
	if _, err := admin.Exec(ctx, "SELECT pg_create_logical_replication_slot($1, 'pgoutput', temporary => false)", benchSlot); err != nil {
		return ours, 0, err
	}
	defer func() {
		_, dropped := admin.Exec(context.WithoutCancel(ctx), "SELECT pg_drop_replication_slot($1)", benchSlot)
		if err == nil {
			err = dropped
		}
	}()
	baseline := func(end tasker.LSN) error {
		start := time.Now()
		err := receive(ctx, "-d", set.url, "-S", benchSlot, "--start", "--no-loop", "-f", "/dev/null", "--endpos="+end.String(), "--fsync-interval=0",
			"-o", "proto_version=1", "-o", "publication_names="+replication.DefaultPublication, "-o", "binary=true")
		theirs = time.Since(start)
		return err
	}
	var last tasker.LSN
	_, ours, err = applyStretch(ctx, set, steps, nil, func(end tasker.LSN) error {
		last = end
		if baselineFirst {
			return baseline(end)
		}
		return nil
	})
	if err == nil && !baselineFirst {
		err = baseline(last)
	}
	return ours, theirs, err
}

func runChangeCost(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	steps := pick(l, 500, 10_000)
	sets := [2]*dataset{}
	for i, tasks := range []int{pick(l, 5000, 1_000_000), 1000} {
		// Tasks of few steps: what is to grow is their number.
		set, err := l.load(ctx, fmt.Sprintf("small%d", tasks), workload.Spec{
			Tasks: tasks, Seed: l.o.Seed,
			Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Chain(pick(l, 2, 1)))}},
			Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Fresh}},
		})
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	cost := func(set *dataset) Measure {
		return func(ctx context.Context) (float64, error) {
			_, a, err := applyStretch(ctx, set, steps, nil, nil)
			if err != nil {
				return 0, err
			}
			return float64(a.cpu) / float64(a.changes), nil
		}
	}
	r := l.result(c)
	r.Unit, r.Dataset = "ns/op", sets[0].words+"; baseline "+sets[1].words
	var err error
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), cost(sets[0]), cost(sets[1]), l.round)
	return []Result{r}, err
}
