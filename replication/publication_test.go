package replication

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestEnsurePublicationCreates(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	l := fingerprintOf(t, conn, nil).Layout()
	p := l.Publication
	if p == nil || !p.Insert || !p.Update || !p.Delete || !p.Truncate || p.AllTables || p.ViaRoot || len(p.Tables) != tasker.FollowedTables {
		t.Fatalf("the publication is %+v", p)
	}
	for i := range tasker.FollowedTables {
		info := &tasker.Schema[i]
		named := p.published(l.Table("public", info.Name).OID)
		switch {
		case named == nil:
			t.Errorf("%s is not in it", info.Name)
		case l.ServerVersion < columnListVersion:
			if named.Columns != nil {
				t.Errorf("%s has the list %v", info.Name, named.Columns)
			}
		case len(named.Columns) != len(info.Followed):
			t.Errorf("%s has the list %v", info.Name, named.Columns)
		default:
			for _, c := range info.Followed {
				if !strings.Contains(","+strings.Join(named.Columns, ",")+",", ","+c.Name+",") {
					t.Errorf("%s of %s is not listed", c.Name, info.Name)
				}
			}
		}
	}
	before := fingerprintOf(t, conn, nil)
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	if fingerprintOf(t, conn, nil) != before {
		t.Error("a publication that is as it should be was touched")
	}
}

func TestEnsurePublicationAllColumns(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{AllColumns: true}); err != nil {
		t.Fatal(err)
	}
	for _, named := range fingerprintOf(t, conn, nil).Layout().Publication.Tables {
		if named.Columns != nil {
			t.Errorf("%s has the list %v", named.Name, named.Columns)
		}
	}
	// Without lists being wanted it is good enough all the same.
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Error(err)
	}
}

// Rails' own statements must go on working whatever the replica identity.
func TestEnsurePublicationCoversTheIdentity(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	seed(t, conn)
	execute(t, conn,
		"ALTER TABLE tasker_named_steps REPLICA IDENTITY FULL",
		"ALTER TABLE tasker_tasks ALTER COLUMN identity_hash SET NOT NULL",
		"CREATE UNIQUE INDEX by_hash ON tasker_tasks (task_id, identity_hash)",
		"ALTER TABLE tasker_tasks REPLICA IDENTITY USING INDEX by_hash")
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	execute(t, conn,
		"UPDATE tasker_named_steps SET name = 'x'", "UPDATE tasker_tasks SET reason = 'y'",
		"DELETE FROM tasker_tasks", "DELETE FROM tasker_named_steps")
}

func TestEnsurePublicationRefuses(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	lists := fingerprintOf(t, conn, nil).Layout().ServerVersion >= columnListVersion
	for _, c := range []struct {
		name    string
		lists   bool
		prepare string
		says    string
	}{
		{"for all tables", false, "CREATE PUBLICATION tasker_sidecar FOR ALL TABLES", "publication tasker_sidecar is FOR ALL TABLES"},
		{"a table missing", false, "CREATE PUBLICATION tasker_sidecar FOR TABLE tasker_tasks", "publication tasker_sidecar does not have public.tasker_workflow_steps; "},
		{"operations missing", false, "ALTER PUBLICATION mine SET (publish = 'insert')", "publication mine does not publish update, delete, truncate"},
		{"a row filter", true, "ALTER PUBLICATION mine DROP TABLE tasker_tasks; ALTER PUBLICATION mine ADD TABLE tasker_tasks WHERE (task_id > 0)", "publication mine has a row filter on public.tasker_tasks"},
		{"columns missing", true, "ALTER PUBLICATION mine DROP TABLE tasker_tasks; ALTER PUBLICATION mine ADD TABLE tasker_tasks (task_id, complete, reason)", "publication mine does not list named_task_id, initiator, source_system, created_at of public.tasker_tasks"},
		{"identity nothing", false, "ALTER TABLE tasker_tasks REPLICA IDENTITY NOTHING", "public.tasker_tasks has replica identity NOTHING"},
		{"no primary key", false, "ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT tasker_workflow_step_edges_pkey", "public.tasker_workflow_step_edges has no primary key"},
		{"partitioned", false, "DROP TABLE tasker_workflow_step_edges CASCADE; CREATE TABLE tasker_workflow_step_edges (id bigint PRIMARY KEY, from_step_id bigint, to_step_id bigint) PARTITION BY RANGE (id)", "public.tasker_workflow_step_edges is partitioned"},
		{"a view", false, "ALTER TABLE tasker_named_steps RENAME TO n; CREATE VIEW tasker_named_steps AS SELECT * FROM n", "public.tasker_named_steps is not a table but a view"},
		{"a table missing altogether", false, "DROP TABLE tasker_workflow_step_edges CASCADE", "schema public of database test_"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			if c.lists && !lists {
				return // the server has neither lists nor filters
			}
			address := engineDatabase(t, tasker.RulesV02)
			conn := connectTo(t, address)
			o := PublicationOptions{}
			if strings.Contains(c.says, "mine") {
				o.Name = "mine"
				if err := EnsurePublication(t.Context(), conn, o); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := conn.PgConn().Exec(t.Context(), c.prepare).ReadAll(); err != nil {
				t.Fatal(err)
			}
			before := fingerprintOf(t, conn, nil)
			err := EnsurePublication(t.Context(), conn, o)
			var setup *SetupError
			if !errors.As(err, &setup) || !strings.Contains(err.Error(), c.says) || setup.Remedy == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v", err)
			}
			if fingerprintOf(t, conn, nil) != before {
				t.Error("something was changed")
			}
			if setup != nil && setup.Check == CheckPublication {
				// What the error says to do helps.
				if err := AttachPublication(t.Context(), conn, o); err != nil {
					t.Fatal(err)
				}
				if err := EnsurePublication(t.Context(), conn, o); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A publication of ours that keeps Rails from writing is not left so.
func TestEnsurePublicationUnblocksWrites(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	conn := connectTo(t, address)
	seed(t, conn)
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	const update = "UPDATE tasker_tasks SET reason = 'x'"
	for _, change := range []string{
		"ALTER TABLE tasker_tasks REPLICA IDENTITY FULL",
		"CREATE UNIQUE INDEX by_hash ON tasker_tasks (task_id, identity_hash); ALTER TABLE tasker_tasks REPLICA IDENTITY USING INDEX by_hash",
	} {
		if _, err := conn.PgConn().Exec(t.Context(), change).ReadAll(); err != nil {
			t.Fatal(err)
		}
		if l := fingerprintOf(t, conn, nil).Layout(); l.ServerVersion >= columnListVersion {
			if _, err := conn.Exec(t.Context(), update); err == nil {
				t.Fatal("the server does not mind the list")
			}
			// Who may not alter it says so.
			_, roleAddress := newRole(t, address, "")
			err := EnsurePublication(t.Context(), connectTo(t, roleAddress), PublicationOptions{})
			if err == nil || Permanent(err) || !strings.Contains(err.Error(), "of public.tasker_tasks") && !strings.Contains(err.Error(), "for public.tasker_tasks, whose replica identity is FULL") {
				t.Errorf("the error is %v", err)
			}
		}
		if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
			t.Fatal(err)
		}
		execute(t, conn, update, "ALTER TABLE tasker_tasks REPLICA IDENTITY DEFAULT")
		if err := AttachPublication(t.Context(), conn, PublicationOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnsurePublicationNeedsTheOwner(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	admin := connectTo(t, address)
	role, roleAddress := newRole(t, address, "REPLICATION")
	conn := connectTo(t, roleAddress)
	err := EnsurePublication(t.Context(), conn, PublicationOptions{})
	var setup *SetupError
	if !errors.As(err, &setup) || !setup.Permanent || !strings.Contains(err.Error(), "doctor --sql") {
		t.Errorf("the error is %v", err)
	}
	giveTables(t, admin, "public", role)
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err == nil || !strings.Contains(err.Error(), "permission denied for database") {
		t.Errorf("the error is %v", err)
	}
	execute(t, admin, fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s", quote(admin.Config().Database), role))
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Error(err)
	}
}

// Several that start at once agree on one publication.
func TestEnsurePublicationAtOnce(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	var all sync.WaitGroup
	for range 4 {
		conn := connectTo(t, address)
		all.Go(func() {
			for range 5 {
				err := EnsurePublication(t.Context(), conn, PublicationOptions{})
				if err == nil {
					return
				}
				if Permanent(err) {
					t.Error(err)
				}
			}
			t.Error("not within five attempts")
		})
	}
	all.Wait()
}

func TestEnsurePublicationWaitsForNoMigration(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	migration := connectTo(t, address)
	execute(t, migration, "BEGIN", "LOCK TABLE tasker_tasks IN ACCESS EXCLUSIVE MODE")
	conn := connectTo(t, address)
	err := EnsurePublication(t.Context(), conn, PublicationOptions{LockTimeout: 50 * time.Millisecond})
	if err == nil || Permanent(err) || !strings.Contains(err.Error(), "waited 50ms for the tables' locks in vain") {
		t.Errorf("the error is %v", err)
	}
	execute(t, migration, "ROLLBACK")
	if p := fingerprintOf(t, conn, nil).Layout().Publication; p != nil {
		t.Errorf("half of a publication was left: %+v", p)
	}
}

func TestEnsurePublicationFindsTheSchema(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	installEngine(t, address, testbed.Options{Schema: "App \"2\""})
	conn := connectTo(t, address)
	err := EnsurePublication(t.Context(), conn, PublicationOptions{})
	if err == nil || !strings.Contains(err.Error(), "--schema") || !strings.Contains(err.Error(), `App "2", public`) {
		t.Errorf("the error is %v", err)
	}
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{Schema: "elsewhere"}); err == nil || !strings.Contains(err.Error(), "schema elsewhere") {
		t.Errorf("the error is %v", err)
	}
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{Schema: "App \"2\"", Name: "Second \"one\""}); err != nil {
		t.Error(err)
	}
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{Schema: "public"}); err != nil {
		t.Error(err)
	}
}

func TestDetachPublication(t *testing.T) {
	conn := connectTo(t, engineDatabase(t, tasker.RulesV02))
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	l := fingerprintOf(t, conn, nil).Layout()
	const migration = "ALTER TABLE tasker_tasks ALTER COLUMN initiator TYPE varchar(200)"
	if _, err := conn.Exec(t.Context(), migration); (err == nil) == (l.ServerVersion >= columnListVersion) {
		t.Fatalf("the migration before the publication let go: %v", err)
	}
	if err := DetachPublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, migration)
	// Meanwhile the log stays complete.
	if err := EnsurePublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Error(err)
	}
	if err := AttachPublication(t.Context(), conn, PublicationOptions{}); err != nil {
		t.Fatal(err)
	}
	if l.ServerVersion >= columnListVersion {
		p := fingerprintOf(t, conn, nil).Layout().Publication
		if len(p.Tables) != tasker.FollowedTables || p.Tables[0].Columns == nil {
			t.Errorf("attached again it is %+v", p)
		}
	}
	if err := DetachPublication(t.Context(), conn, PublicationOptions{Name: "nowhere"}); err == nil || !strings.Contains(err.Error(), "there is no publication nowhere") {
		t.Errorf("the error is %v", err)
	}
}
