package project_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// oneDay is what rows of a copy are not older than: it is not by their age that
// they are refused.
var oneDay = map[string]string{"tasker_sidecar.max_staleness": "1d", "tasker_sidecar.wait_timeout": patient}

// mustVouch wants rows, and a flush that vouches for them: a copy without would
// show nothing.
func mustVouch(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	if !value[bool](t, conn, `
		SELECT NOT f.reconciling AND f.slot_name IS NOT NULL AND f.writer_lock IS NOT NULL AND f.total_tasks = -4711
			AND (SELECT count(*) > 100 AND bool_and(name = 'from rows') FROM tasker_sidecar.step_rows)
		FROM tasker_sidecar.flushes f ORDER BY flush DESC LIMIT 1`) {
		t.Fatal("the copy has no rows that anybody could take for right")
	}
}

// TestCopyInTheSameCluster: a database made from another as its template. The
// slot and the lock that its newest flush names are in use, but for the other
// database.
func TestCopyInTheSameCluster(t *testing.T) {
	l := markedLab(t)
	copied := pgtest.UniqueName(t, "copy")
	server := pgtest.Shared(t)
	admin := followtest.Connect(t, server.URL())
	original := l.Conn.Config().Database
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), server.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+copied+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	// A template may not be in use: nobody gets in until it is copied.
	followtest.Exec(t, admin,
		fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS false", original),
		// Who writes rows first, so that he cannot say that they do not count any more.
		fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity a WHERE datname = '%s'
			ORDER BY backend_type = 'walsender', EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND locktype = 'advisory') OFFSET 0) s`, original),
		fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", copied, original),
		fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS true", original))
	address := server.DatabaseURL(copied)
	conn := followtest.Connect(t, address)
	mustVouch(t, conn)
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = attempts + 1`)
	refused(t, address, "no_sidecar", oneDay)

	// The original's rows count again, by a slot that the copy then names, too.
	l.Conn = followtest.Connect(t, l.URL)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	counted(t, l.URL, map[string]int64{"rows": int64(len(questions))}, func() {
		conn := projecttest.Session(t, l.URL, trusting("fast"))
		defer conn.Close(t.Context())
		mustBeFromRows(t, conn)
	})
	slot := value[string](t, l.Conn, `SELECT slot_name FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1`)
	lock := value[int64](t, l.Conn, `SELECT writer_lock FROM tasker_sidecar.flushes ORDER BY flush DESC LIMIT 1`)
	followtest.Exec(t, conn, fmt.Sprintf(`UPDATE tasker_sidecar.flushes SET slot_name = '%s', writer_lock = %d, as_of = clock_timestamp()`, slot, lock))
	if !value[bool](t, conn, `SELECT active FROM pg_replication_slots WHERE slot_name = $1`, slot) {
		t.Fatal("the slot is not in use")
	}
	refused(t, address, "no_sidecar", oneDay)
	if value[bool](t, conn, `SELECT alive FROM tasker_sidecar.freshness`) {
		t.Error("the view freshness takes the other database's sidecar for its own")
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDumpRestoredElsewhere: all rows, with the newest flush, in a database of
// another cluster.
func TestDumpRestoredElsewhere(t *testing.T) {
	l := markedLab(t)
	address := projecttest.Installed(t, testbed.Options{}, pgtest.On(pgtest.Server(t, nil)))
	loadGolden(t, address)
	conn := followtest.Connect(t, address)
	for _, table := range []string{"step_rows", "task_rows", "dag_rows", "candidate_rows", "flushes"} {
		var rows bytes.Buffer
		if _, err := l.Conn.PgConn().CopyTo(t.Context(), &rows, fmt.Sprintf("COPY tasker_sidecar.%s TO STDOUT", table)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.PgConn().CopyFrom(t.Context(), &rows, fmt.Sprintf("COPY tasker_sidecar.%s FROM STDIN", table)); err != nil {
			t.Fatal(err)
		}
	}
	mustVouch(t, conn)
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = attempts + 1`)
	refused(t, address, "no_sidecar", oneDay)
}

// TestPointInTimeRecovery: a copy of the files that is recovered to an earlier
// moment, and one as a crash left them. The original goes on.
func TestPointInTimeRecovery(t *testing.T) {
	server := pgtest.Server(t, nil)
	original := projecttest.Installed(t, testbed.Options{}, pgtest.On(server))
	if err := schema.Install(t.Context(), followtest.Connect(t, original), schema.Options{Persistence: schema.Logged}); err != nil {
		t.Fatal(err)
	}
	loadGolden(t, original)
	if err := server.StopFast(t.Context()); err != nil {
		t.Fatal(err)
	}
	// It gets the log from the original, up to where it is told to stop.
	recovered := pgtest.Copy(t, server, map[string]string{
		"primary_conninfo": server.URL(), "wal_retrieve_retry_interval": "100ms",
		"recovery_target_name": "earlier", "recovery_target_action": "promote",
	}, "standby.signal")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := projecttest.Start(t, original, nil)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark, `SELECT pg_create_restore_point('earlier')`,
		`UPDATE tasker_workflow_steps SET attempts = attempts + 1`)
	l.Written(t)
	refuses := func(copied *postgres.Server) {
		t.Helper()
		address := on(t, original, copied)
		conn := followtest.Connect(t, address)
		followtest.Eventually(t, "the end of the recovery", func() bool { return !value[bool](t, conn, `SELECT pg_is_in_recovery()`) })
		mustVouch(t, conn)
		followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = attempts + 2`)
		refused(t, address, "no_sidecar", oneDay)
	}
	refuses(recovered)

	followtest.Exec(t, l.Conn, mark)
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	crashed := pgtest.Copy(t, server, nil, "")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuses(crashed)

	l.Conn = followtest.Connect(t, original)
	l.Written(t)
	followtest.Exec(t, l.Conn, mark)
	for _, copied := range []*postgres.Server{recovered, crashed} {
		refused(t, on(t, original, copied), "no_sidecar", oneDay)
	}
	mustBeFromRows(t, projecttest.Session(t, original, trusting("fast")))
}

// on is the URL of the same database on another server.
func on(t testing.TB, address string, server *postgres.Server) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return server.DatabaseURL(u.Path[1:])
}
