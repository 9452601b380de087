package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// writersNeed is what a role needs to move tasks and steps, table by table. The
// right to UPDATE is also what locking a row takes.
var writersNeed = []struct {
	table      tasker.Table
	privileges []string
}{
	{tasker.Tasks, []string{"SELECT", "UPDATE"}},
	{tasker.WorkflowSteps, []string{"SELECT", "UPDATE"}},
	{tasker.TaskTransitions, []string{"SELECT", "INSERT", "UPDATE"}},
	{tasker.WorkflowStepTransitions, []string{"SELECT", "INSERT", "UPDATE"}},
	{tasker.WorkflowStepEdges, []string{"SELECT"}},
}

const writersLackSQL = `
SELECT n.i, p.privilege, 'TABLE ' || format('%I.%I', $2::text, n.name) AS object
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS n (name, privileges, i)
CROSS JOIN LATERAL unnest(string_to_array(n.privileges, ',')) AS p (privilege)
WHERE NOT has_table_privilege($1::text, format('%I.%I', $2::text, n.name), p.privilege)
UNION ALL
SELECT n.i, 'USAGE', 'SEQUENCE ' || s.name
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS n (name, privileges, i)
CROSS JOIN LATERAL pg_get_serial_sequence(format('%I.%I', $2::text, n.name), $5) AS s (name)
WHERE 'INSERT' = ANY (string_to_array(n.privileges, ',')) AND s.name IS NOT NULL AND NOT has_sequence_privilege($1::text, s.name, 'USAGE')
UNION ALL
SELECT 0, 'USAGE', 'SCHEMA ' || format('%I', $2::text)
WHERE NOT has_schema_privilege($1::text, $2::text, 'USAGE')
ORDER BY 1, 3 DESC, 2`

// WriterGrants are the statements that give a role what it lacks to move tasks
// and steps of the engine's tables in a schema, and to read their histories; none
// when it lacks nothing. The owner of the tables can execute them.
func WriterGrants(ctx context.Context, conn Querier, engine, role string) ([]string, error) {
	var names, privileges []string
	for _, n := range writersNeed {
		names, privileges = append(names, n.table.String()), append(privileges, strings.Join(n.privileges, ","))
	}
	rows, err := conn.Query(ctx, writersLackSQL, role, engine, names, privileges, tasker.TaskTransitions.Info().Key)
	if err != nil {
		return nil, fmt.Errorf("look for what role %s may do: %w", role, err)
	}
	var objects []string
	lacks := map[string][]string{}
	var order int64
	var privilege, object string
	_, err = pgx.ForEachRow(rows, []any{&order, &privilege, &object}, func() error {
		if lacks[object] == nil {
			objects = append(objects, object)
		}
		lacks[object] = append(lacks[object], privilege)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for what role %s may do: %w", role, err)
	}
	var grants []string
	for _, o := range objects {
		grants = append(grants, fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(lacks[o], ", "), o, quote(role)))
	}
	return grants, nil
}

// writersStep lets roles move tasks and steps.
func (i *installation) writersStep() Step {
	if len(i.Writers) == 0 {
		return Step{}
	}
	return Step{Name: "may move tasks and steps: " + strings.Join(i.Writers, ", "), Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
		for _, role := range i.Writers {
			grants, err := WriterGrants(ctx, tx, engine, role)
			if err != nil {
				return err
			}
			for _, g := range grants {
				if _, err := tx.Exec(ctx, g); err != nil {
					return err
				}
			}
		}
		return nil
	}}
}
