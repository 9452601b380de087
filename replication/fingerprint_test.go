package replication

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A difference is found in the transaction that makes it, which is rolled back,
// so that all cases share a database.
func TestDiff(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	const (
		identityIndex = "CREATE UNIQUE INDEX by_key ON tasker_workflow_step_edges (id); ALTER TABLE tasker_workflow_step_edges REPLICA IDENTITY USING INDEX by_key"
		otherIndex    = "CREATE UNIQUE INDEX by_ends ON tasker_workflow_step_edges (from_step_id, to_step_id); ALTER TABLE tasker_workflow_step_edges REPLICA IDENTITY USING INDEX by_ends"
		recreate      = "ALTER TABLE tasker_workflow_step_edges RENAME TO old_edges; CREATE TABLE tasker_workflow_step_edges (LIKE old_edges INCLUDING ALL); DROP TABLE old_edges CASCADE"
		withReason    = "ALTER PUBLICATION tasker_sidecar SET TABLE tasker_tasks (task_id, named_task_id, complete, initiator, source_system, created_at, reason)"
		functionBody  = "CREATE OR REPLACE FUNCTION get_task_execution_context(input_task_id bigint) RETURNS TABLE (task_id bigint, named_task_id integer, status text, total_steps bigint, pending_steps bigint, in_progress_steps bigint, completed_steps bigint, failed_steps bigint, ready_steps bigint, execution_status text, recommended_action text, completion_percentage numeric, health_status text) LANGUAGE plpgsql STABLE AS $$ BEGIN END $$"
	)
	lists := fingerprintOf(t, conn, nil).Layout().ServerVersion >= columnListVersion
	moveAll := "CREATE SCHEMA app"
	for _, name := range followedNames() {
		moveAll += "; ALTER TABLE " + name + " SET SCHEMA app"
	}
	for _, c := range []struct {
		name   string
		lists  bool   // about column lists or row filters
		before string // done before the first fingerprint
		change string
		want   Consequence
		says   []string // each contained in one of the differences
	}{
		{"nothing", false, "", "SELECT 1", 0, nil},
		{"drop-in functions installed", false, "", "CREATE SCHEMA tasker_sidecar_compat; CREATE FUNCTION tasker_sidecar_compat.get_step_readiness_status(bigint, bigint[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'", 0, nil},
		{"drop a needed column with cascade", true, "", "ALTER TABLE tasker_tasks DROP COLUMN initiator CASCADE", Stop,
			[]string{"public.tasker_tasks has no column initiator", "publication tasker_sidecar does not have public.tasker_tasks any more"}},
		{"drop a listed column that nobody needs with cascade", true, withReason, "ALTER TABLE tasker_tasks DROP COLUMN reason CASCADE", Rebuild,
			[]string{"column public.tasker_tasks.reason is gone", "publication tasker_sidecar does not have public.tasker_tasks any more"}},
		{"drop a column that nobody needs", false, "", "ALTER TABLE tasker_tasks DROP COLUMN reason", Rebuild, []string{"column public.tasker_tasks.reason is gone"}},
		{"alter publication set table", true, "", "ALTER PUBLICATION tasker_sidecar SET TABLE tasker_tasks", Rebuild,
			[]string{"does not have public.tasker_workflow_steps any more", "the columns (all) of public.tasker_tasks now; it had (task_id"}},
		{"alter publication set table to the same", false, "", "ALTER PUBLICATION tasker_sidecar SET (publish = 'insert, update, delete, truncate')", Rebuild,
			[]string{"may have left something out for a while"}},
		{"alter publication drop table", false, "", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_workflow_steps", Rebuild,
			[]string{"publication tasker_sidecar does not have public.tasker_workflow_steps any more"}},
		{"alter publication drop and add", true, "", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps (named_step_id, name)", Rebuild,
			[]string{"public.tasker_named_steps left publication tasker_sidecar for a while"}},
		{"publication mended", true, "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps", "ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps (named_step_id, name)", Rebuild,
			[]string{"publication tasker_sidecar has public.tasker_named_steps now"}},
		{"operation removed", false, "", "ALTER PUBLICATION tasker_sidecar SET (publish = 'insert, update')", Rebuild,
			[]string{"does not publish delete any more", "does not publish truncate any more"}},
		{"row filter added", true, "", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps WHERE (named_step_id > 5)", Rebuild,
			[]string{"publication tasker_sidecar has a row filter on public.tasker_named_steps now"}},
		{"column list shortened", true, "", "ALTER PUBLICATION tasker_sidecar DROP TABLE tasker_named_steps; ALTER PUBLICATION tasker_sidecar ADD TABLE tasker_named_steps (named_step_id)", Rebuild,
			[]string{"has the columns (named_step_id) of public.tasker_named_steps now; it had (named_step_id, name)"}},
		{"publication dropped", false, "", "DROP PUBLICATION tasker_sidecar", Rebuild, []string{"publication tasker_sidecar is gone"}},
		{"publication re-created", false, "", "DROP PUBLICATION tasker_sidecar; CREATE PUBLICATION tasker_sidecar FOR ALL TABLES", Rebuild, []string{"publication tasker_sidecar was re-created"}},
		{"publication of another name", false, "", "CREATE PUBLICATION other FOR ALL TABLES", 0, nil},
		{"table re-created", false, "", recreate, Rebuild, []string{"table public.tasker_workflow_step_edges was re-created"}},
		{"table re-created without a column", false, "", recreate + "; ALTER TABLE tasker_workflow_step_edges DROP COLUMN to_step_id", Stop,
			[]string{"was re-created", "has no column to_step_id"}},
		{"table dropped", false, "", "DROP TABLE tasker_workflow_step_edges CASCADE", Stop, []string{"table public.tasker_workflow_step_edges is gone"}},
		{"table renamed", false, "", "ALTER TABLE tasker_tasks RENAME TO jobs", Stop, []string{"table public.tasker_tasks was renamed to jobs"}},
		{"table moved to another schema", false, "", "CREATE SCHEMA app; ALTER TABLE tasker_tasks SET SCHEMA app", Stop, []string{"table public.tasker_tasks was moved to schema app"}},
		{"all tables moved to another schema", false, "", moveAll, Rebuild, []string{"table public.tasker_tasks was moved to schema app"}},
		{"replica identity full", false, "", "ALTER TABLE tasker_tasks REPLICA IDENTITY FULL", Rebuild, []string{"the replica identity of public.tasker_tasks is FULL now; it was DEFAULT (task_id)"}},
		{"replica identity nothing", false, "", "ALTER TABLE tasker_tasks REPLICA IDENTITY NOTHING", Stop, []string{"public.tasker_tasks has replica identity NOTHING"}},
		{"replica identity another index of the key", false, "", identityIndex, Rebuild, []string{"is an index (id) now"}},
		{"replica identity an index without the key", false, "", otherIndex, Stop, []string{"has an index without id as its replica identity (from_step_id, to_step_id)"}},
		{"primary key dropped", false, "", "ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT tasker_workflow_step_edges_pkey", Stop, []string{"public.tasker_workflow_step_edges has no primary key"}},
		{"set unlogged", false, "DROP PUBLICATION tasker_sidecar", "ALTER TABLE tasker_workflow_step_edges SET UNLOGGED", Stop, []string{"public.tasker_workflow_step_edges is unlogged"}},
		{"set logged again", false, "DROP PUBLICATION tasker_sidecar; ALTER TABLE tasker_workflow_step_edges SET UNLOGGED", "ALTER TABLE tasker_workflow_step_edges SET LOGGED", Rebuild, []string{"is logged now; it was unlogged"}},
		{"inherited from", false, "", "CREATE TABLE more_edges () INHERITS (tasker_workflow_step_edges)", Stop, []string{"other tables inherit from public.tasker_workflow_step_edges"}},
		{"column added", false, "", "ALTER TABLE tasker_tasks ADD COLUMN priority integer", Rebuild, []string{"column public.tasker_tasks.priority was added"}},
		{"column retyped", false, "", "DROP PUBLICATION tasker_sidecar; ALTER TABLE tasker_workflow_steps ALTER COLUMN attempts TYPE bigint", Stop,
			[]string{"public.tasker_workflow_steps.attempts is bigint; integer is expected"}},
		{"column's values rewritten", false, "DROP PUBLICATION tasker_sidecar", "ALTER TABLE tasker_workflow_steps ALTER COLUMN attempts TYPE integer USING attempts + 1", Rebuild,
			[]string{"column public.tasker_workflow_steps.attempts was altered; its values may have been rewritten"}},
		{"column's precision changed", false, "DROP PUBLICATION tasker_sidecar", "ALTER TABLE tasker_workflow_steps ALTER COLUMN created_at TYPE timestamp(3)", Rebuild,
			[]string{"column public.tasker_workflow_steps.created_at was altered"}},
		{"column renamed", false, "", "ALTER TABLE tasker_tasks RENAME COLUMN initiator TO started_by", Stop,
			[]string{"column public.tasker_tasks.initiator was renamed to started_by", "has no column initiator"}},
		{"column re-created", false, "DROP PUBLICATION tasker_sidecar", "ALTER TABLE tasker_tasks DROP COLUMN initiator; ALTER TABLE tasker_tasks ADD COLUMN initiator varchar", Rebuild,
			[]string{"column public.tasker_tasks.initiator was re-created"}},
		{"function replaced", false, "", functionBody, AskRules, []string{"function public.get_task_execution_context(input_task_id bigint) was replaced"}},
		{"function dropped", false, "", "DROP FUNCTION get_task_execution_contexts_batch(bigint[])", AskRules, []string{"function public.get_task_execution_contexts_batch(input_task_ids bigint[]) is gone"}},
		{"function in another schema", false, "", "CREATE SCHEMA app; CREATE FUNCTION app.get_step_readiness_status(a bigint, b bigint[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'", AskRules, []string{"function app.get_step_readiness_status(a bigint, b bigint[]) was created"}},
		{"function of ours", false, "", "CREATE SCHEMA tasker_sidecar; CREATE FUNCTION tasker_sidecar.get_step_readiness_status(a bigint, b bigint[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'", 0, nil},
		{"what does not matter", false, "", "TRUNCATE tasker_tasks CASCADE; CREATE INDEX more ON tasker_tasks (reason); ANALYZE tasker_tasks; ALTER TABLE tasker_tasks ALTER COLUMN reason SET DEFAULT 'none'; GRANT SELECT ON tasker_tasks TO PUBLIC; ALTER TABLE tasker_tasks ALTER COLUMN reason TYPE text; CREATE TABLE public.bystander (id integer)", 0, nil},
	} {
		if c.lists && !lists {
			continue // what it is about is not there on this server
		}
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.Background()) //nolint:errcheck // what was done is undone
			if c.before != "" {
				executeScript(t, tx, c.before)
			}
			before := fingerprintOf(t, tx, nil)
			if again := fingerprintOf(t, tx, nil); again != before {
				t.Fatalf("two fingerprints of the same differ:\n%v\n%v", before, again)
			}
			executeScript(t, tx, c.change)
			now := fingerprintOf(t, tx, before.oids())
			found := Diff(before, now, "public", "tasker-sidecar")
			if got := Gravest(found); got != c.want {
				t.Errorf("consequence %v, %v is expected: %v", got, c.want, found)
			}
			for _, say := range c.says {
				if !slices.ContainsFunc(found, func(d Difference) bool { return strings.Contains(d.What, say) }) {
					t.Errorf("nothing says %q: %v", say, found)
				}
			}
			if err := StopError(found); (err != nil) != (c.want == Stop) {
				t.Errorf("the error of stopping is %v", err)
			}
			for _, d := range found {
				if d.Consequence == Stop && d.Remedy == "" {
					t.Errorf("%q has no remedy", d.What)
				}
			}
		})
	}
}

// What cannot be done in a transaction.
func TestDiffIgnoresVacuumFull(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	before := fingerprintOf(t, conn, nil)
	execute(t, conn, "VACUUM FULL tasker_tasks", "VACUUM FULL pg_attribute", "VACUUM (FREEZE) pg_attribute", "CLUSTER tasker_workflow_steps USING tasker_workflow_steps_pkey")
	if found := Diff(before, fingerprintOf(t, conn, before.oids()), "public", "tasker-sidecar"); found != nil {
		t.Errorf("differences: %v", found)
	}
}

func TestDiffSynchronousStandbyNames(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	before := fingerprintOf(t, conn, nil)
	with := func(names string) Fingerprint {
		text := strings.Replace(before.text, `"synchronous_standby_names": ""`, `"synchronous_standby_names": "`+names+`"`, 1)
		if text == before.text {
			t.Fatal("the setting is not in the fingerprint")
		}
		return Fingerprint{text: text}
	}
	if found := Diff(before, with("FIRST 1 (a, b)"), "public", "tasker-sidecar"); found != nil {
		t.Errorf("other standbys are told: %v", found)
	}
	if found := Diff(before, with("ANY 1 (*)"), "public", "tasker-sidecar"); Gravest(found) != Stop {
		t.Errorf("becoming a synchronous standby is not told: %v", found)
	}
}

func (f Fingerprint) oids() []uint32 {
	var oids []uint32
	for _, t := range f.Layout().Tables {
		oids = append(oids, t.OID)
	}
	return oids
}

func fingerprintOf(t *testing.T, conn Querier, known []uint32) Fingerprint {
	t.Helper()
	f, err := ReadFingerprint(t.Context(), conn, FingerprintOptions{Schema: "public", Known: known})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// executeScript runs several statements at once.
func executeScript(t *testing.T, tx pgx.Tx, script string) {
	t.Helper()
	if _, err := tx.Conn().PgConn().Exec(t.Context(), script).ReadAll(); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

func TestDiffRelation(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	l := fingerprintOf(t, conn, nil).Layout()
	table := l.Table("public", "tasker_named_steps")
	message := func(change func(*relation)) *relation {
		r := &relation{oid: table.OID, schema: "public", name: table.Name, identity: 'd'}
		for _, c := range table.Columns {
			if c.Name == "named_step_id" || c.Name == "name" {
				r.columns = append(r.columns, relationColumn{name: c.Name, typeOID: c.TypeOID, modifier: int32(c.Modifier)})
			}
		}
		if change != nil {
			change(r)
		}
		return r
	}
	for _, c := range []struct {
		name   string
		change func(*relation)
		says   string
	}{
		{"as it was", nil, ""},
		{"another table", func(r *relation) { r.oid, r.name = 1, "bystander" }, ""},
		{"re-created", func(r *relation) { r.oid = 1 }, "table public.tasker_named_steps was re-created"},
		{"the same name in another schema", func(r *relation) { r.oid, r.schema = 1, "app" }, ""},
		{"renamed", func(r *relation) { r.name = "steps" }, "table public.tasker_named_steps is public.steps now"},
		{"identity", func(r *relation) { r.identity = 'f' }, "the replica identity of public.tasker_named_steps was DEFAULT"},
		{"column gone", func(r *relation) { r.columns = r.columns[:1] }, "the log does not carry column public.tasker_named_steps.name any more"},
		{"column retyped", func(r *relation) { r.columns[1].typeOID = 25 }, "column public.tasker_named_steps.name has another type"},
		{"column of another length", func(r *relation) { r.columns[1].modifier = 24 }, "column public.tasker_named_steps.name has another length"},
		{"column more", func(r *relation) { r.columns = append(r.columns, relationColumn{name: "x"}) }, ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			found := diffRelation(&l, "public", message(c.change))
			switch {
			case c.says == "" && found != nil:
				t.Errorf("differences: %v", found)
			case c.says != "" && (len(found) != 1 || !strings.HasPrefix(found[0].What, c.says) || found[0].Consequence != Rebuild):
				t.Errorf("%v; %q is expected", found, c.says)
			}
		})
	}
}
