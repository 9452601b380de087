package dropin_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// hostileSQL makes a schema that has everything that a statement could find by
// its name: all operators and functions of pg_catalog over the types that occur
// here, as functions that raise an error; types of our types' names that no
// value fits; and empty tables with the names of the engine's. What pg_catalog
// can do only by conversion, as to compare a varchar, is there exactly.
const hostileSQL = `
CREATE SCHEMA hostile;
DO $do$
DECLARE
    o record;
    n integer := 0;
    types regtype[] := '{bool,int2,int4,int8,float4,float8,numeric,text,varchar,name,oid,timestamp,timestamptz,date,time,interval,json,jsonb,int4[],int8[],text[],bool[],anyelement,anyarray,anycompatible,anycompatiblearray}';
BEGIN
    FOR o IN
        SELECT oprname AS name, NULLIF(oprleft, 0)::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result
        FROM pg_operator
        WHERE (oprleft = 0 OR oprleft = ANY (types)) AND oprright = ANY (types) AND oprresult = ANY (types)
        UNION
        SELECT name, l, r, 'bool'::regtype
        FROM unnest('{=,<>,<,<=,>,>=}'::text[]) name, unnest('{varchar,text}'::regtype[]) l, unnest('{varchar,text}'::regtype[]) r
    LOOP
        n := n + 1;
        EXECUTE format('CREATE FUNCTION hostile.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING MESSAGE = %L; END$$',
            n, concat_ws(', ', o.l, o.r), o.result, 'hostile operator ' || o.name || concat_ws(', ', o.l, o.r));
        EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.operator_%s, %s RIGHTARG = %s)', o.name, n, 'LEFTARG = ' || o.l || ',', o.r);
    END LOOP;
    FOR o IN
        SELECT DISTINCT proname AS name, oidvectortypes(proargtypes) AS arguments, prorettype::regtype AS result
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a', 'w')
            AND proargtypes::oid[] <@ types::oid[] AND prorettype = ANY (types) AND proallargtypes IS NULL
            AND proname NOT IN (SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'a' AND proargtypes = '')
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION USING MESSAGE = %L; END$$',
                o.name, o.arguments, o.result, 'hostile function ' || o.name);
        EXCEPTION WHEN invalid_function_definition OR invalid_parameter_value OR duplicate_function THEN
            NULL; -- a polymorphic result that its arguments do not determine
        END;
    END LOOP;
END
$do$;
CREATE FUNCTION hostile.counting(bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile count'; END$$;
CREATE AGGREGATE hostile.count(*) (SFUNC = hostile.counting, STYPE = bigint);
CREATE FUNCTION hostile.counting(bigint, anyelement) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'hostile count'; END$$;
CREATE AGGREGATE hostile.count(anyelement) (SFUNC = hostile.counting, STYPE = bigint);
CREATE VIEW hostile.pg_stat_activity AS SELECT NULL::text AS datname, NULL::text AS state WHERE false;
CREATE TABLE hostile.tasker_tasks (LIKE public.tasker_tasks);
CREATE TABLE hostile.tasker_task_transitions (LIKE public.tasker_task_transitions);
CREATE TABLE hostile.tasker_workflow_steps (LIKE public.tasker_workflow_steps);
CREATE TABLE hostile.tasker_workflow_step_transitions (LIKE public.tasker_workflow_step_transitions);
CREATE TABLE hostile.tasker_workflow_step_edges (LIKE public.tasker_workflow_step_edges);
CREATE TABLE hostile.tasker_named_steps (LIKE public.tasker_named_steps);
CREATE TABLE hostile.tasker_named_tasks (LIKE public.tasker_named_tasks);
CREATE TABLE hostile.tasker_task_namespaces (LIKE public.tasker_task_namespaces);
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN hostile.jsonb AS pg_catalog.jsonb CHECK (false);
CREATE DOMAIN hostile.int8 AS pg_catalog.int8 CHECK (false);
CREATE DOMAIN hostile.bool AS pg_catalog.bool CHECK (false);
CREATE DOMAIN hostile.int4 AS pg_catalog.int4 CHECK (false);
CREATE DOMAIN hostile.numeric AS pg_catalog.numeric CHECK (false);
CREATE DOMAIN hostile."timestamp" AS pg_catalog.timestamp CHECK (false);
CREATE DOMAIN hostile."interval" AS pg_catalog.interval CHECK (false);`

// questions ask everything, without any name that has no schema.
var questions = []string{
	"tasker_sidecar_compat.get_step_readiness_status_batch('{%ids}') a ORDER BY a.workflow_step_id",
	"tasker_sidecar_compat.get_step_readiness_status_batch('{%ids%many}') a ORDER BY a.workflow_step_id",
	"tasker_sidecar_compat.get_task_execution_contexts_batch('{%ids}') a ORDER BY a.task_id",
	"tasker_sidecar_compat.get_task_execution_contexts_batch('{%ids%many}') a ORDER BY a.task_id",
	"ROWS FROM (pg_catalog.unnest('{%ids}'::bigint[])) t (id), tasker_sidecar_compat.get_step_readiness_status(t.id) a ORDER BY a.workflow_step_id",
	"ROWS FROM (pg_catalog.unnest('{%ids}'::bigint[])) t (id), tasker_sidecar_compat.get_step_readiness_status(t.id, '{1001,1002,1003,1004,1005,NULL}') a ORDER BY a.workflow_step_id",
	"ROWS FROM (pg_catalog.unnest('{%ids}'::bigint[])) t (id), tasker_sidecar_compat.get_task_execution_context(t.id) a ORDER BY a.task_id",
	"ROWS FROM (pg_catalog.unnest('{%ids}'::bigint[])) t (id), tasker_sidecar_compat.calculate_dependency_levels(t.id) a ORDER BY a.workflow_step_id",
	"tasker_sidecar_compat.tasker_step_dag_relationships a WHERE a.task_id OPERATOR(pg_catalog.<) 50 ORDER BY a.workflow_step_id",
	"(SELECT total_tasks, pending_tasks, total_steps, error_steps, retryable_error_steps, exhausted_retry_steps, in_backoff_steps, active_connections OPERATOR(pg_catalog.>) 0, max_connections FROM tasker_sidecar_compat.get_system_health_counts_v01()) a",
	"(SELECT task_throughput, completion_rate, error_rate, avg_task_duration, avg_step_duration, active_tasks_count, system_health_score, unique_task_types_count, total_namespaces_count FROM tasker_sidecar_compat.get_analytics_metrics_v01('2000-01-01')) a",
	"(SELECT task_throughput, avg_step_duration FROM tasker_sidecar_compat.get_analytics_metrics_v01()) a",
	"tasker_sidecar_compat.get_slowest_tasks_v01() a",
	"tasker_sidecar_compat.get_slowest_tasks_v01('2000-01-01', NULL, 'payments', NULL, NULL) a",
	"tasker_sidecar_compat.get_slowest_steps_v01('2000-01-01', NULL, NULL, NULL, '0.1.0') a",
	"tasker_sidecar_compat.get_slowest_steps_v01('2000-01-01', 100) a",
}

func TestNothingInTheSearchPathIsCalled(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV02, tasker.RulesV01} {
		t.Run(rules.String(), func(t *testing.T) {
			url := pgtest.Database(t)
			conn := connect(t, url)
			prepare(t, conn, rules)
			if err := golden.Load(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			exec(t, conn, // a loop that a root reaches, and failures of all kinds
				"INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) SELECT to_step_id, from_step_id, 'provides', now(), now() FROM tasker_workflow_step_edges WHERE id % 50 = 0",
				"UPDATE tasker_workflow_steps SET processed = false, in_process = false, retryable = true, retry_limit = 100 WHERE workflow_step_id % 3 = 0",
				"ANALYZE", hostileSQL)
			ids := strings.Join(query[string](t, conn, "SELECT task_id::text FROM tasker_tasks ORDER BY task_id"), ",")
			fill := strings.NewReplacer("%ids", ids, "%many", strings.Repeat(",-1", 5000))
			ask := func(t *testing.T, conn *pgx.Conn, question string) string {
				t.Helper()
				var answer bytes.Buffer
				if _, err := conn.PgConn().CopyTo(t.Context(), &answer, "COPY (SELECT a.* FROM "+fill.Replace(question)+") TO STDOUT"); err != nil {
					t.Errorf("%s: %v", question, err)
				}
				return answer.String()
			}
			want := map[string]string{}
			for _, q := range questions {
				want[q] = ask(t, conn, q)
				if want[q] == "" && !strings.Contains(q, "payments") && !strings.HasSuffix(q, "v01() a") {
					t.Errorf("%s: no rows", q)
				}
			}
			for _, path := range []string{"hostile, pg_catalog, public", "hostile, public"} {
				// A session of its own: it has no plan yet.
				victim := connect(t, url)
				exec(t, victim, "SET search_path TO "+path)
				if _, err := victim.Exec(t.Context(), "SELECT 1 + 1, now()"); strings.Contains(path, "pg_catalog") != (err != nil) {
					t.Errorf("with search_path %s the trap closes: %v", path, err)
				}
				for _, q := range questions {
					if diff := cmp.Diff(want[q], ask(t, victim, q)); diff != "" {
						t.Errorf("with search_path %s, %s:\n%s", path, q, diff)
					}
				}
				_ = victim.Close(context.Background())
			}
		})
	}
}

// What is installed by a session with such a path is the same.
func TestInstallDependsOnNoSearchPath(t *testing.T) {
	const definitions = `
		SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'tasker_sidecar_compat'::regnamespace
		UNION ALL SELECT pg_get_viewdef('tasker_sidecar_compat.tasker_step_dag_relationships'::regclass) ORDER BY 1`
	url := pgtest.Database(t)
	conn := connect(t, url)
	if err := testbed.Install(t.Context(), conn, testbed.Options{}); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, hostileSQL, "SET search_path TO hostile, pg_catalog, public")
	install(t, conn, dropin.Options{})
	exec(t, conn, "SET search_path TO public")
	got := query[string](t, conn, definitions)
	exec(t, conn, "DROP SCHEMA tasker_sidecar_compat CASCADE")
	install(t, conn, dropin.Options{})
	if diff := cmp.Diff(query[string](t, conn, definitions), got); diff != "" {
		t.Errorf("installed with the usual path (-), with a hostile one (+):\n%s", diff)
	}
}
