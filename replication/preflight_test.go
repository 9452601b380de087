package replication

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func preflightOf(t *testing.T, address string, o PreflightOptions) *Report {
	t.Helper()
	config, err := ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Preflight(t.Context(), config, o)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	for _, f := range report.Findings {
		if strings.Contains(f.What+f.Remedy, "\n") || f.What == "" {
			t.Errorf("not one line: %+v", f)
		}
		if password != "" && strings.Contains(f.What+f.Remedy, password) {
			t.Errorf("the password is told: %+v", f)
		}
		if f.Severity == SeverityError && f.Remedy == "" {
			t.Errorf("no remedy: %+v", f)
		}
	}
	return report
}

// wantFinding demands a finding of that check and severity that says both.
func wantFinding(t *testing.T, r *Report, check string, severity Severity, what, remedy string) {
	t.Helper()
	for _, f := range r.Of(check) {
		if f.Severity == severity && strings.Contains(f.What, what) && strings.Contains(f.Remedy, remedy) {
			return
		}
	}
	t.Errorf("no finding %s of severity %s that says %q and %q:\n%s", check, severity, what, remedy, r)
}

func TestPreflightOfAGoodDatabase(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV01)
	conn := connectTo(t, address)
	seed(t, conn)
	addStep(t, conn, "NULL", "true", "3", "NULL", "NULL", "", "")
	before := fingerprintOf(t, conn, nil)
	r := preflightOf(t, address, PreflightOptions{})
	if r.Err() != nil || r.Worst() > SeverityInfo {
		t.Errorf("findings:\n%s", r)
	}
	if r.Schema != "public" || r.Platform != PlainPostgres || r.Rules.Rules != tasker.RulesV01 {
		t.Errorf("the report is %+v", r)
	}
	for _, check := range []string{
		CheckConnection, CheckVersion, CheckPrimary, CheckPooler, CheckWALLevel, CheckSlots, CheckSenders, CheckConnections,
		CheckReplicationRole, CheckReplication, CheckSynchronous, CheckWALKeep, CheckSenderTimeout, CheckOldTransactions,
		CheckTimeZone, CheckSchema, CheckTables, CheckColumns, CheckPersistence, CheckPartitions, CheckReplicaIdentity,
		CheckRowSecurity, CheckPrivileges, CheckPublication, CheckRules,
	} {
		if len(r.Of(check)) == 0 {
			t.Errorf("%s was not checked", check)
		}
	}
	if fingerprintOf(t, conn, nil) != before {
		t.Error("the preflight changed something")
	}
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	wantFinding(t, preflightOf(t, address, PreflightOptions{}), CheckPublication, SeverityOK, "carries all that is needed", "")
}

// Everything that is wrong is told at once.
func TestPreflightTellsAllAtOnce(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	execute(t, conn,
		"ALTER TABLE tasker_tasks REPLICA IDENTITY NOTHING",
		"ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT tasker_workflow_step_edges_pkey",
		"ALTER TABLE tasker_workflow_step_transitions SET UNLOGGED",
		"ALTER TABLE tasker_named_tasks DROP COLUMN version",
		"ALTER TABLE tasker_task_transitions ALTER COLUMN to_state TYPE text",
		"CREATE TABLE tasker_more_namespaces () INHERITS (tasker_task_namespaces)",
		"CREATE PUBLICATION tasker_sidecar FOR TABLE tasker_named_steps WITH (publish = 'insert')",
		"DROP FUNCTION get_step_readiness_status",
		fmt.Sprintf("ALTER DATABASE %s SET TimeZone = 'Europe/Berlin'", quote(conn.Config().Database)),
	)
	role, roleAddress := newRole(t, address, "CONNECTION LIMIT 4")
	execute(t, conn, "ALTER TABLE tasker_named_steps ENABLE ROW LEVEL SECURITY", "GRANT SELECT ON tasker_tasks TO "+role)
	r := preflightOf(t, roleAddress, PreflightOptions{})
	if r.Err() == nil {
		t.Error("all is well")
	}
	for _, f := range []struct {
		check        string
		severity     Severity
		what, remedy string
	}{
		{CheckReplicationRole, SeverityError, "role " + role + " may not replicate", `ALTER ROLE "` + role + `" REPLICATION`},
		{CheckReplicaIdentity, SeverityError, "public.tasker_tasks has replica identity NOTHING", `ALTER TABLE "public"."tasker_tasks" REPLICA IDENTITY DEFAULT`},
		{CheckReplicaIdentity, SeverityError, "public.tasker_workflow_step_edges has no primary key; it must be id", `ADD PRIMARY KEY ("id")`},
		{CheckPersistence, SeverityError, "public.tasker_workflow_step_transitions is unlogged", "SET LOGGED"},
		{CheckColumns, SeverityError, "public.tasker_named_tasks has no column version", "migrations"},
		{CheckColumns, SeverityError, "public.tasker_task_transitions.to_state is text; character varying is expected", "TYPE character varying"},
		{CheckPartitions, SeverityError, "other tables inherit from public.tasker_task_namespaces", "NO INHERIT"},
		{CheckPublication, SeverityError, "publication tasker_sidecar does not publish update, delete, truncate", "publication attach"},
		{CheckPublication, SeverityError, "publication tasker_sidecar does not have public.tasker_tasks", "doctor --sql"},
		{CheckRules, SeverityError, "there is no function get_step_readiness_status", "--rules"},
		{CheckTimeZone, SeverityWarning, "sets TimeZone = Europe/Berlin", "SET TimeZone = 'UTC'"},
		{CheckPrivileges, SeverityError, "role " + role + " may not read workflow_step_id, task_id, named_step_id", "doctor --sql"},
		{CheckRowSecurity, SeverityError, "row level security applies to role " + role, "BYPASSRLS"},
		{CheckConnections, SeverityWarning, "are free for role " + role, "CONNECTION LIMIT"},
		{CheckWALLevel, SeverityOK, "logical", ""},
	} {
		wantFinding(t, r, f.check, f.severity, f.what, f.remedy)
	}
}

func TestPreflightOfTheWrongServer(t *testing.T) {
	s := pgtest.Server(t, map[string]string{
		"max_wal_senders": "1", "max_replication_slots": "1",
		"synchronous_standby_names": `FIRST 1 (a, "tasker-sidecar")`, "synchronous_commit": "local",
		"max_slot_wal_keep_size": "32MB", "timezone": "America/New_York", "wal_sender_timeout": "0", "max_prepared_transactions": "2",
	})
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(s))
	// A server with wal_level = replica is none that tests are given.
	execute(t, connectTo(t, address), "ALTER SYSTEM SET wal_level = replica")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connectTo(t, address)
	execute(t, conn, "SELECT pg_create_physical_replication_slot('somebody')",
		"BEGIN", "CREATE TABLE held ()", "PREPARE TRANSACTION 'forgotten'")
	defer execute(t, conn, "ROLLBACK PREPARED 'forgotten'", "SELECT pg_drop_replication_slot('somebody')")
	r := preflightOf(t, address, PreflightOptions{OldTransaction: 1, MaxWALBehind: 64 << 20})
	for _, f := range []struct {
		check        string
		severity     Severity
		what, remedy string
	}{
		{CheckWALLevel, SeverityError, "wal_level is replica", "ALTER SYSTEM SET wal_level = logical, then restart"},
		{CheckSlots, SeverityError, "no replication slot is free: 1 of 1", "pg_replication_slots"},
		{CheckSenders, SeverityOK, "1 of 1 walsenders are free", ""},
		{CheckSynchronous, SeverityError, `synchronous_standby_names is "FIRST 1 (a, \"tasker-sidecar\")"`, "take tasker-sidecar out"},
		{CheckWALKeep, SeverityWarning, "max_slot_wal_keep_size is 32 MiB", "replication.max_wal_behind"},
		{CheckTimeZone, SeverityWarning, "the server sets TimeZone = America/New_York", "TimeZone = 'UTC'"},
		{CheckSenderTimeout, SeverityInfo, "wal_sender_timeout is off", ""},
		{CheckOldTransactions, SeverityWarning, "prepared transaction 'forgotten'", "end it"},
	} {
		wantFinding(t, r, f.check, f.severity, f.what, f.remedy)
	}
	wantFinding(t, preflightOf(t, address, PreflightOptions{}), CheckWALKeep, SeverityWarning, "only 32 MiB", "raise")
}

func TestPreflightOfWrongTables(t *testing.T) {
	empty := pgtest.Database(t)
	wantFinding(t, preflightOf(t, empty, PreflightOptions{}), CheckTables, SeverityError, "has none of the engine's tables", "--database-url")

	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	execute(t, conn, "DROP TABLE tasker_workflow_step_edges CASCADE", "DROP TABLE tasker_task_annotations CASCADE")
	wantFinding(t, preflightOf(t, address, PreflightOptions{}), CheckTables, SeverityError, "lacks tasker_workflow_step_edges", "migrations")
	execute(t, conn, "CREATE SCHEMA app", "ALTER TABLE tasker_tasks SET SCHEMA app")
	wantFinding(t, preflightOf(t, address, PreflightOptions{}), CheckTables, SeverityError, "app has 1 of 8, public has", "into one schema")

	installEngine(t, address, testbed.Options{Schema: "one"})
	if r := preflightOf(t, address, PreflightOptions{}); r.Schema != "one" {
		t.Errorf("the complete one of several schemas is not found:\n%s", r)
	}
	installEngine(t, address, testbed.Options{Schema: "two"})
	wantFinding(t, preflightOf(t, address, PreflightOptions{}), CheckSchema, SeverityError, "in several schemas of database", "--schema")
	if r := preflightOf(t, address, PreflightOptions{Schema: "two"}); r.Schema != "two" || r.Err() != nil {
		t.Errorf("findings:\n%s", r)
	}
	wantFinding(t, preflightOf(t, address, PreflightOptions{Schema: "three"}), CheckTables, SeverityError, "schema three of database", "--schema")
}

// The script, run by the owner as printed, is all that a role with no rights
// but that of replicating needs.
func TestScriptIsAllThatIsNeeded(t *testing.T) {
	address := pgtest.Database(t)
	installEngine(t, address, testbed.Options{Schema: "App", Rules: tasker.RulesV01})
	admin := connectTo(t, address)
	execute(t, admin, `SET search_path = "App"`)
	seed(t, admin)
	addStep(t, admin, "NULL", "true", "3", "NULL", "NULL", "", "")
	execute(t, admin, fmt.Sprintf("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA %s FROM PUBLIC", quote("App")))
	owner, ownerAddress := newRole(t, address, "")
	giveTables(t, admin, "App", owner)
	execute(t, admin,
		fmt.Sprintf("ALTER SCHEMA %s OWNER TO %s", quote("App"), owner),
		fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s", quote(admin.Config().Database), owner),
		fmt.Sprintf("ALTER VIEW %s OWNER TO %s", quote("App", "tasker_step_dag_relationships"), owner))
	for _, name := range answering {
		execute(t, admin, fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s", quote("App", name), owner))
	}
	role, roleAddress := newRole(t, address, "REPLICATION")

	before := preflightOf(t, roleAddress, PreflightOptions{})
	wantFinding(t, before, CheckPrivileges, SeverityError, "may not use schema App", "doctor --sql")
	wantFinding(t, before, CheckPublication, SeverityError, "cannot create it, as it does not own the tables ("+owner+" does)", "doctor --sql")

	// The role itself can have it printed.
	text, err := Script(t.Context(), connectTo(t, roleAddress), ScriptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	commented := true
	for _, line := range strings.Split(text, "\n") {
		if upper := strings.Fields(line + " ."); strings.Contains("GRANT CREATE ALTER", upper[0]) && !commented {
			t.Errorf("%s has no comment", line)
		}
		commented = strings.HasPrefix(line, "--")
	}
	if strings.Contains(text, "allowed to replicate") {
		t.Errorf("it asks for what is there:\n%s", text)
	}
	run := connectTo(t, ownerAddress)
	if _, err := run.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	after := preflightOf(t, roleAddress, PreflightOptions{})
	if after.Err() != nil || after.Worst() > SeverityInfo || after.Rules.Rules != tasker.RulesV01 || after.Rules.Provisional {
		t.Errorf("findings:\n%s\nafter\n%s", after, text)
	}
	if err := EnsurePublication(t.Context(), connectTo(t, roleAddress), PublicationOptions{}); err != nil {
		t.Error(err)
	}
	// It can be run again, and then by the owner's own printing.
	again, err := Script(t.Context(), run, ScriptOptions{Role: role})
	if err != nil || strings.Contains(again, "CREATE PUBLICATION") || !strings.Contains(again, "Publication tasker_sidecar is as it should be.") {
		t.Errorf("%v\n%s", err, again)
	}
	if _, err := run.PgConn().Exec(t.Context(), again).ReadAll(); err != nil {
		t.Errorf("%v\n%s", err, again)
	}
	// Nothing more than that can be read.
	var secret any
	reader := connectTo(t, roleAddress)
	if err := reader.QueryRow(t.Context(), `SELECT context FROM "App".tasker_tasks`).Scan(&secret); err == nil {
		t.Error("the role reads what it needs not")
	}
}

// What the owner cannot do, or has to do first, is said in comments; what is
// broken is mended.
func TestScriptForANewRole(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	execute(t, conn, "CREATE PUBLICATION tasker_sidecar FOR ALL TABLES", "ALTER TABLE tasker_tasks REPLICA IDENTITY NOTHING")
	text, err := Script(t.Context(), conn, ScriptOptions{Role: "new \"role\"\n; DROP TABLE x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, say := range []string{
		"-- CREATE ROLE \"new \"\"role\"\" ; DROP TABLE x\" LOGIN;", "must be allowed to replicate", "REPLICA IDENTITY DEFAULT;",
		"DROP PUBLICATION \"tasker_sidecar\"", "CREATE PUBLICATION",
	} {
		if !strings.Contains(text, say) {
			t.Errorf("%q is not said:\n%s", say, text)
		}
	}
	execute(t, conn, "ALTER TABLE tasker_tasks REPLICA IDENTITY DEFAULT", "DROP PUBLICATION tasker_sidecar",
		"CREATE PUBLICATION tasker_sidecar FOR TABLE tasker_tasks WITH (publish = 'insert')")
	if text, err = Script(t.Context(), conn, ScriptOptions{Publication: PublicationOptions{AllColumns: true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := Script(t.Context(), connectTo(t, pgtest.Database(t)), ScriptOptions{}); err == nil || !strings.Contains(err.Error(), "none of the engine's tables") {
		t.Errorf("the error is %v", err)
	}
}
