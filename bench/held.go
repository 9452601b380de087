package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// heldSuite takes a quarter of an hour, so it is not part of the suite rows.
func heldSuite() Suite {
	return Suite{
		Name: "held",
		What: "answer from rows, and what becomes of them, while somebody keeps a transaction open for 15 minutes",
		Cases: []Case{{
			Name: "held", What: "server time of the drop-in readiness of a 10-step task, fast, under load, after a transaction was open for 15 minutes",
			Against: "of the engine's function", Goal: Goal{AtLeast: 3}, form: Advantage, run: runHeld,
		}},
	}
}

// rowTables are the tables that the projection writes.
var rowTables = []string{"step_rows", "task_rows", "dag_rows", "candidate_rows", "flushes"}

// runHeld keeps a snapshot open, so that nothing that is replaced can be removed,
// while workers make changes; and looks at the answers and the tables before,
// at its end, and after it.
func runHeld(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{"ALTER SYSTEM SET autovacuum = on", "ALTER SYSTEM SET autovacuum_naptime = '5s'", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
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
	if _, err := l.project(ctx, set); err != nil {
		return nil, err
	}
	duration := pick(l, 300*time.Millisecond, 15*time.Minute)
	question := asked{
		set: set, mode: "fast", samples: 100,
		sql:  "SELECT * FROM get_step_readiness_status($1::BIGINT)",
		args: func(i int) []any { return []any{set.first + spread(i, set.tasks)} },
	}
	// ask measures under load, which ends with it.
	ask := func(load func(ctx context.Context) error) (Result, error) {
		playing, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- load(playing) }()
		// Compared were the answers at rest: under load no two are of one moment.
		q := question
		q.samples = -1
		results, err := l.serverTimes(ctx, c, q)
		cancel()
		if err := <-ended; err != nil {
			return Result{}, err
		}
		if err != nil {
			return Result{}, err
		}
		return results[0], nil
	}
	seed := l.o.Seed
	load := func(ctx context.Context) error {
		seed++
		_, err := play(ctx, pool, player.Options{Seed: seed, Rate: commitRate}, time.Hour)
		return err
	}

	l.stage("ask before")
	if _, err := l.serverTimes(ctx, c, question); err != nil {
		return nil, err
	}
	before, err := ask(load)
	if err != nil {
		return nil, err
	}
	fresh, err := readRowSizes(ctx, conn)
	if err != nil {
		return nil, err
	}
	holder, err := pgx.Connect(ctx, set.url)
	if err != nil {
		return nil, err
	}
	defer holder.Close(context.WithoutCancel(ctx))
	if _, err := holder.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_snapshot()"); err != nil {
		return nil, err
	}
	l.stage(fmt.Sprintf("keep a transaction open for %v", duration))
	counters, err := play(ctx, pool, player.Options{Seed: seed + 1000, Rate: commitRate}, duration)
	if err != nil {
		return nil, err
	}
	l.stage("ask at its end")
	after, err := ask(load)
	if err != nil {
		return nil, err
	}
	held, err := readRowSizes(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err := holder.Exec(ctx, "ROLLBACK"); err != nil {
		return nil, err
	}
	l.stage("vacuum")
	for _, table := range rowTables {
		if _, err := conn.Exec(ctx, "VACUUM tasker_sidecar."+table); err != nil {
			return nil, err
		}
	}
	freed, err := readRowSizes(ctx, conn)
	if err != nil {
		return nil, err
	}

	after.Dataset = fmt.Sprintf("%s, and %d commits of %d workers at %d/s", set.words, counters.Commits, playerWorkers, commitRate)
	before.Judge(c.form)
	after.Notes = append(after.Notes, fmt.Sprintf("before it was opened, under the same load: %s", before.Ratio))
	size := l.result(c)
	size.Name, size.What = c.Name+"-size", "size of the tables of rows and their indexes then, in sizes before"
	size.Subject, size.Baseline, size.Unit, size.Dataset = size.What, "", "", after.Dataset
	size.Goal = &Goal{AtMost: 3}
	size.Samples = []float64{held.total() / fresh.total()} // it is one look
	size.Notes = []string{
		"MB before, at its end, and after it and a vacuum: " + describeSizes(fresh, held, freed),
	}
	return []Result{after, size}, nil
}

// rowSizes is how many bytes each table of rows takes with its indexes.
type rowSizes map[string]float64

func readRowSizes(ctx context.Context, conn *pgx.Conn) (rowSizes, error) {
	sizes := rowSizes{}
	for _, table := range rowTables {
		var size float64
		if err := conn.QueryRow(ctx, "SELECT pg_total_relation_size($1::text::regclass)::float8", "tasker_sidecar."+table).Scan(&size); err != nil {
			return nil, err
		}
		sizes[table] = size
	}
	return sizes, nil
}

func (s rowSizes) total() (sum float64) {
	for _, size := range s {
		sum += size
	}
	return sum
}

func describeSizes(moments ...rowSizes) string {
	words := make([]string, 0, len(rowTables)+1)
	line := func(name string, size func(rowSizes) float64) {
		numbers := make([]string, len(moments))
		for i, m := range moments {
			numbers[i] = fmt.Sprintf("%.1f", size(m)/1e6)
		}
		words = append(words, name+" "+strings.Join(numbers, " "))
	}
	for _, table := range rowTables {
		line(table, func(s rowSizes) float64 { return s[table] })
	}
	line("all", rowSizes.total)
	return strings.Join(words, ", ")
}
