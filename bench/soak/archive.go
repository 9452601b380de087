package soak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// archiver deletes the oldest finished tasks as long as there are more than are
// to lie in the database, as applications do that keep their history elsewhere.
type archiver struct {
	conn  *pgx.Conn
	keep  int
	count int64 // deleted
}

// archiveStatements delete the tasks that the first of them has chosen. A task
// is left alone for a few seconds after its end, for a worker who has lost a
// race may still be on it.
var archiveStatements = []string{
	`CREATE TEMPORARY TABLE archived ON COMMIT DROP AS
		SELECT t.task_id FROM tasker_tasks t
		JOIN tasker_task_transitions s ON s.task_id = t.task_id AND s.most_recent
		WHERE s.to_state IN ('complete', 'cancelled', 'resolved_manually') AND s.created_at < now() AT TIME ZONE 'UTC' - interval '5 s'
		ORDER BY t.task_id LIMIT $1`,
	`DELETE FROM tasker_workflow_step_edges e USING tasker_workflow_steps s
		WHERE s.workflow_step_id IN (e.from_step_id, e.to_step_id) AND s.task_id IN (SELECT task_id FROM archived)`,
	`DELETE FROM tasker_workflow_step_transitions t USING tasker_workflow_steps s
		WHERE s.workflow_step_id = t.workflow_step_id AND s.task_id IN (SELECT task_id FROM archived)`,
	`DELETE FROM tasker_workflow_steps WHERE task_id IN (SELECT task_id FROM archived)`,
	`DELETE FROM tasker_task_transitions WHERE task_id IN (SELECT task_id FROM archived)`,
	`DELETE FROM tasker_tasks WHERE task_id IN (SELECT task_id FROM archived)`,
}

// run archives until ctx ends.
func (a *archiver) run(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := a.archive(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var refused *pgconn.PgError
			if errors.As(err, &refused) && (refused.Code == pgerrcode.ForeignKeyViolation || refused.Code == pgerrcode.DeadlockDetected) {
				continue // a worker was on it; there is a next time
			}
			return fmt.Errorf("archive finished tasks: %w", err)
		}
	}
}

func (a *archiver) archive(ctx context.Context) error {
	var tasks int
	if err := a.conn.QueryRow(ctx, "SELECT count(*) FROM tasker_tasks").Scan(&tasks); err != nil || tasks <= a.keep {
		return err
	}
	tx, err := a.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	deleted := int64(0)
	for i, statement := range archiveStatements {
		var args []any
		if i == 0 {
			args = []any{tasks - a.keep}
		}
		tag, err := tx.Exec(ctx, statement, args...)
		if err != nil {
			return err
		}
		deleted = tag.RowsAffected()
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	a.count += deleted
	return nil
}
