package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNotInstalled is returned, wrapped, where the database has no place for
// values: the schema tasker_sidecar is not there, or older.
var ErrNotInstalled = errors.New("the database keeps no configuration: tasker-sidecar install makes a place for it (schema tasker_sidecar, version 6 or later)")

// Querier asks: a connection, a pool, a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Setting is a value that is in force.
type Setting struct {
	Key       string          `json:"key"`
	Scope     string          `json:"scope,omitempty"` // the workflows and steps that it is for; empty: all
	Value     json.RawMessage `json:"value"`
	Change    int64           `json:"change"` // the one that set it
	ChangedAt time.Time       `json:"changed_at"`
	ChangedBy string          `json:"changed_by"` // the role
	AskedBy   string          `json:"asked_by"`   // who wanted it; empty: nobody said
	Reason    string          `json:"reason"`
}

// Origin names the place for a message, with what takes the value back.
func (s *Setting) Origin() string {
	if s.Change == 0 {
		return "what is to be stored in the database"
	}
	by := "role " + s.ChangedBy
	if s.AskedBy != "" {
		by = s.AskedBy
	}
	return fmt.Sprintf("database, change %d by %s at %s; tasker-sidecar config unset %s takes it back", s.Change, by, s.ChangedAt.UTC().Format(time.RFC3339), s.Name())
}

// Name is the key with whom it is for, as package config has it.
func (s *Setting) Name() string { return name(s.Key, s.Scope) }

func name(key, scope string) string {
	if scope == "" {
		return key
	}
	return key + "@" + scope
}

const readSQL = `SELECT key, scope, value, change, changed_at, changed_by, asked_by, reason FROM tasker_sidecar.configuration ORDER BY key, scope`

// Read gives all that is in force. The error wraps [ErrNotInstalled] where the
// database has no place for it.
func Read(ctx context.Context, conn Querier) ([]Setting, error) {
	const doing = "reading the configuration from the database"
	// Asked for beforehand, so that the server logs no error.
	rows, err := conn.Query(ctx, "SELECT pg_catalog.to_regclass('tasker_sidecar.configuration') IS NOT NULL")
	if err != nil {
		return nil, explain(doing, err)
	}
	switch there, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool]); {
	case err != nil:
		return nil, explain(doing, err)
	case !there:
		return nil, fmt.Errorf("%s: %w", doing, ErrNotInstalled)
	}
	if rows, err = conn.Query(ctx, readSQL); err != nil {
		return nil, explain(doing, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Setting])
	return all, explain(doing, err)
}

// explain says what can be done about an error.
func explain(doing string, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return nil
	}
	switch pg.Code {
	case pgerrcode.UndefinedTable, pgerrcode.InvalidSchemaName:
		return fmt.Errorf("%s: %w", doing, ErrNotInstalled)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%s: the role lacks rights, which tasker-sidecar install --grants ROLE gives it: %w", doing, err)
	case pgerrcode.LockNotAvailable, pgerrcode.QueryCanceled:
		return fmt.Errorf("%s: somebody else is changing it; try again: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
