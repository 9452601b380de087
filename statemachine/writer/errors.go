package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectionError is an error after which the connection is gone.
type connectionError struct{ err error }

func (e *connectionError) Error() string { return e.err.Error() }

func (e *connectionError) Unwrap() error { return e.err }

// callersError is an error of a hook's.
type callersError struct{ err error }

func (e *callersError) Error() string { return e.err.Error() }

func (e *callersError) Unwrap() error { return e.err }

// callers is what a hook's error is: the database's, when a statement of the
// hook's met a race, is worth another attempt; anything else is the caller's.
func (s *session) callers(err error) error {
	if race(err) || s.conn.IsClosed() {
		return err
	}
	return &callersError{err}
}

// race says whether an error means that other transactions were in the way.
func race(err error) bool {
	switch code(err) {
	case pgerrcode.UniqueViolation, pgerrcode.DeadlockDetected, pgerrcode.SerializationFailure, pgerrcode.LockNotAvailable:
		return true
	}
	return false
}

// code is the SQLSTATE of an error, empty where it is none of the server's.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// passing says whether another attempt may end better, and counts what it was.
func (w *Writer) passing(err error) bool {
	var callers *callersError
	if errors.As(err, &callers) || ended(err) {
		return false
	}
	var connection *connectionError
	gone := errors.As(err, &connection)
	switch c := code(err); {
	case c == pgerrcode.UniqueViolation:
		w.counts.uniqueViolations.Add(1)
	case c == pgerrcode.DeadlockDetected:
		w.counts.deadlocks.Add(1)
	case c == pgerrcode.SerializationFailure:
		w.counts.serializationFailures.Add(1)
	case c == pgerrcode.LockNotAvailable:
		w.counts.lockTimeouts.Add(1)
	case gone:
		w.counts.connectionsLost.Add(1)
	default:
		return false
	}
	return true
}

// ended says whether an error means that the caller has given up, and not that the
// answer to a COMMIT took too long.
func ended(err error) bool {
	return (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) && !errors.Is(err, errCommitLost)
}

// explained says what to do about errors that people cause.
func (w *Writer) explained(err error) error {
	var callers *callersError
	if errors.As(err, &callers) {
		return callers.err
	}
	switch code(err) {
	case pgerrcode.UndefinedTable, pgerrcode.UndefinedColumn, pgerrcode.InvalidSchemaName:
		return fmt.Errorf("schema %q has not the engine's tables as they should be; name the right one, or run the engine's migrations: %w", w.o.Schema, err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("the role needs SELECT and UPDATE on the engine's tasks, steps and their transitions, INSERT on the transitions, "+
			"USAGE on their sequences, and SELECT on the edges: %w", err)
	case pgerrcode.ReadOnlySQLTransaction:
		return fmt.Errorf("the database takes no writes (a standby, or set to read only); connect to the primary: %w", err)
	case pgerrcode.QueryCanceled:
		return fmt.Errorf("a statement took longer than it may (%s), or was canceled: %w", w.o.StatementTimeout, err)
	}
	return err
}
