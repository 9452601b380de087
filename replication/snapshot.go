package replication

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// job is one COPY.
type job struct {
	table tasker.Table
	chunk chunk
}

// loader reads a snapshot by several sessions, each of which runs one COPY
// after another.
type loader struct {
	o        Options
	source   *source
	sessions []*pgconn.PgConn
	rows     *atomic.Int64 // progress
}

// openLoader opens the sessions, before there is a snapshot.
func openLoader(ctx context.Context, d *dialer, s *source, rows *atomic.Int64) (*loader, error) {
	l := &loader{o: d.o, source: s, rows: rows}
	for range d.o.SnapshotWorkers {
		conn, err := d.session(ctx)
		if err != nil {
			l.close()
			return nil, err
		}
		l.sessions = append(l.sessions, conn.PgConn())
	}
	return l, nil
}

// close ends the sessions, and with them their transactions.
func (l *loader) close() {
	var all sync.WaitGroup
	for _, s := range l.sessions {
		all.Go(func() { closeSession(s) })
	}
	all.Wait()
	l.sessions = nil
}

// pids are the sessions' server processes.
func (l *loader) pids() []uint32 {
	pids := make([]uint32, len(l.sessions))
	for i, s := range l.sessions {
		pids[i] = s.PID()
	}
	return pids
}

// importSnapshot gives every session the exported snapshot. When it returns
// without an error the export is not needed any more.
func (l *loader) importSnapshot(ctx context.Context, name string) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range l.sessions {
		g.Go(func() error {
			sql := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + literal(name)
			if _, err := s.Exec(ctx, sql).ReadAll(); err != nil {
				return fmt.Errorf("importing the snapshot: %w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// load copies all tables into the target.
func (l *loader) load(ctx context.Context, into Load) error {
	jobs, err := l.lock(ctx)
	if err != nil {
		return err
	}
	var limit *rate.Limiter
	if bytes := l.o.SnapshotBytesPerSecond; bytes > 0 {
		limit = rate.NewLimiter(rate.Limit(bytes), int(min(bytes, 1<<20)))
	}
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range l.sessions {
		g.Go(func() error {
			strings := newInterner()
			for j := range queue {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				if err := l.copy(ctx, s, j, strings, limit, into); err != nil {
					return fmt.Errorf("loading %s: %w", j.table, err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// lock takes the locks that a COPY takes, so that no table is rewritten from
// here on, finds whether one was since the slot was created, and cuts the
// tables into jobs, the small ones first. A query takes them: LOCK TABLE wants
// a right on the whole table, where we have it on the columns that are read.
func (l *loader) lock(ctx context.Context) ([]job, error) {
	queries := make([]string, 0, tasker.FollowedTables)
	for _, t := range followedTables() {
		queries = append(queries, fmt.Sprintf("SELECT %s FROM ONLY %s LIMIT 0", quote(t.Info().Key), quote(l.source.schema, t.String())))
	}
	g, groupCtx := errgroup.WithContext(ctx)
	for _, s := range l.sessions {
		g.Go(func() error {
			if _, err := s.Exec(groupCtx, strings.Join(queries, ";")).ReadAll(); err != nil {
				return fmt.Errorf("locking the tables against rewriting: %w", err)
			}
			nodes, err := l.source.readFilenodes(groupCtx, s)
			if err != nil {
				return err
			}
			for _, t := range followedTables() {
				if nodes[t] != l.source.filenodes[t] {
					return fmt.Errorf("%w: %s", ErrRewritten, t)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return l.cut(ctx)
}

// cut divides the tables into jobs.
func (l *loader) cut(ctx context.Context) ([]job, error) {
	sizes := make([]string, 0, tasker.FollowedTables)
	for _, t := range followedTables() {
		sizes = append(sizes, fmt.Sprintf("pg_relation_size(%d) / current_setting('block_size')::bigint", l.source.oids[t]))
	}
	results, err := l.sessions[0].Exec(ctx, "SELECT "+strings.Join(sizes, ", ")+", current_setting('block_size')").ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the sizes of the tables: %w", err)
	}
	row := results[0].Rows[0]
	blockSize, _ := strconv.ParseInt(string(row[len(row)-1]), 10, 64)
	step := max(1, l.o.SnapshotChunkBytes/max(1, blockSize))
	var jobs []job
	for i, t := range followedTables() {
		blocks, _ := strconv.ParseInt(string(row[i]), 10, 64)
		if blocks <= step*3/2 {
			jobs = append(jobs, job{table: t})
			continue
		}
		for from := int64(0); from < blocks; from += step {
			c := chunk{from: from, to: from + step}
			if c.to >= blocks {
				c.to = 0 // whatever has been added since
			}
			jobs = append(jobs, job{t, c})
		}
	}
	return jobs, nil
}

// copy runs one COPY.
func (l *loader) copy(ctx context.Context, conn *pgconn.PgConn, j job, strings *interner, limit *rate.Limiter, into Load) error {
	decoder := newCopyDecoder(j.table, l.o.SnapshotRowsPerBatch, strings, func(rows *tasker.Rows) error {
		l.rows.Add(int64(rows.Len()))
		return into.Add(rows)
	})
	w := &limited{to: decoder, ctx: ctx, limit: limit}
	if _, err := conn.CopyTo(ctx, w, l.source.copyCommand(j.table, j.chunk)); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return decoder.close()
}

// limited is a writer that waits for its share of a limit.
type limited struct {
	to    copyDecoder
	ctx   context.Context //nolint:containedctx // an io.Writer has no other way
	limit *rate.Limiter   // nil: none
}

func (w *limited) Write(p []byte) (int, error) {
	for n := len(p); w.limit != nil && n > 0; {
		part := min(n, w.limit.Burst())
		if err := w.limit.WaitN(w.ctx, part); err != nil {
			return 0, err
		}
		n -= part
	}
	return w.to.Write(p)
}
