package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// objects.txt lists what an installation makes, and of the drop-ins' schema the
// engine's nine functions and its view, in the words of the catalog.
func TestObjectsAreThoseInstalled(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	if err := testbed.Install(t.Context(), conn, testbed.Options{Schema: "drop_ins"}); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, `
		DO $$
		DECLARE f regprocedure;
		BEGIN
			FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'drop_ins'::regnamespace LOOP
				EXECUTE format('ALTER FUNCTION %s SET SCHEMA tasker_sidecar_compat', f);
			END LOOP;
		END $$;
		ALTER VIEW drop_ins.tasker_step_dag_relationships SET SCHEMA tasker_sidecar_compat`)
	present, err := schema.PresentObjects(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	known := schema.KnownObjects()
	slices.Sort(known)
	slices.Sort(present)
	if diff := cmp.Diff(known, present); diff != "" {
		t.Errorf("objects.txt (-), installed (+): %s", diff)
	}
}

// database lists everything in a database that is not the server's own.
func database(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	return values[string](t, conn, `
		SELECT format('%s', n.nspname) FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\_%'
		UNION ALL SELECT format('%s %s', c.oid::regclass, c.relkind) FROM pg_class c WHERE c.oid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace
		UNION ALL SELECT format('%s', p.oid::regprocedure) FROM pg_proc p WHERE p.oid >= 16384
		UNION ALL SELECT format('%s', t.oid::regtype) FROM pg_type t WHERE t.oid >= 16384
		UNION ALL SELECT pubname::text FROM pg_publication
		ORDER BY 1`)
}

func TestUninstall(t *testing.T) {
	conn := engineWithRows(t, tasker.RulesV02)
	before := database(t, conn)
	if _, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{Publication: "ours"}); !errors.Is(err, schema.ErrNothing) {
		t.Errorf("before the installation: %v", err)
	}
	role := newRole(t, conn)
	name := value[string](t, conn, "SELECT current_database()::text")
	drop := func(t *testing.T) {
		install(t, conn, schema.Options{Sidecar: []string{role}})
		fill(t, conn, tasker.RulesV02)
		exec(t, conn, `
			UPDATE tasker_sidecar.flushes SET as_of = now() - interval '1 minute';
			CREATE FUNCTION tasker_sidecar_compat.get_system_health_counts_v01() RETURNS integer LANGUAGE sql AS 'SELECT 1';
			CREATE VIEW tasker_sidecar_compat.tasker_step_dag_relationships AS SELECT * FROM public.tasker_step_dag_relationships;
			CREATE PUBLICATION ours FOR TABLE tasker_tasks`)
	}
	exec(t, conn, fmt.Sprintf(`
		ALTER DATABASE %[1]s SET search_path = tasker_sidecar_compat, public;
		ALTER ROLE %[2]s SET tasker_sidecar.read_mode = 'fast';
		ALTER ROLE %[2]s SET work_mem = '5MB';
		ALTER ROLE %[2]s IN DATABASE %[1]s SET search_path = "$user", tasker_sidecar_compat`, name, role))
	wantLeft := []string{
		fmt.Sprintf(`ALTER DATABASE "%s" RESET search_path;`, name),
		fmt.Sprintf(`ALTER ROLE "%s" RESET "tasker_sidecar"."read_mode";`, role),
		fmt.Sprintf(`ALTER ROLE "%s" IN DATABASE "%s" RESET search_path;`, role, name),
	}

	t.Run("by the command", func(t *testing.T) {
		drop(t)
		var told []string
		left, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{Publication: "ours", Log: func(line string) { told = append(told, line) }})
		if err != nil {
			t.Fatal(err)
		}
		if len(told) < 20 || strings.Contains(strings.Join(told, ""), "CASCADE") {
			t.Errorf("told: %q", told)
		}
		if diff := cmp.Diff(before, database(t, conn)); diff != "" {
			t.Errorf("before the installation (-), after the removal (+): %s", diff)
		}
		var resets []string
		for _, s := range left {
			resets = append(resets, s.Reset())
			if !strings.Contains(s.String(), s.Value) {
				t.Errorf("%s does not say what is set", s)
			}
		}
		if diff := cmp.Diff(wantLeft, resets); diff != "" {
			t.Errorf("remaining settings: %s", diff)
		}
	})
	t.Run("by the script", func(t *testing.T) {
		drop(t)
		script, err := schema.PlanUninstall(t.Context(), conn, schema.UninstallOptions{Publication: "ours"})
		if err != nil {
			t.Fatal(err)
		}
		for _, reset := range wantLeft {
			if !strings.Contains(script, "-- "+reset) {
				t.Errorf("the script does not name %s", reset)
			}
		}
		exec(t, conn, script)
		if diff := cmp.Diff(before, database(t, conn)); diff != "" {
			t.Errorf("before the installation (-), after the script (+): %s", diff)
		}
	})
	for _, s := range wantLeft {
		exec(t, conn, s) // they are statements
	}
	if left, err := schema.RemainingSettings(t.Context(), conn); err != nil || len(left) > 0 {
		t.Errorf("after the RESETs: %v, %v", left, err)
	}
}

// Whatever is not ours keeps everything where it is, and is named.
func TestUninstallNamesWhatIsNotOurs(t *testing.T) {
	conn := engine(t)
	role := newRole(t, conn)
	install(t, conn, schema.Options{})
	for _, c := range []struct{ made, removed, name string }{
		{"CREATE TABLE tasker_sidecar.notes (id int)", "DROP TABLE tasker_sidecar.notes", "table tasker_sidecar.notes"},
		{"CREATE VIEW report AS SELECT count(*) FROM tasker_sidecar.ready_steps", "DROP VIEW report", "view public.report"},
		{"CREATE MATERIALIZED VIEW report AS SELECT * FROM tasker_sidecar.task_rows", "DROP MATERIALIZED VIEW report", "materialized view public.report"},
		{"CREATE INDEX mine ON tasker_sidecar.step_rows (name)", "DROP INDEX tasker_sidecar.mine", "index tasker_sidecar.mine"},
		{"CREATE FUNCTION tasker_sidecar_compat.other() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION tasker_sidecar_compat.other()", "function tasker_sidecar_compat.other()"},
		{"CREATE FUNCTION tasker_sidecar.why(text) RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION tasker_sidecar.why(text)", "function tasker_sidecar.why(pg_catalog.text)"},
		{"CREATE FUNCTION counts(tasker_sidecar.flushes) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'", "DROP FUNCTION counts(tasker_sidecar.flushes)", "function public.counts("},
		{"CREATE TABLE child () INHERITS (tasker_sidecar.settings)", "DROP TABLE child", "table public.child"},
		{"CREATE TABLE theirs (id bigint DEFAULT (tasker_sidecar.wait_for_lsn('0/0', '0'))::int)", "DROP TABLE theirs", "table public.theirs"},
		{"CREATE TABLE notes (task bigint REFERENCES tasker_sidecar.migrations)", "DROP TABLE notes", "notes_task_fkey"},
		{"CREATE TYPE tasker_sidecar.mood AS ENUM ('good')", "DROP TYPE tasker_sidecar.mood", "type tasker_sidecar.mood"},
		{"CREATE DOMAIN tasker_sidecar.name AS text", "DROP DOMAIN tasker_sidecar.name", "type tasker_sidecar.name"},
		{"CREATE SEQUENCE tasker_sidecar_compat.numbers", "DROP SEQUENCE tasker_sidecar_compat.numbers", "sequence tasker_sidecar_compat.numbers"},
		{"CREATE PUBLICATION theirs FOR TABLE tasker_sidecar.leader", "DROP PUBLICATION theirs", "tasker_sidecar.leader in publication theirs"},
		{"CREATE RULE r AS ON DELETE TO tasker_sidecar.settings DO ALSO NOTHING", "DROP RULE r ON tasker_sidecar.settings", "rule r on tasker_sidecar.settings"},
		{"CREATE STATISTICS tasker_sidecar.s ON task_id, name FROM tasker_sidecar.step_rows", "DROP STATISTICS tasker_sidecar.s", "statistics object tasker_sidecar.s"},
		{fmt.Sprintf("CREATE POLICY p ON tasker_sidecar.settings TO %s USING (true)", role), "DROP POLICY p ON tasker_sidecar.settings", "policy p on tasker_sidecar.settings"},
		{"CREATE FUNCTION tg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t AFTER INSERT ON tasker_sidecar.settings EXECUTE FUNCTION tg()",
			"DROP TRIGGER t ON tasker_sidecar.settings; DROP FUNCTION tg()", "trigger t on tasker_sidecar.settings"},
	} {
		exec(t, conn, c.made)
		before := database(t, conn)
		for what, err := range map[string]error{
			"uninstall": func() error {
				_, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{Force: true})
				return err
			}(),
			"plan": func() error {
				_, err := schema.PlanUninstall(t.Context(), conn, schema.UninstallOptions{})
				return err
			}(),
		} {
			var foreign *schema.ForeignError
			if !errors.As(err, &foreign) || !strings.Contains(foreign.Objects[len(foreign.Objects)-1], c.name) {
				t.Errorf("%s, %s: %v", what, c.made, err)
			}
		}
		notices, err := schema.Notices(t.Context(), conn, "public")
		if err != nil || !strings.Contains(fmt.Sprint(notices), c.name) {
			t.Errorf("the notices do not name it: %v, %v", notices, err)
		}
		if diff := cmp.Diff(before, database(t, conn)); diff != "" {
			t.Errorf("%s: something was changed: %s", c.made, diff)
		}
		exec(t, conn, c.removed)
	}
	if _, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{}); err != nil {
		t.Error(err)
	}
}

func TestUninstallWhileASidecarRuns(t *testing.T) {
	conn := engine(t)
	install(t, conn, schema.Options{})
	uninstall := func(o schema.UninstallOptions) error {
		_, err := schema.Uninstall(t.Context(), conn, o)
		return err
	}
	refused := func(err error, says ...string) {
		t.Helper()
		var running *schema.RunningError
		if !errors.As(err, &running) || len(running.Who) != 1 {
			t.Errorf("not refused: %v", err)
			return
		}
		for _, s := range says {
			if !strings.Contains(running.Who[0], s) {
				t.Errorf("%q is not said: %s", s, running.Who[0])
			}
		}
	}
	w := newWriter(t, conn)
	exec(t, w.conn, "SET application_name = 'the sidecar'")
	pid := fmt.Sprint(w.conn.PgConn().PID())
	refused(uninstall(schema.UninstallOptions{}), "slot "+w.slot, "process "+pid, "the sidecar", "role "+w.conn.Config().User)
	_, err := schema.PlanUninstall(t.Context(), conn, schema.UninstallOptions{})
	refused(err, w.slot)
	exec(t, w.conn, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", w.slot))

	const key = 5_000_000_000_123_456_789
	exec(t, w.conn, fmt.Sprintf("SELECT pg_advisory_lock(%d)", key))
	refused(uninstall(schema.UninstallOptions{LeaderKey: key}), "leader's lock", "process "+pid)
	exec(t, w.conn, "SELECT pg_advisory_unlock_all()")

	exec(t, conn, "UPDATE tasker_sidecar.leader SET holder = 'host:1234'")
	w.flush(t, "0/1", false)
	exec(t, conn, "UPDATE tasker_sidecar.flushes SET writer_lock = 4711")
	exec(t, w.conn, "SELECT pg_advisory_lock(4711)")
	refused(uninstall(schema.UninstallOptions{LeaderKey: key}), "host:1234 may write rows")
	if value[bool](t, conn, "SELECT to_regclass('tasker_sidecar.step_rows') IS NULL") {
		t.Fatal("a refusal dropped something")
	}
	if err := uninstall(schema.UninstallOptions{Force: true}); err != nil {
		t.Errorf("by force: %v", err)
	}
}

func TestUninstallIsRefused(t *testing.T) {
	conn := engine(t)
	weak := as(t, conn, newRole(t, conn))
	install(t, conn, schema.Options{})
	var rights *schema.RightsError
	if _, err := schema.Uninstall(t.Context(), weak, schema.UninstallOptions{}); !errors.As(err, &rights) || len(rights.Lacks) != 2 {
		t.Errorf("by a role that owns nothing: %v", err)
	}
	if script, err := schema.PlanUninstall(t.Context(), weak, schema.UninstallOptions{}); err != nil || !strings.Contains(script, "DROP SCHEMA tasker_sidecar;") {
		t.Errorf("it cannot have the script: %v", err)
	}
	exec(t, conn, "INSERT INTO tasker_sidecar.migrations (version, name, checksum) VALUES (1000, 'later', '')")
	if _, err := schema.Uninstall(t.Context(), conn, schema.UninstallOptions{}); !errors.As(err, new(*schema.NewerError)) {
		t.Errorf("of a newer schema: %v", err)
	}
}
