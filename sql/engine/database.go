package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Options says where the functions are and how long one may take.
type Options struct {
	// Schema is the schema of the engine's tables and functions.
	// Defaults to "public".
	Schema string

	// Isolation is the level at which questions are asked. All those of one
	// [Snapshot] are only of one state of the database at the default.
	// Defaults to pgx.RepeatableRead.
	Isolation pgx.TxIsoLevel

	// StatementTimeout is how long one question may take; at least a
	// millisecond. A negative value means for ever.
	// Defaults to 30 seconds.
	StatementTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Schema == "" {
		o.Schema = "public"
	}
	if o.Isolation == "" {
		o.Isolation = pgx.RepeatableRead
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 30 * time.Second
	}
	return o
}

// Beginner starts transactions: a *pgxpool.Pool or a *pgx.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Database answers by asking the functions of a database, each question in a
// transaction of its own. It is safe for concurrent use where its Beginner is:
// a pool is, a connection is not.
type Database struct {
	beginner Beginner
	begin    string
	timeout  time.Duration
}

var _ tasker.Answerer = (*Database)(nil)

// New returns a Database; it does not connect.
func New(beginner Beginner, options Options) *Database {
	options = options.withDefaults()
	timeout := max(options.StatementTimeout.Milliseconds(), 0)
	if options.StatementTimeout > 0 {
		timeout = max(timeout, 1)
	}
	return &Database{
		beginner: beginner,
		timeout:  options.StatementTimeout,
		// One string, so that it is one round trip.
		begin: fmt.Sprintf(
			"BEGIN ISOLATION LEVEL %s READ ONLY; SET LOCAL search_path TO %s, pg_temp; SET LOCAL TimeZone TO 'UTC'; SET LOCAL statement_timeout TO %d",
			options.Isolation, pgx.Identifier{options.Schema}.Sanitize(), timeout),
	}
}

// In calls f with a [Snapshot]: whatever f asks of it is answered from one
// state of the database and at one instant.
func (d *Database) In(ctx context.Context, f func(*Snapshot) error) error {
	return d.in(ctx, true, f)
}

func (d *Database) in(ctx context.Context, several bool, f func(*Snapshot) error) error {
	tx, err := d.beginner.BeginTx(ctx, pgx.TxOptions{BeginQuery: d.begin})
	if err != nil {
		return fmt.Errorf("begin a transaction to ask the engine's functions: %w", err)
	}
	// It has only read: there is nothing that a failed end could lose.
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return f(&Snapshot{tx: tx, several: several, timeout: d.timeout})
}

// once asks one question in a transaction of its own.
func once[T any](ctx context.Context, d *Database, ask func(*Snapshot) (T, error)) (answer T, err error) {
	err = d.in(ctx, false, func(s *Snapshot) error {
		answer, err = ask(s)
		return err
	})
	return answer, err
}

// StepReadiness implements [tasker.Answerer].
func (d *Database) StepReadiness(ctx context.Context, taskID int64, stepIDs []int64) ([]tasker.StepReadiness, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.StepReadiness, error) { return s.StepReadiness(ctx, taskID, stepIDs) })
}

// StepReadinessBatch implements [tasker.Answerer].
func (d *Database) StepReadinessBatch(ctx context.Context, taskIDs []int64) ([]tasker.StepReadiness, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.StepReadiness, error) { return s.StepReadinessBatch(ctx, taskIDs) })
}

// TaskExecutionContext implements [tasker.Answerer].
func (d *Database) TaskExecutionContext(ctx context.Context, taskID int64) (tasker.TaskExecutionContext, error) {
	return once(ctx, d, func(s *Snapshot) (tasker.TaskExecutionContext, error) { return s.TaskExecutionContext(ctx, taskID) })
}

// TaskExecutionContexts implements [tasker.Answerer].
func (d *Database) TaskExecutionContexts(ctx context.Context, taskIDs []int64) ([]tasker.TaskExecutionContext, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.TaskExecutionContext, error) { return s.TaskExecutionContexts(ctx, taskIDs) })
}

// DependencyLevels implements [tasker.Answerer].
func (d *Database) DependencyLevels(ctx context.Context, taskID int64) ([]tasker.DependencyLevel, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.DependencyLevel, error) { return s.DependencyLevels(ctx, taskID) })
}

// SystemHealthCounts implements [tasker.Answerer].
func (d *Database) SystemHealthCounts(ctx context.Context) (tasker.SystemHealthCounts, error) {
	return once(ctx, d, func(s *Snapshot) (tasker.SystemHealthCounts, error) { return s.SystemHealthCounts(ctx) })
}

// AnalyticsMetrics implements [tasker.Answerer].
func (d *Database) AnalyticsMetrics(ctx context.Context, since tasker.Timestamp) (tasker.AnalyticsMetrics, error) {
	return once(ctx, d, func(s *Snapshot) (tasker.AnalyticsMetrics, error) { return s.AnalyticsMetrics(ctx, since) })
}

// SlowestTasks implements [tasker.Answerer].
func (d *Database) SlowestTasks(ctx context.Context, filter tasker.SlowestFilter) ([]tasker.SlowestTask, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.SlowestTask, error) { return s.SlowestTasks(ctx, filter) })
}

// SlowestSteps implements [tasker.Answerer].
func (d *Database) SlowestSteps(ctx context.Context, filter tasker.SlowestFilter) ([]tasker.SlowestStep, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.SlowestStep, error) { return s.SlowestSteps(ctx, filter) })
}

// StepDAGRelationships implements [tasker.Answerer].
func (d *Database) StepDAGRelationships(ctx context.Context, taskIDs []int64) ([]tasker.StepDAGRelationship, error) {
	return once(ctx, d, func(s *Snapshot) ([]tasker.StepDAGRelationship, error) { return s.StepDAGRelationships(ctx, taskIDs) })
}
