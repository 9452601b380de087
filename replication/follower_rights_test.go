package replication

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// The rights that the script gives are enough to follow, and it takes no more
// than the columns that are listed.
func TestFollowsWithTheRightsOfTheScriptAlone(t *testing.T) {
	address := pgtest.Database(t)
	installEngine(t, address, testbed.Options{})
	admin := connectTo(t, address)
	role, roleAddress := newRole(t, address, "REPLICATION")
	text, err := Script(t.Context(), admin, ScriptOptions{Role: role})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, admin, text)
	aTask(t, admin)

	f := follow(t, roleAddress, nil)
	f.streaming(t)
	execute(t, admin, "UPDATE tasker_tasks SET complete = true")
	f.reach(t, admin)
	f.same(t, admin)

	var want System
	if err := admin.QueryRow(t.Context(), "SELECT system_identifier::text, (SELECT timeline_id FROM pg_control_checkpoint()), current_database() FROM pg_control_system()").
		Scan(&want.Identifier, &want.Timeline, &want.Database); err != nil {
		t.Fatal(err)
	}
	if got := f.Status().System; got != want {
		t.Errorf("it says that it follows %+v, which is %+v", got, want)
	}
}

// What trying again cannot mend ends the first start, also when it is found
// only in the middle of the load.
func TestAFirstLoadThatIsRefusedEndsIt(t *testing.T) {
	address := pgtest.Database(t)
	installEngine(t, address, testbed.Options{})
	admin := connectTo(t, address)
	role, roleAddress := newRole(t, address, "REPLICATION")
	text, err := Script(t.Context(), admin, ScriptOptions{Role: role})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, admin, text)
	execute(t, admin, "REVOKE SELECT (from_step_id) ON tasker_workflow_step_edges FROM "+role)

	f := follow(t, roleAddress, func(o *Options, _ *recorder) { o.Rules.Override = 2 })
	eventually(t, "to give up", func() bool {
		select {
		case <-f.done:
			return true
		default:
			return false
		}
	})
	if f.err == nil || !Permanent(f.err) {
		t.Errorf("it ended with %v", f.err)
	}
}
