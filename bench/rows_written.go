package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// countChanges makes the database count, for each table of rows, what has come,
// gone, or become something else, whoever wrote it and how often.
const countChanges = `
CREATE SEQUENCE public.bench_changed;
CREATE FUNCTION public.bench_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('public.bench_changed');
    RETURN NULL;
END $$;
DO $$
DECLARE
    rows text;
BEGIN
    FOREACH rows IN ARRAY ARRAY['step_rows', 'task_rows', 'dag_rows', 'candidate_rows'] LOOP
        EXECUTE format('CREATE TRIGGER bench_changed AFTER INSERT OR DELETE ON tasker_sidecar.%I FOR EACH ROW EXECUTE FUNCTION public.bench_changed()', rows);
        EXECUTE format('CREATE TRIGGER bench_became AFTER UPDATE ON tasker_sidecar.%I FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION public.bench_changed()', rows);
    END LOOP;
END $$`

func runWritten(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	if err := l.unproject(); err != nil {
		return nil, err
	}
	set, pool, err := l.playersSet(ctx, "written")
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.PgConn().Exec(ctx, countChanges).ReadAll(); err != nil {
		return nil, err
	}
	p, err := startProjecting(ctx, set, nil)
	if err != nil {
		return nil, err
	}
	defer p.stop() //nolint:errcheck // had it ended, the rows would not have come
	if err := p.counts(ctx); err != nil {
		return nil, err
	}
	state := func() (written, changed int64, err error) {
		if err := p.reach(ctx, conn); err != nil {
			return 0, 0, err
		}
		err = conn.QueryRow(ctx, "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.bench_changed").Scan(&changed)
		return int64(p.project.Status().Rows), changed, err //nolint:gosec // small
	}
	duration := pick(l, 300*time.Millisecond, 5*time.Second)
	r := l.result(c)
	r.Unit = "rows"
	r.Dataset = fmt.Sprintf("%s, and what %d workers make at %d commits/s in %v a round", set.words, playerWorkers, commitRate, duration)
	r.Notes = []string{"what has become something else is counted by triggers on the tables of rows"}
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		written, changed, err := state()
		if err != nil {
			return []Result{r}, err
		}
		if _, err := play(ctx, pool, player.Options{Seed: l.o.Seed + uint64(round), Rate: commitRate}, duration); err != nil { //nolint:gosec // not negative
			return []Result{r}, err
		}
		writtenNow, changedNow, err := state()
		if err != nil {
			return []Result{r}, err
		}
		if round > 0 {
			r.Samples = append(r.Samples, float64(writtenNow-written))
			r.BaselineSamples = append(r.BaselineSamples, float64(changedNow-changed))
		}
	}
	return []Result{r}, nil
}
