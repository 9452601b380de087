// Package golden gives tests the golden data: rows of the engine's tables, and
// the answers that the engine's own functions and view gave about them. Load
// puts the rows into a database, Expected reads the answers. It is imported by
// tests and benchmarks only.
package golden

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
)

// Files are the csv files and this package's only input: tasker_*.csv,
// expected/*.csv and v01/*.csv.
var Files = sub(sql.TestData, "testdata/golden")

func sub(files fs.FS, dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the name is a constant and is valid
	}
	return f
}

// Tables are the tables that have rows, in the order in which their foreign
// keys let them be loaded, with the column of the primary key.
var Tables = []struct{ Name, Key string }{
	{"tasker_task_namespaces", "task_namespace_id"},
	{"tasker_dependent_systems", "dependent_system_id"},
	{"tasker_named_tasks", "named_task_id"},
	{"tasker_named_steps", "named_step_id"},
	{"tasker_tasks", "task_id"},
	{"tasker_workflow_steps", "workflow_step_id"},
	{"tasker_workflow_step_edges", "id"},
	{"tasker_task_transitions", "id"},
	{"tasker_workflow_step_transitions", "id"},
}

// Load copies the rows into the engine's tables, which are empty and lie in
// the schema that comes first in search_path, and moves their sequences past
// them: all in one transaction.
func Load(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, table := range Tables {
			if err := load(ctx, tx, table.Name); err != nil {
				return fmt.Errorf("load %s: %w", table.Name, err)
			}
			_, err := tx.Exec(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), max(%[2]s)) FROM %[1]s", table.Name, table.Key))
			if err != nil {
				return fmt.Errorf("move the sequence of %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

func load(ctx context.Context, tx pgx.Tx, table string) error {
	text, err := fs.ReadFile(Files, table+".csv")
	if err != nil {
		return err
	}
	header, _, _ := strings.Cut(string(text), "\n")
	_, err = tx.Conn().PgConn().CopyFrom(ctx, strings.NewReader(string(text)),
		fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT csv, HEADER)", table, header))
	return err
}
