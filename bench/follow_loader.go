package bench

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// runLoader measures how fast the data sets get into a database, from the
// first workflow generated to the last index built.
func runLoader(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	spec := l.layeredSpec(pick(l, 1000, 100_000))
	r := l.result(c)
	r.Unit, r.Better = "steps/s", Higher
	measure := func(ctx context.Context) (float64, error) {
		stats, err := l.loadOnce(ctx, spec)
		r.Dataset = words(stats) + "; into empty tables, their indexes built after the rows"
		return stats.StepsPerSecond(), err
	}
	var err error
	r.Samples, _, err = Interleave(ctx, l.rounds(), measure, nil, l.round)
	return []Result{r}, err
}

// loadOnce loads into a database that is gone afterwards.
func (l *lab) loadOnce(ctx context.Context, spec workload.Spec) (loader.Stats, error) {
	const name = "loaded"
	_, pool, err := l.database(ctx, name)
	if err != nil {
		return loader.Stats{}, err
	}
	stats, err := loader.Load(ctx, pool, workload.Generate(spec), loader.Options{BuildIndexesAfter: true})
	pool.Close()
	if err != nil {
		return stats, err
	}
	admin, err := pgx.Connect(ctx, l.server.URL())
	if err != nil {
		return stats, err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	_, err = admin.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	return stats, err
}
