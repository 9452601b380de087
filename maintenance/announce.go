package maintenance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
)

// announceError: the operator's statement has failed.
type announceError struct{ err error }

func (e *announceError) Error() string {
	return "the statement that announces a task has failed: " + e.err.Error()
}
func (e *announceError) Unwrap() error { return e.err }

// announce tells of a task, whose most recent transition is the given one or, of
// one that has not changed, the one that was decided on.
func (s *session) announce(ctx context.Context, tx writer.Tx, act *agenda.Act, transitionID int64) error {
	if _, err := tx.Exec(ctx, announcedSQL, act.TaskID, cmp.Or(transitionID, act.TaskTransition), act.StepsTransition); err != nil {
		return fmt.Errorf("remembering the announcement: %w", explained(err))
	}
	if s.o.SQL != "" {
		if _, err := tx.Exec(ctx, s.o.SQL, act.TaskID); err != nil {
			return &announceError{err}
		}
	}
	if s.o.Channel != "" {
		if _, err := tx.Exec(ctx, `SELECT pg_catalog.pg_notify($1, $2)`, s.o.Channel, strconv.FormatInt(act.TaskID, 10)); err != nil {
			return &announceError{err}
		}
	}
	return nil
}

// announceInPlace announces a task that is pending as it is: there is nothing to
// be written but that.
func (s *session) announceInPlace(ctx context.Context, act agenda.Act) error {
	conn, err := s.o.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to announce: %w", err)
	}
	defer conn.Release()
	return s.lease.InTx(ctx, conn.Conn(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, s.timeouts()); err != nil {
			return fmt.Errorf("announcing task %d: %w", act.TaskID, err)
		}
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, writer.LockKey(statemachine.Task, act.TaskID)); err != nil {
			return fmt.Errorf("announcing task %d: %w", act.TaskID, err)
		}
		var id int64
		switch err := tx.QueryRow(ctx, s.sql.lockTask, act.TaskID).Scan(&id); {
		case errors.Is(err, pgx.ErrNoRows):
			return errOvertaken
		case err != nil:
			return fmt.Errorf("announcing task %d: %w", act.TaskID, err)
		}
		var transition int64
		var state string
		if err := tx.QueryRow(ctx, s.sql.taskState, act.TaskID).Scan(&transition, &state); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("announcing task %d: %w", act.TaskID, err)
		}
		if transition != act.TaskTransition {
			return errOvertaken
		}
		refusal, err := s.checkTask(ctx, tx, &act)
		if err == nil {
			err = refusal
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, &act, 0)
	})
}

// timeouts are narrower than the lease's.
func (s *session) timeouts() string {
	return fmt.Sprintf(`SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d`, s.o.LockTimeout.Milliseconds(), s.o.StatementTimeout.Milliseconds())
}

// checkStatement finds out whether a statement can be executed with the id of a
// task, without executing it.
func checkStatement(ctx context.Context, conn *pgx.Conn, sql string) error {
	described, err := conn.Prepare(ctx, "", sql)
	switch {
	case err != nil:
		return fmt.Errorf("announce_sql is not a statement that can be executed here: %w", err)
	case len(described.ParamOIDs) != 1:
		return fmt.Errorf("announce_sql has %d parameters: it needs one, $1, the task's id", len(described.ParamOIDs))
	case described.ParamOIDs[0] != pgtype.Int8OID:
		return errors.New("announce_sql takes $1 for something else than a bigint: write $1::bigint and cast that where it is used")
	}
	return nil
}
