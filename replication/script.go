package replication

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// ScriptOptions say for whom the script is.
type ScriptOptions struct {
	// Role is the one that will follow.
	// Defaults to "": the one that asks.
	Role string
	// Publication is what is to be there afterwards. Its LockTimeout is not
	// looked at.
	Publication PublicationOptions
}

// answering are the engine's functions that verify asks, and its view.
var answering = []string{
	"get_step_readiness_status", "get_step_readiness_status_batch",
	"get_task_execution_context", "get_task_execution_contexts_batch",
	"calculate_dependency_levels", "get_system_health_counts_v01",
	"get_analytics_metrics_v01", "get_slowest_tasks_v01", "get_slowest_steps_v01",
}

const scriptRoleSQL = `
SELECT
    EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $1),
    EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $1 AND (r.rolreplication OR r.rolsuper)
        OR r.rolname IN ('rds_replication', 'rds_superuser') AND pg_has_role((SELECT oid FROM pg_roles WHERE rolname = $1), r.oid, 'MEMBER')),
    coalesce((SELECT has_schema_privilege(r.oid, $2, 'USAGE') FROM pg_roles r WHERE r.rolname = $1), has_schema_privilege('public', $2, 'USAGE')),
    ARRAY(
        SELECT format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid))
        FROM pg_proc f
        JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE n.nspname = $2 AND f.proname = ANY ($3)
            AND NOT coalesce((SELECT has_function_privilege(r.oid, f.oid, 'EXECUTE') FROM pg_roles r WHERE r.rolname = $1), true)
        ORDER BY 1
    ),
    EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $2 AND c.relname = 'tasker_step_dag_relationships'
    )`

// Script is the SQL that makes a database ready to be followed by a role with
// no more rights than that needs: the publication, and the right to read the
// columns that are published. The owner of the tables runs it; it can be run
// again. What the owner cannot do is in comments, for whoever can. conn may be
// of any role that can connect.
func Script(ctx context.Context, conn Querier, o ScriptOptions) (string, error) {
	publication := o.Publication.withDefaults()
	f, err := ReadFingerprint(ctx, conn, FingerprintOptions{Publication: publication.Name})
	if err != nil {
		return "", err
	}
	l := f.Layout()
	schema, err := l.Schema(publication.Schema)
	if err != nil {
		return "", err
	}
	if missing := l.missingTables(schema); missing != nil {
		return "", setupError(missing, true)
	}
	platform, err := detectPlatform(ctx, conn)
	if err != nil {
		return "", err
	}
	role := o.Role
	if role == "" {
		if err := conn.QueryRow(ctx, "SELECT current_user::text").Scan(&role); err != nil {
			return "", fmt.Errorf("asking who we are: %w", err)
		}
	}
	var exists, replicates, usage, view bool
	var functions []string
	err = conn.QueryRow(ctx, scriptRoleSQL, role, schema, answering).Scan(&exists, &replicates, &usage, &functions, &view)
	if err != nil {
		return "", fmt.Errorf("asking for the rights of role %s: %w", role, err)
	}

	var s script
	s.comment("What tasker-sidecar needs to follow the engine's tables in schema %s of database %s", schema, l.Database)
	s.comment("as role %s. For the owner of the tables (%s); it can be run again.", role, strings.Join(l.owners(schema), ", "))
	if !exists {
		s.comment("")
		s.comment("First, by whoever may create roles (with a password, or as pg_hba.conf wants it):")
		s.comment("CREATE ROLE %s LOGIN;", quote(role))
	}
	if !replicates {
		s.comment("")
		s.comment("The role must be allowed to replicate; %s;", platform.grantReplication(role))
	}
	for _, f := range l.unfitTables(schema) {
		s.comment("")
		s.comment("To be mended first: %s:", f.What)
		s.comment("%s;", f.Remedy)
	}
	s.line("BEGIN;")
	s.publication(&l, schema, publication)
	s.rights(&l, schema, role, usage)
	for _, name := range functions {
		s.statement("The engine's own functions are asked which rules they follow, and by verify.",
			"GRANT EXECUTE ON FUNCTION %s TO %s", name, quote(role))
	}
	if view {
		s.statement("verify compares with this view, too.",
			"GRANT SELECT ON %s TO %s", quote(schema, "tasker_step_dag_relationships"), quote(role))
	}
	s.line("")
	s.line("COMMIT;")
	return s.text.String(), nil
}

// script is SQL for people to read.
type script struct{ text strings.Builder }

func (s *script) line(text string) { s.text.WriteString(strings.TrimRight(text, " ") + "\n") }

// comment writes a line that is not run, whatever names are in it.
func (s *script) comment(format string, args ...any) {
	s.line("-- " + strings.NewReplacer("\n", " ", "\r", " ").Replace(fmt.Sprintf(format, args...)))
}

func (s *script) statement(why, format string, args ...any) {
	s.line("")
	s.comment("%s", why)
	s.line(fmt.Sprintf(format, args...) + ";")
}

func (s *script) publication(l *Layout, schema string, o PublicationOptions) {
	if l.Publication != nil && len(l.lacks(schema)) == 0 && len(l.publishedWhole(schema, o.AllColumns)) == 0 {
		s.line("")
		s.comment("Publication %s is as it should be.", o.Name)
		return
	}
	why := "The tables whose changes are sent, with all columns."
	if strings.Contains(strings.Join(l.tableClauses(schema, o.AllColumns), ""), " (") {
		why = "The tables whose changes are sent, each with its key and the columns that an answer needs. A column that is listed can be dropped or retyped only after tasker-sidecar publication detach."
	}
	statements := l.attachStatements(schema, o)
	for i, statement := range statements {
		if i > 0 {
			why = "Rows that go must be told, too."
			if i == 1 && strings.HasPrefix(statement, "CREATE") {
				why = "A publication FOR ALL TABLES cannot be altered into one of some."
			}
		}
		s.statement(why, "%s", statement)
	}
}

func (s *script) rights(l *Layout, schema, role string, usage bool) {
	if !usage {
		s.statement("Names in the schema can be used (the schema's owner can grant this).", "GRANT USAGE ON SCHEMA %s TO %s", quote(schema), quote(role))
	}
	for i := range tasker.FollowedTables {
		info := &tasker.Schema[i]
		t := l.Table(schema, info.Name)
		var columns []string
		for _, c := range info.Followed {
			if t.Column(c.Name) != nil {
				columns = append(columns, pgx.Identifier{c.Name}.Sanitize())
			}
		}
		s.statement("Read: "+info.Why+".", "GRANT SELECT (%s) ON %s TO %s", strings.Join(columns, ", "), quote(schema, t.Name), quote(role))
		if transitions := info.Table == tasker.TaskTransitions || info.Table == tasker.WorkflowStepTransitions; transitions && t.Column("sort_key") != nil {
			s.statement("A consumer of events reads here what it has missed; for nothing else.", "GRANT SELECT (sort_key, xmin) ON %s TO %s", quote(schema, t.Name), quote(role))
		}
	}
}
