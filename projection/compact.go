package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A version of a row that somebody's snapshot could still see cannot be removed,
// however often the table is vacuumed: while a transaction is open for long, the
// tables grow with every flush, and afterwards the space is used again but not
// given back. So a table that has grown too large is emptied, which needs no
// regard to old snapshots, and filled from memory:
//
//	1  in one short transaction flushes and the table are emptied, and a flush
//	   says that the rows do not count. Whoever answers from rows looks into
//	   flushes and keeps a lock on it until the end of his transaction: the
//	   exclusive lock is had when there is nobody who has seen another flush, and
//	   who has an older snapshot finds none. From here on everybody answers from
//	   the engine's tables, and nobody waits for us.
//	2  the rows are written, in as many transactions as after a start, and the
//	   last one vouches for them.
//
// Where a lock cannot be had at once, nothing has happened, and it is tried
// again at the next look. A table that has grown by half is filled anew as well,
// but only when it has not been for long: so what a transaction that was open for
// long has left behind goes back to the disk. What ends in between leaves rows
// that do not count, and the next leader puts them right.

// rowTable is a table of rows.
type rowTable int

const (
	stepRows rowTable = iota
	taskRowsTable
	dagRows
	candidateRows
	flushRows
	rowTableCount
)

var rowTableNames = [rowTableCount]string{"step_rows", "task_rows", "dag_rows", "candidate_rows", "flushes"}

// grownByHalf is how large a table may stay for long.
const grownByHalf = 1.5

// usualSize is how many bytes a row takes in a table that was just filled, with
// its entries in the indexes, as measured on workflows of ten steps. Once a
// table was filled again, its own figure counts.
var usualSize = [rowTableCount]float64{stepRows: 250, taskRowsTable: 290, dagRows: 190, candidateRows: 260, flushRows: 600}

// compact empties and fills the tables that have grown too large, if it is time
// to look.
func (s *session) compact(ctx context.Context) error {
	if s.o.CompactInterval < 0 || time.Since(s.looked) < s.o.CompactInterval {
		return nil
	}
	s.looked = time.Now()
	sizes, err := readSizes(ctx, s.conn)
	if err != nil {
		return err
	}
	rows := s.rowCounts()
	var large []rowTable
	for t := range rowTableCount {
		ratio := s.o.CompactRatio
		if s.o.CompactAfter >= 0 && time.Since(s.filled[t]) >= s.o.CompactAfter {
			ratio = min(ratio, grownByHalf)
		}
		if float64(sizes[t]) > max(float64(s.o.CompactFloor), ratio*s.usualSize(t, rows[t])) {
			large = append(large, t)
		}
	}
	if len(large) == 0 {
		return nil
	}
	started := time.Now()
	if err := s.clear(ctx, large); err != nil {
		return s.notCompacted(err)
	}
	if err := s.fill(ctx, large); err != nil {
		return err
	}
	after, err := readSizes(ctx, s.conn)
	if err != nil {
		return err
	}
	for _, t := range large {
		s.filled[t] = time.Now()
		if s.usualSize(t, rows[t]) >= float64(s.o.CompactFloor) { // in a small table, pages weigh more than rows
			s.rowSize[t] = max(s.rowSize[t], float64(after[t])/float64(rows[t]))
		}
		s.o.Logger.Info("a table of rows had grown and was filled anew", "table", rowTableNames[t], "rows", rows[t], "bytes before", sizes[t], "bytes", after[t])
	}
	s.compactions.Add(1)
	s.o.Logger.Debug("tables filled anew", "after", time.Since(started).Round(time.Millisecond))
	return nil
}

// notCompacted gives an error unless a lock could not be had, or a right is
// missing, which is said once.
func (s *session) notCompacted(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case pgerrcode.LockNotAvailable, pgerrcode.DeadlockDetected:
		s.o.Logger.Debug("tables of rows have grown, and somebody is reading them; another time", "error", err)
	case pgerrcode.InsufficientPrivilege:
		s.o.Logger.Warn("tables of rows have grown, and the role may not empty them to fill them anew: grant it TRUNCATE on them (tasker-sidecar install --dry-run has the statement)", "error", err)
		s.looked = time.Now().Add(time.Hour)
	default:
		return err
	}
	return nil
}

// usualSize is how many bytes so many rows take in a table that was just filled.
func (s *session) usualSize(t rowTable, rows int64) float64 { return s.rowSize[t] * float64(rows) }

// clear empties tables, and says that the rows do not count, to everybody,
// whatever his snapshot; unless flushes alone is too large, which is as it has to
// be then.
func (s *session) clear(ctx context.Context, large []rowTable) error {
	started := time.Now()
	s.number++
	f := flush{number: s.number, epoch: s.lease.Epoch(), of: s.of, reconciling: true, version: s.o.Version}
	if only := slices.Equal(large, []rowTable{flushRows}); only {
		f.reconciling, f.writer = false, s.writer
	}
	tables := tableList(append([]rowTable{flushRows}, large...))
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		q := &pgx.Batch{}
		q.Queue("SELECT pg_catalog.set_config('lock_timeout', $1, true)", fmt.Sprint(s.o.CompactLockTimeout.Milliseconds()))
		q.Queue("LOCK TABLE " + tables + " IN ACCESS EXCLUSIVE MODE")
		q.Queue("TRUNCATE " + tables)
		if err := tx.SendBatch(ctx, q).Close(); err != nil {
			return err
		}
		return new(batch).write(ctx, tx, f.queue)
	})
	if err != nil {
		return fmt.Errorf("emptying %s: %w", tables, err)
	}
	s.vouching = !f.reconciling
	s.flushed(started, new(batch))
	return nil
}

// fill writes the rows of tables that are empty, and vouches for all.
func (s *session) fill(ctx context.Context, tables []rowTable) error {
	b, begun := &batch{}, time.Now()
	graph := slices.Contains(tables, dagRows)
	var failed error
	s.of.View.Tasks(func(id int64) bool {
		rows := rowsOf(s.of.View, id, s.cutoff, graph)
		for _, t := range tables {
			switch t {
			case stepRows:
				b.steps = append(b.steps, rows.steps...)
			case taskRowsTable:
				if rows.task != nil {
					b.tasks = append(b.tasks, *rows.task)
				}
			case dagRows:
				b.dag = append(b.dag, rows.dag...)
			case candidateRows:
				b.candidates = append(b.candidates, rows.candidates...)
			}
		}
		if b.rows() < s.o.RowsPerTransaction {
			return true
		}
		if failed = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return b.write(ctx, tx) }); failed == nil {
			s.rows.Add(uint64(b.rows())) //nolint:gosec // a count
			s.restAfter(begun)
			failed = s.rest(ctx)
			b, begun = &batch{}, time.Now()
		}
		return failed == nil
	})
	if failed == nil && !s.vouching {
		failed = s.flush(ctx, s.of, b)
	}
	if failed != nil {
		return fmt.Errorf("filling %s anew: %w", tableList(tables), failed)
	}
	return nil
}

func tableList(tables []rowTable) string {
	names := make([]string, 0, len(tables))
	for _, t := range tables {
		if name := "tasker_sidecar." + rowTableNames[t]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func readSizes(ctx context.Context, conn querier) (sizes [rowTableCount]int64, err error) {
	err = conn.QueryRow(ctx, sqlRowSizes).Scan(&sizes[stepRows], &sizes[taskRowsTable], &sizes[dagRows], &sizes[candidateRows], &sizes[flushRows])
	if err != nil {
		err = fmt.Errorf("reading how large the tables of rows are: %w", err)
	}
	return sizes, err
}

// rowCounts is how many rows each table has.
func (s *session) rowCounts() (counts [rowTableCount]int64) {
	s.of.View.Tasks(func(id int64) bool {
		if facts, _ := s.of.View.TaskFacts(id); covered(&facts, s.cutoff) {
			counts[taskRowsTable]++
			counts[stepRows] += facts.TotalSteps
		}
		return true
	})
	counts[dagRows] = counts[stepRows]
	counts[candidateRows] = int64(s.of.View.Candidates())
	counts[flushRows] = int64(s.o.KeepFlushes)
	return counts
}
