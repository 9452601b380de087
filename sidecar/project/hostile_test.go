package project_test

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// everythingHostile makes, in the schema hostile, a namesake of each function of
// the catalog that our functions could call, of the operators that they use, for
// all types that they use them with, of the types, and of the tables and views
// that they read. Functions raise when they are called, a value of a type is
// refused, and a table has no columns.
const everythingHostile = `
CREATE SCHEMA hostile;
DO $make$
DECLARE
	o record;
BEGIN
	FOR o IN
		SELECT DISTINCT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments, format_type(p.prorettype, NULL) AS result, p.proretset AS set_of
		FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
			AND p.prorettype <> ALL ('{internal,trigger,event_trigger,language_handler,cstring,record,index_am_handler,table_am_handler,fdw_handler,tsm_handler}'::regtype[])
			AND p.proname IN ('now', 'clock_timestamp', 'statement_timestamp', 'timezone', 'date_part', 'current_setting', 'set_config', 'current_database', 'regexp_match',
				'cardinality', 'unnest', 'array_append', 'array_fill', 'width_bucket', 'power', 'round', 'to_jsonb', 'format', 'pg_sleep', 'pg_is_in_recovery',
				'pg_current_xact_id_if_assigned', 'has_table_privilege', 'pg_get_replication_slots', 'pg_try_advisory_xact_lock_shared', 'pg_relation_size', 'pg_current_wal_insert_lsn', 'text', 'int8', 'float8', 'numeric', 'bool', 'name')
			AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) a WHERE a IN ('internal'::regtype, 'cstring'::regtype))
			AND NOT (p.prorettype::regtype::text LIKE 'any%' AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) a WHERE a::regtype::text LIKE 'any%'))
	LOOP
		EXECUTE format($f$CREATE FUNCTION hostile.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile function called''; END'$f$,
			o.name, regexp_replace(o.arguments, 'OUT [^,]*(, )?', '', 'g'), CASE WHEN o.set_of THEN 'SETOF' ELSE '' END, o.result);
	END LOOP;
	FOR o IN
		SELECT op.oprname AS name, format_type(op.oprleft, NULL) AS l, format_type(op.oprright, NULL) AS r, format_type(op.oprresult, NULL) AS result,
			row_number() OVER () AS n
		FROM pg_operator op
		WHERE op.oprnamespace = 'pg_catalog'::regnamespace AND op.oprleft <> 0
			AND op.oprname IN ('=', '<>', '<', '<=', '>', '>=', '~', '~~', '+', '-', '*', '/', '||')
			AND op.oprleft = ANY ('{int4,int8,text,bool,name,oid,float8,numeric,timestamp,timestamptz,interval,pg_lsn}'::regtype[])
			AND op.oprright = ANY ('{int4,int8,text,bool,name,oid,float8,numeric,timestamp,timestamptz,interval,pg_lsn}'::regtype[])
	LOOP
		EXECUTE format($f$CREATE FUNCTION hostile.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile operator called''; END'$f$, o.n, o.l, o.r, o.result);
		EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.operator_%s)', o.name, o.l, o.r, o.n);
	END LOOP;
	FOR o IN SELECT unnest('{text,name,int8,int4,bool,float8,numeric,timestamp,timestamptz,pg_lsn,jsonb,oid}'::text[]) AS name LOOP
		EXECUTE format('CREATE DOMAIN hostile.%I AS pg_catalog.%I CHECK (false)', o.name, o.name);
	END LOOP;
	FOR o IN
		SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace IN ('public'::regnamespace, 'tasker_sidecar'::regnamespace, 'tasker_sidecar_compat'::regnamespace)
			AND c.relkind IN ('r', 'v')
		UNION SELECT unnest('{pg_database,pg_stat_activity,pg_class,pg_replication_slots}'::text[])
	LOOP
		EXECUTE format('CREATE TABLE hostile.%I ()', o.name);
	END LOOP;
	FOR o IN
		SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments FROM pg_proc p
		WHERE p.pronamespace IN ('public'::regnamespace, 'tasker_sidecar'::regnamespace) AND p.proname <> 'mark' AND p.prokind = 'f'
	LOOP
		EXECUTE format($f$CREATE FUNCTION hostile.%I(%s) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile function called''; END'$f$, o.name, o.arguments);
	END LOOP;
	-- Aggregates: of these a plain function of the name is enough to be found.
	CREATE FUNCTION hostile.count(anyelement) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile function called''; END';
	CREATE FUNCTION hostile.array_agg(anyelement) RETURNS anyarray LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hostile function called''; END';
END
$make$`

// TestHostileSearchPath: whatever a caller's search_path names first, answers
// are the same in all modes, and nothing of it is called.
func TestHostileSearchPath(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	loadGolden(t, url)
	// Before the sidecar comes, who looks again when functions change.
	followtest.Exec(t, followtest.Connect(t, url), everythingHostile)
	l := projecttest.Start(t, url, func(r *replication.Options, _ *project.Options) { r.Schema = "public" })
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	want := map[string][]string{}
	for _, mode := range []string{"exact", "fast", "wait"} {
		conn := projecttest.Session(t, l.URL, trusting(mode))
		for _, q := range questions {
			want[mode] = append(want[mode], ask(t, conn, dropin.Schema, q))
		}
		conn.Close(t.Context())
	}
	for what, n := range map[string]int{
		"pg_proc WHERE pronamespace": 80, "pg_operator WHERE oprnamespace": 80, "pg_class WHERE relkind = 'r' AND relnamespace": 20, "pg_type WHERE typtype = 'd' AND typnamespace": 12,
	} {
		if got := value[int](t, l.Conn, fmt.Sprintf(`SELECT count(*) FROM %s = 'hostile'::regnamespace`, what)); got < n {
			t.Errorf("%s: only %d are hostile", what, got)
		}
	}
	// The functions are compiled, and their statements planned, under the path.
	for _, path := range []string{"hostile, pg_catalog", "hostile, tasker_sidecar_compat, public, pg_temp, pg_catalog", "pg_temp, hostile, tasker_sidecar, public, pg_catalog"} {
		for mode, answers := range want {
			settings := with(trusting(mode), "search_path", path)
			conn := projecttest.Session(t, l.URL, settings)
			if _, err := conn.Exec(t.Context(), `SELECT 1 = 1`); err == nil || !strings.Contains(err.Error(), "hostile operator") {
				t.Fatalf("the path is not hostile: %v", err)
			}
			for i, q := range questions {
				if diff := gocmp.Diff(answers[i], ask(t, conn, dropin.Schema, q)); diff != "" {
					t.Errorf("mode %s, search_path %s: %s: before (-), now (+):\n%s", mode, path, q, diff)
				}
			}
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_analytics_metrics_v01()`)
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_slowest_tasks_v01()`)
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_slowest_steps_v01()`)
			conn.Close(t.Context())
		}
	}
	// The ways that lead away from rows.
	for cause, settings := range map[string]map[string]string{
		"stale":     {"tasker_sidecar.read_mode": "fast", "tasker_sidecar.max_staleness": "nonsense"},
		"timeout":   {"tasker_sidecar.read_mode": "wait", "tasker_sidecar.wait_timeout": "nonsense"},
		"isolation": {"tasker_sidecar.read_mode": "fast", "default_transaction_isolation": "serializable"},
		"":          {"tasker_sidecar.read_mode": "nonsense"},
	} {
		t.Run(cause, func(t *testing.T) {
			want := map[string]int64{}
			if cause != "" {
				want[cause] = 1
			}
			counted(t, l.URL, want, func() {
				conn := projecttest.Session(t, l.URL, with(settings, "search_path", "hostile, pg_catalog"))
				defer conn.Close(t.Context())
				if got := ask(t, conn, dropin.Schema, questions[0]); fromRows(got) {
					t.Error("answered from rows")
				}
			})
		})
	}
	// A temporary table is a type, too, and comes before the catalog unless the
	// path says otherwise.
	temporary(t, l.URL, want["fast"])
}

func temporary(t *testing.T, url string, want []string) {
	t.Helper()
	conn := projecttest.Session(t, url, trusting("fast"))
	followtest.Exec(t, conn, `CREATE TEMP TABLE text (a int)`, `CREATE TEMP TABLE name (a int)`, `CREATE TEMP TABLE flushes ()`, `CREATE TEMP TABLE task_rows ()`)
	for i, q := range questions {
		if diff := gocmp.Diff(want[i], ask(t, conn, dropin.Schema, q)); diff != "" {
			t.Errorf("temporary tables of the same names: %s: before (-), now (+):\n%s", q, diff)
		}
	}
}
