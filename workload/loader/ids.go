package loader

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// ids takes primary keys from the tables' own defaults.
type ids struct {
	statements [len(copied)]string
}

// find reads what each table's primary key defaults to.
func (i *ids) find(ctx context.Context, conn *pgx.Conn) error {
	for t, c := range copied {
		var next *string
		err := conn.QueryRow(ctx, `
			SELECT pg_get_expr(d.adbin, d.adrelid)
			FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
			WHERE a.attrelid = to_regclass($1) AND a.attname = $2 AND NOT a.attisdropped`,
			c.table.String(), c.table.Info().Key).Scan(&next)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fmt.Errorf("the database has no table %s with a column %s in its search_path: install the engine's tables first", c.table, c.table.Info().Key)
		case err != nil:
			return fmt.Errorf("finding the sequence of %s: %w", c.table, err)
		case next == nil:
			return fmt.Errorf("%s.%s has no default: its ids must come from a sequence", c.table, c.table.Info().Key)
		}
		// Nearly always one range, whose ends say everything: sorting the ids
		// to find that out took a sixth of the work of loading their rows. Only
		// where others took some in between are they told one by one.
		i.statements[t] = `SELECT min(id), max(id), CASE WHEN max(id) - min(id) <> count(*) - 1 THEN array_agg(id) END
			FROM (SELECT ` + *next + ` AS id FROM generate_series(1, $1::bigint)) AS taken`
	}
	return nil
}

// reserve takes as many ids as the batch needs.
func (i *ids) reserve(ctx context.Context, conn *pgx.Conn, c workload.Count) (*workload.IDs, error) {
	var got workload.IDs
	into := [...]struct {
		numbers *workload.Numbers
		n       int
	}{
		{&got.Tasks, c.Tasks}, {&got.WorkflowSteps, c.WorkflowSteps}, {&got.WorkflowStepEdges, c.WorkflowStepEdges},
		{&got.TaskTransitions, c.TaskTransitions}, {&got.WorkflowStepTransitions, c.WorkflowStepTransitions},
	}
	batch := new(pgx.Batch)
	for t, w := range into {
		if w.n == 0 {
			continue
		}
		batch.Queue(i.statements[t], w.n).QueryRow(func(row pgx.Row) error {
			var whole workload.Range
			var each []int64
			if err := row.Scan(&whole.First, &whole.Last, &each); err != nil {
				return fmt.Errorf("taking ids of %s: %w", copied[t].table, err)
			}
			*w.numbers = workload.Within(whole)
			if each != nil {
				*w.numbers = workload.Within(ranges(each)...)
			}
			return nil
		})
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("taking ids for a batch: %w", err)
	}
	return &got, nil
}

// ranges joins ids that follow one another.
func ranges(ids []int64) (all []workload.Range) {
	for _, id := range ids {
		if n := len(all); n > 0 && all[n-1].Last == id-1 {
			all[n-1].Last = id
		} else {
			all = append(all, workload.Range{First: id, Last: id})
		}
	}
	return all
}

// copied are the tables that are written by COPY, parents first, with their
// columns in the order in which they are encoded.
var copied = [...]struct {
	table   tasker.Table
	columns string
}{
	{tasker.Tasks, "task_id, named_task_id, complete, requested_at, initiator, source_system, reason, bypass_steps, tags, context, identity_hash, created_at, updated_at"},
	{tasker.WorkflowSteps, "workflow_step_id, task_id, named_step_id, retryable, retry_limit, in_process, processed, processed_at, attempts, last_attempted_at, backoff_request_seconds, inputs, results, created_at, updated_at, skippable"},
	{tasker.WorkflowStepEdges, "id, from_step_id, to_step_id, name, created_at, updated_at"},
	{tasker.TaskTransitions, "id, to_state, from_state, metadata, sort_key, most_recent, task_id, created_at, updated_at"},
	{tasker.WorkflowStepTransitions, "id, to_state, from_state, metadata, sort_key, most_recent, workflow_step_id, created_at, updated_at"},
}

var copyStatements = func() (s [len(copied)]string) {
	for i, c := range copied {
		s[i] = "COPY " + c.table.String() + " (" + c.columns + ") FROM STDIN BINARY"
	}
	return s
}()
