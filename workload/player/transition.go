package player

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// machine is one of the two state machines.
type machine struct {
	what, table, parent string
	allowed             func(from, to string) bool
	guards              map[string]guard // by target
}

// guard is a condition of the engine's that the database is asked about.
type guard struct{ sql, otherwise string }

var (
	steps = machine{"step", "tasker_workflow_step_transitions", "workflow_step_id", workload.StepMoveAllowed, map[string]guard{
		tasker.InProgress: {`SELECT NOT EXISTS (
			SELECT FROM tasker_workflow_step_edges e
			LEFT JOIN tasker_workflow_step_transitions t ON t.workflow_step_id = e.from_step_id AND t.most_recent
			WHERE e.to_step_id = $1 AND coalesce(t.to_state, 'pending') NOT IN ('complete', 'resolved_manually'))`,
			"not all of its parents are done"},
	}}
	tasks = machine{"task", "tasker_task_transitions", "task_id", workload.TaskMoveAllowed, map[string]guard{
		tasker.Complete: {`SELECT NOT EXISTS (
			SELECT FROM tasker_workflow_steps s
			LEFT JOIN tasker_workflow_step_transitions t ON t.workflow_step_id = s.workflow_step_id AND t.most_recent
			WHERE s.task_id = $1 AND coalesce(t.to_state, 'pending') NOT IN ('complete', 'resolved_manually'))`,
			"not all of its steps are done"},
	}}
)

// refusedError is a transition that the state machine does not allow.
type refusedError struct {
	what     string
	id       int64
	from, to string
	why      string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s %d cannot go from %s to %s: %s", e.what, e.id, e.from, e.to, e.why)
}

// querier is a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// state reads the current state and the highest sort key, as the engine does:
// the last row by sort key, whatever its flag says.
func (m *machine) state(ctx context.Context, db querier, id int64) (state string, sortKey int32, err error) {
	err = db.QueryRow(ctx, `SELECT to_state, sort_key FROM `+m.table+` WHERE `+m.parent+` = $1 ORDER BY sort_key DESC LIMIT 1`, id).
		Scan(&state, &sortKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return tasker.Pending, 0, nil
	}
	return state, sortKey, err
}

// transition writes one transition the engine's way: read, check, flip, insert.
// Nothing is locked before, so two at once both pass the check, and the second
// to insert meets a unique index.
func (m *machine) transition(ctx context.Context, tx pgx.Tx, id int64, to string, now time.Time) error {
	from, sortKey, err := m.state(ctx, tx, id)
	if err != nil {
		return err
	}
	if !m.allowed(from, to) {
		return &refusedError{m.what, id, from, to, "the state machine does not allow it"}
	}
	if g, ok := m.guards[to]; ok {
		var holds bool
		if err := tx.QueryRow(ctx, g.sql, id).Scan(&holds); err != nil {
			return err
		}
		if !holds {
			return &refusedError{m.what, id, from, to, g.otherwise}
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE `+m.table+` SET most_recent = false, updated_at = $2 WHERE `+m.parent+` = $1 AND most_recent`, id, now); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+m.table+` (to_state, from_state, metadata, sort_key, most_recent, `+m.parent+`, created_at, updated_at)
		VALUES ($1, NULL, '{}', $2, true, $3, $4, $4)`, to, sortKey+10, id, now)
	return err
}

// lostRace says whether an error means that another writer was faster: the
// state has changed, or a unique index, a reference or a deadlock says so.
func lostRace(err error) bool {
	var refused *refusedError
	var pg *pgconn.PgError
	return errors.As(err, &refused) || errors.As(err, &pg) &&
		(pgerrcode.IsIntegrityConstraintViolation(pg.Code) || pgerrcode.IsTransactionRollback(pg.Code))
}
