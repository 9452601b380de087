package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	sidecar "github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Given is a database that is there. It is asked about its own tasks, by one
// question at a time, in sessions that cannot write; nothing is created.
type Given struct {
	// URL is where it is.
	URL string
	// Schema is that of the engine's tables. Defaults to the one that has them.
	Schema string
	// Rate is how many questions are asked each second at the most, 0.1 to
	// 100,000. Defaults to 100.
	Rate float64
	// Tasks is how many tasks, drawn by the seed, are asked about, 1 to 100,000.
	// Defaults to 1,000; of a batch it is at most 5,000.
	Tasks int
	// WithProjection asks the rows of tasker_sidecar too, which a running sidecar
	// keeps.
	WithProjection bool
	// Follow, if not nil, follows the database with a temporary slot, as a sidecar
	// does, so that the index in this process and HTTP are asked as well.
	Follow *replication.Options
}

func (g *Given) withDefaults() (*Given, error) {
	o := *g
	if o.Rate == 0 {
		o.Rate = 100
	}
	if o.Tasks == 0 {
		o.Tasks = 1000
	}
	var errs []error
	if o.Rate < 0.1 || o.Rate > 100_000 {
		errs = append(errs, fmt.Errorf("a rate of %v questions/s: between 0.1 and 100,000 are possible", o.Rate))
	}
	if o.Tasks < 1 || o.Tasks > 100_000 {
		errs = append(errs, fmt.Errorf("%d tasks to ask about: between 1 and 100,000 are possible", o.Tasks))
	}
	return &o, errors.Join(errs...)
}

// given opens the database that was given, once; nil: none was.
func (l *lab) given(ctx context.Context) (*arena, error) {
	if l.real != nil || l.o.Database == nil {
		return l.real, nil
	}
	g := l.o.Database
	l.stage("look at the database")
	conn, err := connect(ctx, g.URL, map[string]string{"default_transaction_read_only": "on", "statement_timeout": fmt.Sprint(l.o.Timeout.Milliseconds()), "application_name": "tasker-sidecar bench"})
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	a := &arena{
		options: matrix.DatabaseOptions{URL: g.URL, Schema: g.Schema, Timeout: l.o.Timeout}, names: []string{matrix.Engine}, batch: 5000, rate: g.Rate,
		now: func() tasker.Timestamp { return tasker.TimestampOf(time.Now()) }, ready: func(context.Context) error { return nil }, close: func() { conn.Close(context.Background()) },
	}
	if err := a.look(ctx, conn, g, l.o.Seed); err != nil {
		a.close()
		return nil, err
	}
	if g.Follow != nil {
		l.stage("load the index")
		if err := a.follow(ctx, conn, g.Follow); err != nil {
			a.close()
			return nil, err
		}
	}
	l.real = a
	return a, nil
}

// look finds out what there is to ask, and about which tasks.
func (a *arena) look(ctx context.Context, conn *pgx.Conn, g *Given, seed uint64) error {
	name, err := schema.Engine(ctx, conn, g.Schema)
	if err != nil {
		return err
	}
	a.options.Schema = name
	quoted := pgx.Identifier{name}.Sanitize()
	var functions, dropIns, rows, statements bool
	if err := conn.QueryRow(ctx, `SELECT to_regproc($1 || '.get_step_readiness_status') IS NOT NULL, to_regproc('tasker_sidecar_compat.get_step_readiness_status') IS NOT NULL,
			to_regclass('tasker_sidecar.freshness') IS NOT NULL, to_regclass('pg_stat_statements') IS NOT NULL`, quoted).Scan(&functions, &dropIns, &rows, &statements); err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if !functions {
		a.notes = append(a.notes, "the engine's functions are not in the schema "+name+", so there is nobody to compare with")
		a.names = nil
	}
	if dropIns {
		a.names = append(a.names, matrix.Exact)
	} else {
		a.notes = append(a.notes, "the drop-in functions are not installed, so exact is not asked")
	}
	switch {
	case !g.WithProjection:
	case dropIns && rows:
		a.names = append(a.names, matrix.Fast, matrix.Wait)
		a.counters = g.URL
	default:
		return errors.New("rows are to be asked, but the schema tasker_sidecar or the drop-in functions are not installed: see tasker-sidecar install --help")
	}
	if err := a.draw(ctx, conn, quoted, g, seed); err != nil {
		return err
	}
	if !statements {
		a.notes = append(a.notes, "pg_stat_statements is not there, so only latencies are reported")
		return nil
	}
	if _, _, _, _, _, err := (&meter{conn: conn}).read(ctx); err != nil {
		a.notes = append(a.notes, "pg_stat_statements cannot be read, so only latencies are reported: "+err.Error())
		return nil
	}
	a.clock = &serverClock{conn: conn, statements: true}
	return nil
}

// draw samples tasks that have steps, by ids drawn between the least and the
// greatest: no table is read as a whole.
func (a *arena) draw(ctx context.Context, conn *pgx.Conn, engine string, g *Given, seed uint64) error {
	tasks := g.Tasks
	var least, greatest *int64
	var about float64
	if err := conn.QueryRow(ctx, `SELECT (SELECT min(task_id)::bigint FROM `+engine+`.tasker_tasks), (SELECT max(task_id)::bigint FROM `+engine+`.tasker_tasks),
		(SELECT reltuples FROM pg_class WHERE oid = to_regclass($1 || '.tasker_tasks'))::float8`, engine).Scan(&least, &greatest, &about); err != nil {
		return fmt.Errorf("look for tasks: %w", err)
	}
	if least == nil {
		return errors.New("the engine's tables are empty: there is no task to ask about")
	}
	random := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a sample, no secret
	wanted := make([]int64, 2*tasks)
	for i := range wanted {
		wanted[i] = *least + random.Int64N(*greatest-*least+1)
	}
	covered := ""
	if g.WithProjection { // about the others nobody can be answered from rows
		covered = "WHERE EXISTS (SELECT FROM tasker_sidecar.task_rows r WHERE r.task_id = t.task_id)"
		a.notes = append(a.notes, "tasks about which no row tells, such as those finished long ago, are not asked about")
	}
	rows, err := conn.Query(ctx, `SELECT t.task_id::bigint, (SELECT max(s.workflow_step_id)::bigint FROM `+engine+`.tasker_workflow_steps s WHERE s.task_id = t.task_id)
		FROM (SELECT DISTINCT (SELECT n.task_id FROM `+engine+`.tasker_tasks n WHERE n.task_id >= w ORDER BY n.task_id LIMIT 1) AS task_id FROM unnest($1::bigint[]) AS w) t
		`+covered+` ORDER BY 1`, wanted)
	if err != nil {
		return fmt.Errorf("draw tasks: %w", err)
	}
	var task int64
	var step *int64
	if _, err := pgx.ForEachRow(rows, []any{&task, &step}, func() error {
		if step != nil && len(a.tasks) < tasks {
			a.tasks, a.steps = append(a.tasks, task), append(a.steps, *step)
		}
		return nil
	}); err != nil {
		return fmt.Errorf("draw tasks: %w", err)
	}
	if len(a.tasks) == 0 {
		return errors.New("no task that was drawn has a step, or is in the rows that are to be asked: the engine's tables, or those of tasker_sidecar, seem to be empty")
	}
	a.words = fmt.Sprintf("%d of about %s tasks of a database that was given", len(a.tasks), number(max(about, float64(len(a.tasks)))))
	a.prepare() // without a.all: to ask about every task would be no bounded load
	return nil
}

// follow loads an index and answers over HTTP until the arena is closed.
func (a *arena) follow(ctx context.Context, conn *pgx.Conn, o *replication.Options) error {
	follower, err := sidecar.New(sidecar.Options{Replication: *o})
	if err != nil {
		return err
	}
	drop, err := dropMade(ctx, conn, a.options.URL, cmp.Or(o.Publication, replication.DefaultPublication))
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	var failed error // valid after ended
	go func() {
		defer close(ended)
		failed = follower.Run(running)
	}()
	end := func() {
		cancel()
		<-ended
		drop()
	}
	for follower.View() == nil || follower.Status().State != replication.StateStreaming {
		select {
		case <-follower.Changed():
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			end()
			return ctx.Err()
		case <-ended:
			end()
			return replication.Explain(failed)
		}
	}
	server, err := api.New(live{follower}, patient)
	if err == nil {
		err = server.Start(ctx)
	}
	if err != nil {
		end()
		return err
	}
	before := a.close
	a.close = func() {
		_ = server.Stop(context.Background()) // nobody depends on its last answers
		end()
		before()
	}
	a.view, a.address = follower.View, server.Addr()
	a.reach = func(ctx context.Context) error {
		var text string
		if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
			return err
		}
		lsn, err := tasker.ParseLSN(text)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		return follower.WaitFor(ctx, lsn)
	}
	a.names = append(a.names, matrix.OverHTTP, matrix.InProcess)
	return nil
}

// dropMade drops the publication of that name if it is not there now, unless
// somebody else has come to need it by then, who has a lasting slot.
func dropMade(ctx context.Context, conn *pgx.Conn, url, name string) (drop func(), err error) {
	var there bool
	var before, after int
	const slots = "(SELECT count(*) FROM pg_replication_slots WHERE NOT temporary AND plugin = 'pgoutput' AND database = current_database())"
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = $1), "+slots, name).Scan(&there, &before); err != nil {
		return nil, fmt.Errorf("look for the publication: %w", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if there {
			return
		}
		conn, err := pgx.Connect(ctx, url) // an interruption has ended the other one
		if err != nil {
			return
		}
		defer conn.Close(ctx)
		if conn.QueryRow(ctx, "SELECT "+slots).Scan(&after) != nil || after > before {
			return
		}
		// Who may not drop it has not made it.
		_, _ = conn.Exec(ctx, "DROP PUBLICATION IF EXISTS "+pgx.Identifier{name}.Sanitize())
	}, nil
}

// live is a source that follows.
type live struct{ *sidecar.Follower }

func (l live) Current() (*readiness.View, api.Freshness) {
	v := l.View()
	return v, api.Freshness{AsOfLSN: v.LSN()}
}
func (live) Status() api.Status { return api.Status{} }
func (live) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return 0, 0, errors.New("they are not asked for")
}
