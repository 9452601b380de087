package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Names of the questions, as the engine's functions and view are called.
const (
	qReadiness  = "get_step_readiness_status"
	qReadinessB = "get_step_readiness_status_batch"
	qContext    = "get_task_execution_context"
	qContexts   = "get_task_execution_contexts_batch"
	qLevels     = "calculate_dependency_levels"
	qDAG        = "tasker_step_dag_relationships"
	qHealth     = "get_system_health_counts_v01"
	qAnalytics  = "get_analytics_metrics_v01"
)

// Verifier compares one database with one index. It keeps where a sampled pass
// left off, so that passes after each other ask about different tasks. It is
// not safe for concurrent use.
type Verifier struct {
	conn     *pgx.Conn
	database *engine.Database
	index    Index
	options  Options
	offset   int
}

// New makes a verifier that asks through conn, which it uses alone and leaves
// open.
func New(conn *pgx.Conn, index Index, options Options) *Verifier {
	options = options.withDefaults()
	database := engine.New(conn, engine.Options{Schema: options.Schema, StatementTimeout: options.StatementTimeout})
	return &Verifier{conn: conn, database: database, index: index, options: options}
}

// With gives a verifier with other options that asks through the same
// connection and goes on with the sample where v is; v is not to be used any more.
func (v *Verifier) With(options Options) *Verifier {
	next := New(v.conn, v.index, options)
	next.offset = v.offset
	return next
}

// Pass asks about every task, or a sample of them, once. A difference is no
// error: it is in the report. An error means that the comparison could not be
// made (connection lost, index not following any more); the report then says
// what had been compared.
func (v *Verifier) Pass(ctx context.Context) (*Report, error) {
	started := time.Now()
	report := newReport()
	ids, total, err := v.chooseTasks(ctx)
	if err != nil {
		return report, err
	}
	report.Tasks = total
	for batch := range slices.Chunk(ids, v.options.BatchTasks) {
		if err := v.batch(ctx, batch, report); err != nil {
			return report, err
		}
		report.Asked += len(batch)
		v.options.Progress(report.Asked, len(ids))
		if err := Pause(ctx, v.options.Pause); err != nil {
			return report, err
		}
	}
	err = v.whole(ctx, report)
	if view := v.index.View(); view != nil {
		report.AsOfLSN = view.LSN()
	}
	report.Duration = time.Since(started)
	return report, err
}

// Pause waits for d or until ctx ends, whose error it then returns.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// chooseTasks gives the tasks to ask about, ascending, and how many there are
// on either side.
func (v *Verifier) chooseTasks(ctx context.Context) ([]int64, int, error) {
	rows, err := v.conn.Query(ctx, "SELECT task_id FROM "+pgx.Identifier{v.options.Schema, tasker.Tasks.String()}.Sanitize())
	if err != nil {
		return nil, 0, fmt.Errorf("listing the tasks: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, 0, fmt.Errorf("listing the tasks: %w", err)
	}
	view := v.index.View()
	if view == nil {
		return nil, 0, errors.New("the index is not loaded yet")
	}
	all := tasksOf(view)
	for _, id := range ids {
		delete(all, id)
	}
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	total := len(ids)
	if v.options.MaxTasks > 0 && total > v.options.MaxTasks {
		ids = v.sample(ids)
	}
	return ids, total, nil
}

// sample takes every k-th task, starting one further in each pass.
func (v *Verifier) sample(ids []int64) []int64 {
	stride := (len(ids) + v.options.MaxTasks - 1) / v.options.MaxTasks
	var out []int64
	for i := v.offset % stride; i < len(ids); i += stride {
		out = append(out, ids[i])
	}
	v.offset++
	return out
}

// session is one snapshot of the database in which questions are put.
type session struct {
	bracket
	*engine.Snapshot
	now    tasker.Timestamp
	report *Report
}

// inSnapshot runs ask in a snapshot of its own and, when the index has applied
// all that the snapshot can have seen, compare, in the same snapshot.
func (v *Verifier) inSnapshot(ctx context.Context, report *Report, ask func(*session) error, compare func(*session, *readiness.View) error) error {
	s := &session{report: report}
	if err := v.readEnd(ctx, &s.before); err != nil {
		return err
	}
	return v.database.In(ctx, func(open *engine.Snapshot) error {
		visible, now, err := open.Visibility(ctx)
		if err != nil {
			return err
		}
		s.Snapshot, s.now = open, now
		if s.snapshot, err = parseSnapshot(visible); err != nil {
			return err
		}
		if err := ask(s); err != nil {
			return err
		}
		var after tasker.LSN
		if err := v.readEnd(ctx, &after); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, v.options.ApplyTimeout)
		defer cancel()
		if err := v.index.WaitFor(waiting, after); err != nil {
			return fmt.Errorf("waiting until the index has applied %s: %w", after, err)
		}
		view := v.index.View()
		// What is in the log and not yet visible can lie under what is.
		if late, ok := view.FirstCommit(func(m readiness.Mark) bool { return !s.sees(m) }); ok {
			s.before = min(s.before, late.LSN-1)
		}
		return compare(s, view)
	})
}

// endSQL reads the end of the last record in the log. The insert position lies
// behind the header of a page that is about to begin, which no commit's end does.
const endSQL = `
SELECT ('0/0'::pg_lsn + (at - CASE WHEN at % page = 24 THEN 24 WHEN at % segment = 40 THEN 40 ELSE 0 END))::text
FROM (
    SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS at,
        current_setting('wal_block_size')::numeric AS page,
        pg_size_bytes(current_setting('wal_segment_size'))::numeric AS segment
) log`

func (v *Verifier) readEnd(ctx context.Context, lsn *tasker.LSN) error {
	var text string
	if err := v.conn.QueryRow(ctx, endSQL).Scan(&text); err != nil {
		return fmt.Errorf("reading the end of the log: %w", err)
	}
	var err error
	*lsn, err = tasker.ParseLSN(text)
	return err
}

// parseSnapshot reads Postgres' xmin:xmax:xip,xip,….
func parseSnapshot(text string) (snapshot, error) {
	s := snapshot{inProgress: map[uint64]bool{}}
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is not a snapshot", text)
	}
	var errs [2]error
	s.xmin, errs[0] = strconv.ParseUint(parts[0], 10, 64)
	s.xmax, errs[1] = strconv.ParseUint(parts[1], 10, 64)
	for xip := range strings.SplitSeq(parts[2], ",") {
		if xip == "" {
			continue
		}
		xid, err := strconv.ParseUint(xip, 10, 64)
		if err != nil {
			return s, fmt.Errorf("%q is not a snapshot: %w", text, err)
		}
		s.inProgress[xid] = true
	}
	return s, errors.Join(errs[:]...)
}

// noted takes the outcome of a question. It says whether there is an answer; a
// function that fails or takes too long is noted and does not end the pass.
func (s *session) noted(name string, err error) (answered bool, _ error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, engine.ErrTimedOut):
		s.report.Skipped[name+" took longer than the statement timeout"]++
		return false, nil
	case errors.Is(err, tasker.ErrFunctionFails):
		s.report.Failing[name] = err.Error()
		s.report.FailureCount++
		return false, nil
	}
	return false, err
}
