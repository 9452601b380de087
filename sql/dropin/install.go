package dropin

import (
	"context"
	"fmt"

<<<<<<< HEAD
	"github.com/jackc/pgx/v5/pgconn"
)

// Executor executes statements: a pgx.Tx, or a connection or pool where each
// statement may be a transaction of its own.
type Executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// Install creates or replaces the drop-ins in their schema, which has to be there. Rights that were granted on them stay, and none are granted.
=======
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Database is what is installed in: a pgx.Tx, or a connection, where each
// statement is a transaction of its own.
type Database interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// Install creates the schema where it is missing, and creates or replaces the
// drop-ins in it. Rights that were granted on them stay, and none are granted.
>>>>>>> exact
// In a transaction of the caller's all of it is there afterwards, or, when that
// is rolled back after an error, nothing has changed.
//
// It takes the right to create the schema, or to create in it and to own what
// is replaced; and its owner needs to read the engine's tables, for the view.
<<<<<<< HEAD
func Install(ctx context.Context, db Executor, options Options) error {
=======
func Install(ctx context.Context, db Database, options Options) error {
>>>>>>> exact
	objects, err := Render(options)
	if err != nil {
		return err
	}
<<<<<<< HEAD
=======
	// IF NOT EXISTS would take the right to create schemas even where it does.
	var exists bool
	if err := db.QueryRow(ctx, "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL", Schema).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema %s: %w", Schema, err)
	}
	if !exists {
		if _, err := db.Exec(ctx, "CREATE SCHEMA "+Schema); err != nil {
			return fmt.Errorf("create schema %s: %w", Schema, err)
		}
	}
>>>>>>> exact
	for _, o := range objects {
		if _, err := db.Exec(ctx, o.Statement); err != nil {
			return fmt.Errorf("install %s.%s: %w", Schema, o.Name, err)
		}
	}
	return nil
}
