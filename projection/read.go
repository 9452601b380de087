package projection

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// lastFlush is what the newest row of flushes says; number 0 without one.
type lastFlush struct {
	number, epoch int64
	of            identity
	lsn           tasker.LSN
}

// ahead says whether the rows reflect more than r does.
func (l *lastFlush) ahead(r *Reflection) bool { return l.of == r.identity() && l.lsn > r.View.LSN() }

func readLastFlush(ctx context.Context, conn querier) (last lastFlush, err error) {
	var lsn string
	err = conn.QueryRow(ctx, sqlLastFlush).Scan(&last.number, &last.epoch, &last.of.system, &last.of.timeline, &lsn)
	if errors.Is(err, pgx.ErrNoRows) {
		return last, nil
	}
	if err == nil {
		last.lsn, err = tasker.ParseLSN(lsn)
	}
	if err != nil {
		return last, fmt.Errorf("reading what the rows reflect: %w", err)
	}
	return last, nil
}

// querier is a session or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// readRange gives the rows of the tasks from one id to another, by task, in the
// order of the ids; only tasks that have any row.
func readRange(ctx context.Context, conn querier, from, to int64) ([]taskRows, error) {
	byTask := map[int64]*taskRows{}
	of := func(id int64) *taskRows {
		rows := byTask[id]
		if rows == nil {
			rows = &taskRows{id: id}
			byTask[id] = rows
		}
		return rows
	}
	for _, read := range []func() error{
		func() error { return readTasks(ctx, conn, from, to, of) },
		func() error { return readSteps(ctx, conn, from, to, of) },
		func() error { return readDAG(ctx, conn, from, to, of) },
		func() error { return readCandidates(ctx, conn, from, to, of) },
	} {
		if err := read(); err != nil {
			return nil, fmt.Errorf("reading the rows of the tasks from %d to %d: %w", from, to, err)
		}
	}
	all := make([]taskRows, 0, len(byTask))
	for _, rows := range byTask {
		all = append(all, *rows)
	}
	slices.SortFunc(all, func(a, b taskRows) int { return cmp.Compare(a.id, b.id) })
	return all, nil
}

func readSteps(ctx context.Context, conn querier, from, to int64, of func(int64) *taskRows) error {
	var s readiness.StepFacts
	var attempts, backoff *int32
	var name *string
	var retry, ready, failure, next, attempted, until, state, processed, created pgtype.Timestamp
	rows, err := conn.Query(ctx, sqlReadSteps, from, to)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{
		&s.WorkflowStepID, &s.TaskID, &retry, &ready, &failure, &next, &attempted, &until, &state, &processed, &created, &s.NamedStepID,
		&s.TotalParents, &s.CompletedParents, &attempts, &s.RetryLimit, &backoff, &s.DependenciesSatisfied, &s.Retryable, &s.InProcess,
		&s.Processed, &s.CurrentState, &name,
	}, func() error {
		for _, t := range []struct {
			from pgtype.Timestamp
			to   *tasker.Timestamp
		}{
			{retry, &s.RetryAt}, {ready, &s.ReadyAt}, {failure, &s.LastFailureAt}, {next, &s.NextRetryAt}, {attempted, &s.LastAttemptedAt},
			{until, &s.FailureUntil}, {state, &s.StateSince}, {processed, &s.ProcessedAt}, {created, &s.CreatedAt},
		} {
			*t.to = fromTimestamp(t.from)
		}
		s.Attempts, s.BackoffRequestSeconds, s.Name = fromNullable(attempts), fromNullable(backoff), fromNullable(name)
		rows := of(s.TaskID)
		rows.steps = append(rows.steps, s)
		return nil
	})
	return err
}

func readTasks(ctx context.Context, conn querier, from, to int64, of func(int64) *taskRows) error {
	var t readiness.TaskFacts
	var gates []pgtype.Timestamp
	rows, err := conn.Query(ctx, sqlReadTasks, from, to)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{
		&t.TaskID, &t.TotalSteps, &t.PendingSteps, &t.InProgressSteps, &t.CompletedSteps, &t.FailedSteps, &t.ExhaustedSteps, &t.Ready,
		&t.NamedTaskID, &t.Status, &gates,
	}, func() error {
		task := t
		for _, g := range gates {
			task.ReadyAt = append(task.ReadyAt, fromTimestamp(g))
		}
		of(t.TaskID).task = &task
		return nil
	})
	return err
}

func readDAG(ctx context.Context, conn querier, from, to int64, of func(int64) *taskRows) error {
	var r dagRow
	var depth, level *int32
	var parents, children []byte
	rows, err := conn.Query(ctx, sqlReadDAG, from, to)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{
		&r.WorkflowStepID, &r.TaskID, &r.ParentCount, &r.ChildCount, &r.NamedStepID, &depth, &level, &r.IsRootStep, &r.IsLeafStep, &parents, &children,
	}, func() error {
		row := r
		row.MinDepthFromRoot, row.level = fromNullable(depth), fromNullable(level)
		row.ParentStepIDs, row.ChildStepIDs = nil, nil
		if err := errors.Join(json.Unmarshal(parents, &row.ParentStepIDs), json.Unmarshal(children, &row.ChildStepIDs)); err != nil {
			return err
		}
		rows := of(r.TaskID)
		rows.dag = append(rows.dag, row)
		return nil
	})
	return err
}

func readCandidates(ctx context.Context, conn querier, from, to int64, of func(int64) *taskRows) error {
	var c candidateRow
	var since pgtype.Timestamp
	var task, version, namespace *string
	rows, err := conn.Query(ctx, sqlReadCandidates, from, to)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&c.step, &c.task, &since, &c.attempts, &c.state, &c.name, &task, &version, &namespace}, func() error {
		c.since = fromTimestamp(since)
		c.taskName, c.version, c.namespace = fromNullable(task), fromNullable(version), fromNullable(namespace)
		rows := of(c.task)
		rows.candidates = append(rows.candidates, c)
		return nil
	})
	return err
}

func fromNullable[V comparable](v *V) tasker.Null[V] {
	if v == nil {
		return tasker.Null[V]{}
	}
	return tasker.Some(*v)
}
