// Package workloadtest gives the tests of workloads a database with the
// engine's tables, and reads all their columns back.
package workloadtest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// Database is a pool of at most 20 connections on an empty database with the
// engine's tables and functions. It is closed when the test ends.
func Database(t testing.TB) *pgxpool.Pool {
	t.Helper()
	ctx := context.Background()
	url := pgtest.Database(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := testbed.Install(ctx, conn, testbed.Options{}); err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Rows reads all rows of tasks, steps, edges and transitions, ordered by their
// primary keys.
func Rows(t testing.TB, db interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}) workload.Rows {
	t.Helper()
	return workload.Rows{
		Tasks: read(t, db, `SELECT task_id, named_task_id, complete, requested_at, initiator, source_system, reason,
			bypass_steps::text, tags::text, context::text, identity_hash, created_at, updated_at FROM tasker_tasks ORDER BY 1`,
			func(scan func(...any) error) (r tasker.Task, err error) {
				return r, scan(&r.TaskID, &r.NamedTaskID, &r.Complete, ts{&r.RequestedAt}, null[string]{&r.Initiator}, null[string]{&r.SourceSystem},
					null[string]{&r.Reason}, &r.BypassSteps, &r.Tags, &r.Context, &r.IdentityHash, ts{&r.CreatedAt}, ts{&r.UpdatedAt})
			}),
		WorkflowSteps: read(t, db, `SELECT workflow_step_id, task_id, named_step_id, retryable, retry_limit, in_process, processed,
			processed_at, attempts, last_attempted_at, backoff_request_seconds, inputs::text, results::text, created_at, updated_at, skippable
			FROM tasker_workflow_steps ORDER BY 1`,
			func(scan func(...any) error) (r tasker.WorkflowStep, err error) {
				return r, scan(&r.WorkflowStepID, &r.TaskID, &r.NamedStepID, &r.Retryable, null[int32]{&r.RetryLimit}, &r.InProcess, &r.Processed,
					ts{&r.ProcessedAt}, null[int32]{&r.Attempts}, ts{&r.LastAttemptedAt}, null[int32]{&r.BackoffRequestSeconds},
					&r.Inputs, &r.Results, ts{&r.CreatedAt}, ts{&r.UpdatedAt}, &r.Skippable)
			}),
		WorkflowStepEdges: read(t, db, `SELECT id, from_step_id, to_step_id, name, created_at, updated_at FROM tasker_workflow_step_edges ORDER BY 1`,
			func(scan func(...any) error) (r tasker.WorkflowStepEdge, err error) {
				return r, scan(&r.ID, &r.FromStepID, &r.ToStepID, &r.Name, ts{&r.CreatedAt}, ts{&r.UpdatedAt})
			}),
		TaskTransitions:         transitions(t, db, "tasker_task_transitions", "task_id"),
		WorkflowStepTransitions: transitions(t, db, "tasker_workflow_step_transitions", "workflow_step_id"),
	}
}

func transitions(t testing.TB, db interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, table, parent string) []tasker.Transition {
	t.Helper()
	return read(t, db, `SELECT id, to_state, from_state, metadata::text, sort_key, most_recent, `+parent+`, created_at, updated_at FROM `+table+` ORDER BY 1`,
		func(scan func(...any) error) (r tasker.Transition, err error) {
			return r, scan(&r.ID, &r.ToState, null[string]{&r.FromState}, &r.Metadata, &r.SortKey, &r.MostRecent, &r.ParentID, ts{&r.CreatedAt}, ts{&r.UpdatedAt})
		})
}

func read[T any](t testing.TB, db interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, sql string, scan func(func(...any) error) (T, error)) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rows, err := db.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row.Scan) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ts scans into a tasker.Timestamp.
type ts struct{ into *tasker.Timestamp }

// ScanTimestamp implements pgtype.TimestampScanner.
func (t ts) ScanTimestamp(v pgtype.Timestamp) error {
	switch {
	case !v.Valid:
		*t.into = tasker.NoTime
	case v.InfinityModifier == pgtype.Infinity:
		*t.into = tasker.Infinity
	case v.InfinityModifier == pgtype.NegativeInfinity:
		*t.into = tasker.NegativeInfinity
	default:
		*t.into = tasker.TimestampOf(v.Time)
	}
	return nil
}

// null scans into a tasker.Null.
type null[T comparable] struct{ into *tasker.Null[T] }

// ScanText implements pgtype.TextScanner.
func (n null[T]) ScanText(v pgtype.Text) error {
	if into, ok := any(n.into).(*tasker.Null[string]); ok {
		*into = tasker.Null[string]{V: v.String, Valid: v.Valid}
	}
	return nil
}

// ScanInt64 implements pgtype.Int64Scanner.
func (n null[T]) ScanInt64(v pgtype.Int8) error {
	if into, ok := any(n.into).(*tasker.Null[int32]); ok {
		*into = tasker.Null[int32]{V: int32(v.Int64), Valid: v.Valid}
	}
	return nil
}
