package loader

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/names"
)

// Options of [Load]. The zero value is usable.
type Options struct {
	// Parallel is how many connections copy at once; one more is used for
	// names and ids. The pool must allow them. Defaults to 4; more than the
	// pool allows is cut.
	Parallel int
	// CheckReferences leaves the foreign keys checked even where the role
	// could do without.
	CheckReferences bool
	// BuildIndexesAfter drops the indexes of the five tables, but those of
	// constraints, and builds them when all rows are there, which takes less
	// than half of the work of keeping them up to date. Only for empty tables
	// of a database that nobody else uses meanwhile: others are locked out
	// while an index is built, and if this process is killed the indexes are
	// missing. An error or the end of the context is no such case: they are
	// built again.
	BuildIndexesAfter bool
	// Progress is called after each committed batch with the totals so far,
	// never by two goroutines at once. Optional.
	Progress func(Stats)
	// Now gives the time of the named rows that are missing. Defaults to
	// time.Now.
	Now func() time.Time
}

// Stats counts what has been committed.
type Stats struct {
	Batches                                           int
	Tasks, Steps, Edges, TaskTransitions, Transitions int
	Elapsed                                           time.Duration
	ReferencesChecked                                 bool // by the database, row by row
	FirstTaskID, LastTaskID                           int64
}

// StepsPerSecond is the rate, 0 before anything was loaded.
func (s Stats) StepsPerSecond() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Steps) / s.Elapsed.Seconds()
}

// Load writes all batches. On an error the batches already committed stay
// (Stats says how many), and no other leaves a trace but gaps in the sequences.
// The same when ctx ends, but that a batch whose COMMIT was under way then may
// be there and not be counted.
func Load(ctx context.Context, pool *pgxpool.Pool, batches iter.Seq[*workload.Batch], opts Options) (Stats, error) {
	if opts.Parallel <= 0 {
		opts.Parallel = 4
	}
	opts.Parallel = max(1, min(opts.Parallel, int(pool.Config().MaxConns)-1))
	if opts.Now == nil {
		opts.Now = time.Now
	}
	l := &loading{opts: opts, begun: time.Now()}

	control, err := pool.Acquire(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("connecting to load a workload: %w", err)
	}
	defer control.Release()
	if err := l.prepare(ctx, control.Conn()); err != nil {
		return Stats{}, err
	}

	if opts.BuildIndexesAfter {
		dropped, err := dropIndexes(ctx, control.Conn())
		if err != nil {
			return Stats{}, err
		}
		stats, err := l.run(ctx, pool, control.Conn(), batches)
		err = errors.Join(err, buildIndexes(ctx, pool, opts.Parallel, dropped))
		stats.Elapsed = time.Since(l.begun)
		return stats, err
	}
	return l.run(ctx, pool, control.Conn(), batches)
}

// run copies all batches.
func (l *loading) run(ctx context.Context, pool *pgxpool.Pool, control *pgx.Conn, batches iter.Seq[*workload.Batch]) (Stats, error) {
	opts := l.opts
	whole := ctx // a batch that has begun is not cut short because another failed
	group, ctx := errgroup.WithContext(ctx)
	full, empty := make(chan *encoded), make(chan *encoded, opts.Parallel+1)
	for range opts.Parallel + 1 {
		empty <- new(encoded)
	}
	group.Go(func() error {
		defer close(full)
		return l.encodeAll(ctx, control, batches, empty, full)
	})
	var stats Stats
	stats.ReferencesChecked = !l.replica
	committed := make(chan committed)
	copiers, copyCtx := errgroup.WithContext(ctx)
	for range opts.Parallel {
		copiers.Go(func() error { return l.copyAll(copyCtx, whole, pool, full, empty, committed) })
	}
	group.Go(func() error {
		defer close(committed)
		return copiers.Wait()
	})
	for c := range committed {
		stats.add(c)
		stats.Elapsed = time.Since(l.begun)
		if opts.Progress != nil {
			opts.Progress(stats)
		}
	}
	err := group.Wait()
	stats.Elapsed = time.Since(l.begun)
	return stats, err
}

func (s *Stats) add(c committed) {
	s.Batches++
	s.Tasks += c.Tasks
	s.Steps += c.WorkflowSteps
	s.Edges += c.WorkflowStepEdges
	s.TaskTransitions += c.TaskTransitions
	s.Transitions += c.WorkflowStepTransitions
	if s.FirstTaskID == 0 || c.firstTask < s.FirstTaskID {
		s.FirstTaskID = c.firstTask
	}
	s.LastTaskID = max(s.LastTaskID, c.lastTask)
}

// committed is what one batch brought.
type committed struct {
	workload.Count
	firstTask, lastTask int64
}

// loading is one call of Load.
type loading struct {
	opts    Options
	begun   time.Time
	replica bool // references are not checked
	names   *names.Cache
	ids     ids
}

// prepare finds out what the role may and where the ids come from.
func (l *loading) prepare(ctx context.Context, conn *pgx.Conn) error {
	if !l.opts.CheckReferences {
		// an error only says that the role may not
		_, err := conn.Exec(ctx, "SET session_replication_role = replica; RESET session_replication_role")
		l.replica = err == nil
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	l.names = names.New(l.opts.Now)
	return l.ids.find(ctx, conn)
}

// encodeAll turns batches into what COPY takes.
func (l *loading) encodeAll(ctx context.Context, conn *pgx.Conn, batches iter.Seq[*workload.Batch], empty <-chan *encoded, full chan<- *encoded) error {
	var rows workload.Rows
	for b := range batches {
		if err := l.names.Ensure(ctx, conn, workflows(b)...); err != nil {
			return err
		}
		count := b.Count()
		ids, err := l.ids.reserve(ctx, conn, count)
		if err != nil {
			return err
		}
		rows.Reset()
		rows.Add(b, ids, l.names)
		var e *encoded
		select {
		case e = <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		e.encode(&rows, count)
		select {
		case full <- e:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// copyAll writes encoded batches, each in a transaction.
func (l *loading) copyAll(ctx, whole context.Context, pool *pgxpool.Pool, full <-chan *encoded, empty chan<- *encoded, done chan<- committed) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to load a workload: %w", err)
	}
	defer conn.Release()
	for {
		select {
		case <-ctx.Done(): // another connection failed
			return context.Cause(ctx)
		case e, ok := <-full:
			if !ok {
				return nil
			}
			if err := l.copy(whole, conn.Conn(), e); err != nil {
				return err
			}
			done <- e.committed
			empty <- e
		}
	}
}

func (l *loading) copy(ctx context.Context, conn *pgx.Conn, e *encoded) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if l.replica {
			if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
				return fmt.Errorf("switching the checks of references off: %w", err)
			}
		}
		for i := range e.tables {
			t := &e.tables[i]
			if t.rows == 0 {
				continue
			}
			tag, err := conn.PgConn().CopyFrom(ctx, t.reader(), copyStatements[i])
			if err != nil {
				return fmt.Errorf("copying %d rows into %s: %w", t.rows, copied[i].table, err)
			}
			if tag.RowsAffected() != int64(t.rows) {
				return errors.New("the database copied another number of rows than it was sent")
			}
		}
		return nil
	})
}

// workflows are those of a batch, those that follow one another once.
func workflows(b *workload.Batch) []*workload.Workflow {
	var all []*workload.Workflow
	for i, t := range b.Tasks {
		if i == 0 || b.Tasks[i-1].Workflow != t.Workflow {
			all = append(all, t.Workflow)
		}
	}
	return all
}
