package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rowTables are the tables that the sidecar writes rows into.
var rowTables = []string{"step_rows", "task_rows", "dag_rows", "candidate_rows", "flushes"}

// maintenanceTables are those that the maintenance services keep.
var maintenanceTables = []string{"maintenance_services", "maintenance_acts", "maintenance_announcements"}

// configurationTable keeps what operators change of the configuration. Nobody
// alters what it has, and who has changed something it notes by itself.
const configurationTable = "configuration_changes"

// views are those for people.
var views = []string{"step_reasons", "ready_steps", "blocked_steps", "step_readiness_status", "task_execution_contexts", "step_dag", "freshness"}

// CompatSQL makes the schema of the drop-ins. Whoever may call the originals may
// call them: the schema is everybody's to use and nobody's to create in.
const CompatSQL = `CREATE SCHEMA tasker_sidecar_compat;

COMMENT ON SCHEMA tasker_sidecar_compat IS
    'What a tasker engine asks its database, answered by tasker-sidecar: put this schema before the engine''s in an application''s search_path, and take it out to go back. Nothing else is ever put here.';

GRANT USAGE ON SCHEMA tasker_sidecar_compat TO PUBLIC`

func compatStep(s State) Step {
	if s.Compat.Exists {
		return Step{}
	}
	return Step{Name: "schema " + CompatName, Run: func(ctx context.Context, tx pgx.Tx, _ string) error {
		_, err := tx.Exec(ctx, CompatSQL)
		return err
	}}
}

// persistenceStep rewrites the rows where they are to be kept otherwise.
func (i *installation) persistenceStep(s State) Step {
	if s.Version == 0 || i.values.logged == s.Logged {
		return Step{}
	}
	word := map[bool]string{true: "LOGGED", false: "UNLOGGED"}[i.values.logged]
	return Step{Name: "rows are " + strings.ToLower(word), Run: func(ctx context.Context, tx pgx.Tx, _ string) error {
		for _, name := range rowTables {
			if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s SET %s", quote(Name, name), word)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// grantStep gives the roles what they need and nothing beside it.
func (i *installation) grantStep() Step {
	if len(i.Sidecar)+len(i.Readers) == 0 {
		return Step{}
	}
	var names []string
	var statements []string
	for _, role := range i.Sidecar {
		names = append(names, "role "+role+" may write the rows")
		statements = append(statements,
			fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %s TO %s", ours(rowTables), quote(role)),
			fmt.Sprintf("GRANT SELECT, UPDATE ON %s TO %s", ours([]string{"leader"}), quote(role)),
			fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s", ours(append([]string{"event_consumers"}, maintenanceTables...)), quote(role)),
			fmt.Sprintf("GRANT SELECT, INSERT (key, scope, value, reason, asked_by) ON %s TO %s", ours([]string{configurationTable}), quote(role)),
			fmt.Sprintf("GRANT SELECT ON %s TO %s", ours(views), quote(role)))
	}
	for _, role := range i.Readers {
		names = append(names, "role "+role+" may read the rows")
		statements = append(statements, fmt.Sprintf("GRANT SELECT ON %s, %s, %s, %s TO %s",
			ours(rowTables), ours([]string{"leader", configurationTable}), ours(maintenanceTables), ours(views), quote(role)))
	}
	return Step{Name: strings.Join(names, ", "), Run: func(ctx context.Context, tx pgx.Tx, _ string) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}}
}

// ours lists tables or views of the schema tasker_sidecar.
func ours(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quote(Name, name)
	}
	return strings.Join(all, ", ")
}
