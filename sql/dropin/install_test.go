package dropin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Everything that can have a schema, but what belongs to something listed.
const contentsSQL = `
SELECT d.classid::regclass || ' ' || o.identity
FROM pg_depend d
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'tasker_sidecar_compat'::regnamespace
ORDER BY 1`

func TestSchemaHoldsTheNineFunctionsAndTheViewOnly(t *testing.T) {
	conn := installed(t, tasker.RulesV02)
	want := []string{
		"pg_class tasker_sidecar_compat.tasker_step_dag_relationships",
		"pg_proc tasker_sidecar_compat.calculate_dependency_levels(bigint)",
		"pg_proc tasker_sidecar_compat.get_analytics_metrics_v01(timestamp with time zone)",
		"pg_proc tasker_sidecar_compat.get_slowest_steps_v01(timestamp with time zone,integer,pg_catalog.text,pg_catalog.text,pg_catalog.text)",
		"pg_proc tasker_sidecar_compat.get_slowest_tasks_v01(timestamp with time zone,integer,pg_catalog.text,pg_catalog.text,pg_catalog.text)",
		"pg_proc tasker_sidecar_compat.get_step_readiness_status(bigint,bigint[])",
		"pg_proc tasker_sidecar_compat.get_step_readiness_status_batch(bigint[])",
		"pg_proc tasker_sidecar_compat.get_system_health_counts_v01()",
		"pg_proc tasker_sidecar_compat.get_task_execution_context(bigint)",
		"pg_proc tasker_sidecar_compat.get_task_execution_contexts_batch(bigint[])",
	}
	got := query[string](t, conn, contentsSQL)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in the schema, wanted (-), found (+):\n%s", diff)
	}
	if len(dropin.Names()) != 10 || !slices.Contains(dropin.Names(), dropin.View) {
		t.Errorf("names: %q", dropin.Names())
	}
	for _, name := range dropin.Names() {
		if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(w, "."+name) }) {
			t.Errorf("%s is named and not in the schema", name)
		}
	}
}

// The engine's functions beside ours: all that a caller can see of them.
const signaturesSQL = `
SELECT p.proname || pg_get_function_arguments(p.oid) || ' -> ' || pg_get_function_result(p.oid)
FROM pg_proc p WHERE p.pronamespace = $1::text::regnamespace
UNION ALL
SELECT c.relname || '.' || a.attnum || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'v'
ORDER BY 1`

func TestSignaturesAreTheEngines(t *testing.T) {
	conn := installed(t, tasker.RulesV02)
	want, got := query[string](t, conn, signaturesSQL, "public"), query[string](t, conn, signaturesSQL, "tasker_sidecar_compat")
	if len(want) != 9+10 {
		t.Fatalf("the engine has %d functions and columns of a view, want 19: %q", len(want), want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("engine's (-), ours (+):\n%s", diff)
	}
	odd := query[string](t, conn, `
		SELECT proname::text FROM pg_proc
		WHERE pronamespace = 'tasker_sidecar_compat'::regnamespace
			AND (provolatile <> 's' OR proparallel <> 'u' OR prosecdef OR NOT proretset
				OR proconfig IS DISTINCT FROM CASE WHEN proname = 'get_step_readiness_status_batch' THEN ARRAY['work_mem=32MB'] END
				OR prolang <> (SELECT oid FROM pg_language WHERE lanname = 'plpgsql'))`)
	if len(odd) > 0 {
		t.Errorf("not plain STABLE PARALLEL UNSAFE functions of their callers: %q", odd)
	}
}

func TestInstallReplacesAndKeepsRights(t *testing.T) {
	conn := installed(t, tasker.RulesV02)
	role := pgtest.UniqueName(t, "reader")
	exec(t, conn, "CREATE ROLE "+role, "GRANT SELECT ON tasker_sidecar_compat.tasker_step_dag_relationships TO "+role)
	t.Cleanup(func() {
		_, _ = conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
	})
	old := query[uint32](t, conn, "SELECT oid FROM pg_proc WHERE pronamespace = 'tasker_sidecar_compat'::regnamespace ORDER BY 1")
	install(t, conn, dropin.Options{Rules: tasker.RulesV01})
	if got := query[uint32](t, conn, "SELECT oid FROM pg_proc WHERE pronamespace = 'tasker_sidecar_compat'::regnamespace ORDER BY 1"); !slices.Equal(old, got) {
		t.Error("functions were not replaced but made anew")
	}
	if !one[bool](t, conn, "SELECT has_table_privilege($1, 'tasker_sidecar_compat.tasker_step_dag_relationships', 'SELECT')", role) {
		t.Error("a right on the view is gone")
	}
	if !one[bool](t, conn, "SELECT prosrc LIKE '%THEN false%' FROM pg_proc WHERE oid = 'tasker_sidecar_compat.get_step_readiness_status'::regproc") {
		t.Error("the rules are still v02")
	}
}

func TestInstallIsTheCallersTransaction(t *testing.T) {
	conn := connect(t, pgtest.Database(t))
	if err := testbed.Install(t.Context(), conn, testbed.Options{}); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("the caller's")
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "CREATE SCHEMA "+dropin.Schema); err != nil {
			return err
		}
		if err := dropin.Install(t.Context(), tx, dropin.Options{Alone: true}); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if one[bool](t, conn, "SELECT to_regnamespace('tasker_sidecar_compat') IS NOT NULL") {
		t.Error("the schema is there after a rollback")
	}
}

func TestInstallFindsTheEngineInAnySchema(t *testing.T) {
	conn := connect(t, pgtest.Database(t))
	const schema = `Rails "App" $1`
	if err := testbed.Install(t.Context(), conn, testbed.Options{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	install(t, conn, dropin.Options{Engine: schema})
	exec(t, conn, "SELECT * FROM tasker_sidecar_compat.get_step_readiness_status(1)", "SELECT * FROM tasker_sidecar_compat.tasker_step_dag_relationships")
}

func TestInstallRefusesUnknownRules(t *testing.T) {
	if _, err := dropin.Render(dropin.Options{Rules: tasker.Rules(7)}); err == nil || !strings.Contains(err.Error(), "7") {
		t.Errorf("rules 7: error %v", err)
	}
}

// The name would end the text of a function.
func TestInstallRefusesANameThatCannotBeQuoted(t *testing.T) {
	for _, name := range []string{"$function$", "a $statement$ b"} {
		if _, err := dropin.Render(dropin.Options{Engine: name}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("schema %q: error %v", name, err)
		}
	}
}
