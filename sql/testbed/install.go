package testbed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// ErrOccupied is returned, wrapped, by [Install] where the schema already has
// one of the engine's tables, functions or its view.
var ErrOccupied = errors.New("already there")

// Options says what is installed, and where.
type Options struct {
	// Schema is the schema that everything is created in; one that does not
	// exist is created. A session finds the functions and their tables only
	// with this schema in its search_path.
	// Defaults to "public".
	Schema string

	// Rules are those that the readiness functions follow.
	// Defaults to tasker.RulesV02.
	Rules tasker.Rules
}

func (o Options) withDefaults() (Options, error) {
	if o.Schema == "" {
		o.Schema = "public"
	}
	if o.Rules == 0 {
		o.Rules = tasker.RulesV02
	}
	if o.Rules != tasker.RulesV01 && o.Rules != tasker.RulesV02 {
		return o, fmt.Errorf("rules %d are not known: v01 and v02 are", o.Rules)
	}
	return o, nil
}

// Install creates the tables, functions and the view in one transaction:
// afterwards all of it is there, or nothing has changed. It refuses a schema
// that has any of them with an error that names what it found and wraps
// [ErrOccupied].
func Install(ctx context.Context, conn *pgx.Conn, options Options) error {
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := refuseOccupied(ctx, tx, options.Schema); err != nil {
			return err
		}
		if err := enterSchema(ctx, tx, options.Schema); err != nil {
			return err
		}
		files, err := sources(options.Rules)
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := fs.ReadFile(sql.Testbed, file)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("install %s: %w", file, err)
			}
		}
		return nil
	})
}

// enterSchema makes the schema the one that names without a schema mean, until
// the transaction ends.
func enterSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	name := pgx.Identifier{schema}.Sanitize()
	var exists bool
	err := tx.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", name).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for schema %s: %w", name, err)
	}
	if !exists {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
			return fmt.Errorf("create schema %s: %w", name, err)
		}
	}
	if _, err := tx.Exec(ctx, "SET LOCAL search_path TO "+name); err != nil {
		return fmt.Errorf("enter schema %s: %w", name, err)
	}
	return nil
}

// sources lists the files of an installation in the order of their creation.
func sources(rules tasker.Rules) ([]string, error) {
	var files []string
	for _, dir := range []string{"tables", "functions", "views"} {
		found, err := fs.Glob(sql.Testbed, "testbed/"+dir+"/*.sql")
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if rules == tasker.RulesV01 {
		for i, file := range files {
			older := strings.Replace(file, "/functions/", "/v01/", 1)
			if _, err := fs.Stat(sql.Testbed, older); err == nil {
				files[i] = older
			}
		}
	}
	return files, nil
}

// names lists what an installation creates, by the names of its files: the
// tables' are numbered, and without their prefix.
func names() (relations, functions []string, err error) {
	files, err := sources(tasker.RulesV02)
	for _, file := range files {
		dir, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(file, "testbed/"), ".sql"), "/")
		switch dir {
		case "tables":
			_, name, _ = strings.Cut(name, "_")
			relations = append(relations, "tasker_"+name)
		case "functions":
			functions = append(functions, name)
		case "views":
			relations = append(relations, name)
		}
	}
	return relations, functions, err
}

const occupiedSQL = `
SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END || c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY ($2)
UNION ALL
SELECT 'function ' || p.oid::regprocedure
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.proname = ANY ($3)
ORDER BY 1`

func refuseOccupied(ctx context.Context, tx pgx.Tx, schema string) error {
	relations, functions, err := names()
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, occupiedSQL, schema, relations, functions)
	if err != nil {
		return fmt.Errorf("look for the engine's tables: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for the engine's tables: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%w in schema %q of database %q: %s; the testbed goes only where there is nothing of it: name an empty database or another schema",
		ErrOccupied, schema, tx.Conn().Config().Database, strings.Join(found, ", "))
}
