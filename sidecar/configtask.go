package main

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
)

// taskFlags name a task, or one of its steps, that options are asked for.
type taskFlags struct {
	task int64
	step string
}

func (f *taskFlags) add(c *cobra.Command) {
	c.Flags().Int64Var(&f.task, "task", 0, "the id of a task: what holds for it")
	c.Flags().StringVar(&f.step, "step", "", "the name of one of its steps: what holds for that")
}

func (f *taskFlags) given() bool { return f.task != 0 || f.step != "" }

// workflow looks up the names in the database; without --task it is everything.
func (f *taskFlags) workflow(c *cobra.Command, settings *config.Config) (config.Workflow, error) {
	var w config.Workflow
	if f.task == 0 {
		return w, nil
	}
	conn, err := connect(c, settings)
	if err != nil {
		return w, err
	}
	defer closeConn(c, conn)
	schema, err := f.schema(c, conn, settings.Database.Schema)
	if err != nil {
		return w, err
	}
	named := func(table string) string { return pgx.Identifier{schema, table}.Sanitize() }
	err = conn.QueryRow(c.Context(), `
		SELECT coalesce(n.name, ''), coalesce(t.name, ''), coalesce(t.version, '')
		FROM `+named("tasker_tasks")+` k
		LEFT JOIN `+named("tasker_named_tasks")+` t USING (named_task_id)
		LEFT JOIN `+named("tasker_task_namespaces")+` n USING (task_namespace_id)
		WHERE k.task_id = $1`, f.task).Scan(&w.Namespace, &w.Name, &w.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, &codedError{exitFound, fmt.Errorf("there is no task %d", f.task)}
	}
	if err != nil {
		return w, replication.Explain(fmt.Errorf("look up the names of task %d: %w", f.task, err))
	}
	if f.step == "" {
		return w, nil
	}
	var there bool
	err = conn.QueryRow(c.Context(), `
		SELECT EXISTS (SELECT FROM `+named("tasker_workflow_steps")+` s JOIN `+named("tasker_named_steps")+` n USING (named_step_id)
		WHERE s.task_id = $1 AND n.name = $2)`, f.task, f.step).Scan(&there)
	if err != nil {
		return w, replication.Explain(fmt.Errorf("look up the steps of task %d: %w", f.task, err))
	}
	if !there {
		return w, &codedError{exitFound, fmt.Errorf("task %d has no step %q", f.task, f.step)}
	}
	w.Step = f.step
	return w, nil
}

// schema is that of the engine's tables: the one that is configured, else the
// only one that has them.
func (f *taskFlags) schema(c *cobra.Command, conn *pgx.Conn, configured string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	rows, err := conn.Query(c.Context(), `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'tasker_tasks' AND c.relkind IN ('r', 'p') ORDER BY 1`)
	if err != nil {
		return "", replication.Explain(err)
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return "", replication.Explain(err)
	case len(schemas) == 0:
		return "", errors.New("this database has no table tasker_tasks: is it the application's?")
	case len(schemas) > 1:
		return "", usageError("several schemas have a table tasker_tasks: %q; name one with --schema", schemas)
	}
	return schemas[0], nil
}
