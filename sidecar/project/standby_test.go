package project_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestStandby: a standby that streams answers exactly, whether it has the rows
// or cannot even name them; and so does the server that it becomes.
func TestStandby(t *testing.T) {
	primary := pgtest.Server(t, nil)
	unlogged := projecttest.Installed(t, testbed.Options{}, pgtest.On(primary))
	logged := projecttest.Installed(t, testbed.Options{}, pgtest.On(primary))
	if err := schema.Install(t.Context(), followtest.Connect(t, logged), schema.Options{Persistence: schema.Logged}); err != nil {
		t.Fatal(err)
	}
	loadGolden(t, unlogged)
	loadGolden(t, logged)
	if err := primary.StopFast(t.Context()); err != nil {
		t.Fatal(err)
	}
	standby := pgtest.Copy(t, primary, map[string]string{"primary_conninfo": primary.URL(), "wal_retrieve_retry_interval": "100ms"}, "standby.signal")
	if err := primary.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var labs []*projecttest.Lab
	for _, address := range []string{unlogged, logged} {
		l := projecttest.Start(t, address, nil)
		l.Written(t)
		followtest.Exec(t, l.Conn, mark)
		mustBeFromRows(t, projecttest.Session(t, address, trusting("fast")))
		labs = append(labs, l)
	}
	unlogged, logged = on(t, unlogged, standby), on(t, logged, standby)
	onStandby := followtest.Connect(t, logged)
	at := value[string](t, labs[0].Conn, `SELECT pg_current_wal_insert_lsn()::text`)
	followtest.Eventually(t, "the standby to have it all", func() bool {
		return value[bool](t, onStandby, `SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn`, at)
	})
	mustVouch(t, onStandby)
	if _, err := followtest.Connect(t, unlogged).Exec(t.Context(), `SELECT FROM tasker_sidecar.step_rows`); err == nil {
		t.Error("a standby reads rows that are not logged: this test shows nothing")
	}

	for _, address := range []string{unlogged, logged} {
		refused(t, address, "standby", oneDay)
		counted(t, address, nil, func() {
			conn := projecttest.Session(t, address, trusting("exact"))
			defer conn.Close(t.Context())
			mustBeExact(t, address, conn)
		})
		// What rows never answer is asked there, too.
		for _, mode := range []string{"exact", "fast", "wait"} {
			conn := projecttest.Session(t, address, trusting(mode))
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_analytics_metrics_v01()`)
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_slowest_tasks_v01()`)
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.get_slowest_steps_v01()`)
			ask(t, conn, dropin.Schema, `SELECT * FROM %s.tasker_step_dag_relationships WHERE task_id = 78`)
			conn.Close(t.Context())
		}
	}

	if !value[bool](t, onStandby, `SELECT pg_promote(true)`) {
		t.Fatal("the standby was not promoted")
	}
	mustVouch(t, onStandby)
	for _, address := range []string{unlogged, logged} {
		conn := followtest.Connect(t, address)
		followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = attempts + 1`)
		refused(t, address, "no_sidecar", oneDay)
	}
	// The primary does not mind.
	for _, l := range labs {
		l.Written(t)
		mustBeFromRows(t, projecttest.Session(t, l.URL, trusting("wait")))
	}
}
