package schema_test

import (
	"fmt"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Each migration is applied to a database at every earlier version, with rows
// in all its tables: afterwards it is as one that was installed at once, and
// the rows are what they were, in the columns that there were before.
//
// A migration of the test's own comes last, so that there always is one that
// changes tables with rows in them.
func TestEachMigrationAtEveryEarlierVersion(t *testing.T) {
	files := fstest.MapFS{}
	names, err := fs.Glob(sql.Migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sql.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	text, err := os.ReadFile("testdata/later.sql")
	if err != nil {
		t.Fatal(err)
	}
	last := len(names) + 1
	files[fmt.Sprintf("migrations/%04d_later.sql", last)] = &fstest.MapFile{Data: text}
	version := func(count int) schema.Options {
		o, err := schema.Options{}.WithMigrations(files, "migrations", count)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for to := 2; to <= last; to++ {
		at := engine(t)
		install(t, at, version(to))
		want := catalog(t, at)
		for from := 1; from < to; from++ {
			t.Run(fmt.Sprintf("from %d to %d", from, to), func(t *testing.T) {
				conn := engineWithRows(t, tasker.RulesV02)
				install(t, conn, version(from))
				fill(t, conn, tasker.RulesV02)
				exec(t, conn, `
					INSERT INTO tasker_sidecar.settings (role_name, read_mode) VALUES ('', 'fast'), ('reports', 'wait');
					UPDATE tasker_sidecar.leader SET epoch = 7, holder = 'one'`)
				if from >= 4 {
					exec(t, conn, maintained)
				}
				if from >= 5 {
					exec(t, conn, "INSERT INTO tasker_sidecar.event_consumers (consumer, horizon, cluster) VALUES ('one', 7, '1')")
				}
				if from >= 6 {
					exec(t, conn, `INSERT INTO tasker_sidecar.configuration_changes (key, value) VALUES ('log.level', '"debug"')`)
				}
				tables := values[string](t, conn, `
					SELECT format('SELECT format(''%%s'', (%s)) FROM %s ORDER BY 1', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), c.oid::regclass)
					FROM pg_class c
					JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
					WHERE c.relnamespace = 'tasker_sidecar'::regnamespace AND c.relkind = 'r' AND c.relname <> 'migrations'
					GROUP BY c.oid`)
				before := map[string][]string{}
				for _, query := range tables {
					before[query] = values[string](t, conn, query)
					if len(before[query]) == 0 {
						t.Errorf("no row was there before: %s", query)
					}
				}
				install(t, conn, version(to))
				if diff := cmp.Diff(want, catalog(t, conn)); diff != "" {
					t.Errorf("at once (-), from version %d (+):\n%s", from, diff)
				}
				for query, rows := range before {
					if diff := cmp.Diff(rows, values[string](t, conn, query)); diff != "" {
						t.Errorf("%s: before (-), after (+):\n%s", query, diff)
					}
				}
			})
		}
	}
}

// maintained are rows of the maintenance services, which there are from version
// 4 on.
const maintained = `
	INSERT INTO tasker_sidecar.maintenance_services (service, state, reason) VALUES ('retrier', 'paused', 'a test');
	INSERT INTO tasker_sidecar.maintenance_acts (service, task_id, from_state, to_state, announced, reason, epoch) VALUES ('enqueuer', 1, 'pending', 'pending', true, 'a test', 7);
	INSERT INTO tasker_sidecar.maintenance_announcements (task_id, task_transition_id, step_transition_id) VALUES (1, 2, 3)`
