package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// ErrTimedOut is returned, wrapped, where the server ended a question that
// took longer than Options.StatementTimeout.
var ErrTimedOut = errors.New("statement_timeout ended it")

// explain says which function did not answer and whose fault it is: the
// function's own (tasker.ErrFunctionFails), the clock's (ErrTimedOut), or
// something else's, which is passed on.
func explain(ctx context.Context, function string, timeout time.Duration, err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return fmt.Errorf("ask %s: %w", function, err)
	}
	switch {
	case server.Code == pgerrcode.QueryCanceled && ctx.Err() == nil:
		return fmt.Errorf("ask %s: %w after %v: %w", function, ErrTimedOut, timeout, err)
	case isOwnFailure(server.Code):
		return fmt.Errorf("ask %s: %w: %w", function, tasker.ErrFunctionFails, err)
	case server.Code == pgerrcode.UndefinedFunction, server.Code == pgerrcode.UndefinedTable:
		return fmt.Errorf("ask %s: it, or what it reads, is not in the schema named: name the schema of the engine's tables: %w", function, err)
	}
	return fmt.Errorf("ask %s: %w", function, err)
}

// isOwnFailure tells what a function does to itself, by its code and the
// data, from what the server or another session does to it.
func isOwnFailure(code string) bool {
	return code == pgerrcode.DatatypeMismatch ||
		pgerrcode.IsDataException(code) ||
		pgerrcode.IsCardinalityViolation(code) ||
		pgerrcode.IsPLpgSQLError(code)
}
