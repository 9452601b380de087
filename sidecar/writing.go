package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

// writing moves tasks and steps for whoever asks. It connects when it is first
// asked to.
type writing struct {
	config  func() *config.Config // as it is in force
	pool    *pgxpool.Pool
	observe func(kind, to, result string) // told of every request that is not a dry run

	mu     sync.Mutex
	writer *writer.Writer // nil until it is known where the engine's tables are
}

func newWriting(current func() *config.Config, observe func(kind, to, result string)) (*writing, error) {
	c := current()
	pool, err := idlePool(c, c.Writer.Connections)
	if err != nil {
		return nil, fmt.Errorf("the connections of the writer: %w", err)
	}
	return &writing{config: current, pool: pool, observe: observe}, nil
}

// idlePool is a pool without connections, until somebody wants one.
func idlePool(c *config.Config, most int) (*pgxpool.Pool, error) {
	base, err := databaseConfig(c)
	if err != nil {
		return nil, err
	}
	database, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	database.ConnConfig = base
	database.MinConns, database.MaxConns, database.MaxConnIdleTime = 0, int32(most), time.Minute //nolint:gosec // configured, at most 100
	return pgxpool.NewWithConfig(context.Background(), database)
}

func writerOptions(c *config.Config, pool *pgxpool.Pool, engine string) writer.Options {
	w := c.Writer
	return writer.Options{
		Pool: pool, Schema: engine, MaxTries: w.MaxTries, RetryMin: w.RetryMin, RetryMax: w.RetryMax, LockTimeout: w.LockTimeout,
		QueueTimeout: w.QueueTimeout, StatementTimeout: w.StatementTimeout, IdleTimeout: w.IdleTimeout, CommitTimeout: w.CommitTimeout,
		MaxLocks: w.MaxLocks, MaxBatch: w.MaxBatch,
	}
}

// get gives the writer. Which schema has the engine's tables is asked once.
func (w *writing) get(ctx context.Context) (*writer.Writer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writer != nil {
		return w.writer, nil
	}
	engine, err := schema.Engine(ctx, w.pool, w.config().Database.Schema)
	if err != nil {
		return nil, replication.Explain(err)
	}
	w.writer, err = writer.New(writerOptions(w.config(), w.pool, engine))
	return w.writer, err
}

// prepare checks the options of a writer that are to hold from now on, and gives
// what puts them into force: for requests that come then.
func (w *writing) prepare(c *config.Config) (apply func(), err error) {
	if _, err := writer.New(writerOptions(c, w.pool, "")); err != nil {
		return nil, err
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.writer == nil {
			return // it will be made with them
		}
		if tuned, err := w.writer.Tuned(writerOptions(c, w.pool, "")); err == nil { // as it was checked
			w.writer = tuned
		}
	}, nil
}

// Transition implements api.Transitions.
func (w *writing) Transition(ctx context.Context, r writer.Request) (result writer.Result, err error) {
	to, err := w.get(ctx)
	if err == nil {
		result, err = to.Transition(ctx, r)
		err = w.explained(ctx, err)
	}
	w.count(&r, &result, err)
	return result, err
}

// Batch implements api.Transitions.
func (w *writing) Batch(ctx context.Context, requests []writer.Request, o writer.BatchOptions) ([]writer.Outcome, error) {
	to, err := w.get(ctx)
	if err != nil {
		return nil, err
	}
	outcomes, err := to.Batch(ctx, requests, o)
	for i := range outcomes {
		w.count(&requests[i], &outcomes[i].Result, outcomes[i].Err)
	}
	return outcomes, w.explained(ctx, err)
}

// DryRun implements api.Transitions.
func (w *writing) DryRun(ctx context.Context, requests []writer.Request, o writer.BatchOptions) ([]writer.Outcome, error) {
	if most := w.config().Writer.MaxLocks; o.AllOrNothing && len(requests) > most {
		return nil, &writer.Invalid{Problems: []writer.Problem{{Field: "requests",
			Detail: fmt.Sprintf("there are %d, and all or nothing takes one transaction, which has at most %d", len(requests), most)}}}
	}
	to, err := w.get(ctx)
	if err != nil {
		return nil, err
	}
	outcomes, err := to.DryRun(ctx, requests)
	return outcomes, w.explained(ctx, err)
}

// History implements api.Transitions.
func (w *writing) History(ctx context.Context, kind statemachine.Kind, id int64) ([]writer.Entry, error) {
	to, err := w.get(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := to.History(ctx, kind, id)
	return entries, w.explained(ctx, err)
}

func (w *writing) counters() writer.Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writer == nil {
		return writer.Counters{}
	}
	return w.writer.Counters()
}

// count tells what became of a request, in words that are known beforehand.
func (w *writing) count(r *writer.Request, result *writer.Result, err error) {
	var refusal *writer.Refusal
	var bad *writer.Invalid
	said := "failed"
	switch {
	case errors.As(err, &bad):
		return // its state may be any word
	case err == nil && result.Repeated:
		said = "repeated"
	case err == nil:
		said = "done"
	case errors.As(err, &refusal):
		said = string(refusal.Reason)
	}
	if statemachine.Known(r.To) {
		w.observe(r.Kind.String(), r.To, said)
	}
}

// explained names the rights that are missing, where that is the reason.
func (w *writing) explained(ctx context.Context, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != pgerrcode.InsufficientPrivilege {
		return err
	}
	var role string
	if asked := w.pool.QueryRow(ctx, "SELECT current_user::text").Scan(&role); asked != nil {
		return fmt.Errorf("%w: %w", api.ErrNoRights, err)
	}
	engine, asked := schema.Engine(ctx, w.pool, w.config().Database.Schema)
	if asked != nil {
		return fmt.Errorf("%w: %w", api.ErrNoRights, err)
	}
	grants, asked := schema.WriterGrants(ctx, w.pool, engine, role)
	if asked != nil || len(grants) == 0 {
		return fmt.Errorf("%w: %w", api.ErrNoRights, err)
	}
	return fmt.Errorf("%w: role %s lacks rights to the engine's tables, which their owner can give it: %s (or tasker-sidecar install --writers %[2]s): %[4]w",
		api.ErrNoRights, role, strings.Join(grants, "; "), err)
}
