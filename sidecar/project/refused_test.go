package project_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
)

// TestReaders: who is answered from rows, and who is not.
func TestReaders(t *testing.T) {
	l := markedLab(t)
	t.Run("transactions", func(t *testing.T) { readInTransactions(t, l) })
	t.Run("own writes", func(t *testing.T) { readOwnWrites(t, l) })
	t.Run("cursors and prepared statements", func(t *testing.T) { readByCursorsAndPreparedStatements(t, l) })
	t.Run("without rights", func(t *testing.T) { readWithoutRights(t, l) })
}

// readInTransactions: which of them rows may answer.
func readInTransactions(t *testing.T, l *projecttest.Lab) {
	n := int64(len(questions))
	began := time.Now()
	for _, c := range []struct {
		name, cause string
		begin       []string
	}{
		{"nothing written", "rows", []string{`BEGIN`}},
		{"READ ONLY", "rows", []string{`BEGIN READ ONLY`}},
		{"READ UNCOMMITTED", "rows", []string{`BEGIN ISOLATION LEVEL READ UNCOMMITTED`}},
		{"a savepoint", "rows", []string{`BEGIN`, `SAVEPOINT s`}},
		{"REPEATABLE READ", "isolation", []string{`BEGIN ISOLATION LEVEL REPEATABLE READ`}},
		{"SERIALIZABLE", "isolation", []string{`BEGIN ISOLATION LEVEL SERIALIZABLE`}},
		{"SERIALIZABLE by default", "isolation", []string{`SET default_transaction_isolation = 'serializable'`, `BEGIN READ ONLY`}},
		{"own writes elsewhere", "own_writes", []string{`BEGIN`, `CREATE TEMP TABLE mine (n int)`}},
		{"a row locked", "own_writes", []string{`BEGIN`, `SELECT FROM tasker_tasks WHERE task_id = 24 FOR UPDATE`}},
		{"own writes rolled back to a savepoint", "own_writes",
			[]string{`BEGIN`, `SAVEPOINT s`, `UPDATE tasker_workflow_steps SET attempts = 3`, `ROLLBACK TO s`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, mode := range []string{"fast", "wait"} {
				counted(t, l.URL, map[string]int64{c.cause: n}, func() {
					conn := projecttest.Session(t, l.URL, trusting(mode))
					defer conn.Close(t.Context())
					followtest.Exec(t, conn, c.begin...)
					if c.cause == "rows" {
						mustBeFromRows(t, conn)
					} else {
						mustBeExact(t, l.URL, conn)
					}
				})
			}
		})
	}
	if took := time.Since(began); took > 2*soon {
		t.Errorf("it took %s", took)
	}
}

// readOwnWrites: a transaction gets what it has written, in every mode
// and inside a savepoint, and afterwards rows.
func readOwnWrites(t *testing.T, l *projecttest.Lab) {
	const question = `SELECT DISTINCT attempts FROM %s.get_step_readiness_status(24)`
	for i, mode := range []string{"exact", "fast", "wait"} {
		conn := projecttest.Session(t, l.URL, trusting(mode))
		for j, statement := range []string{`BEGIN`, `SAVEPOINT s`} {
			want := fmt.Sprint(1000 + 10*i + j)
			followtest.Exec(t, conn, statement, `UPDATE tasker_workflow_steps SET attempts = `+want+` WHERE task_id = 24`)
			if got := ask(t, conn, dropin.Schema, question); got != want {
				t.Errorf("mode %s after %s: attempts %s, want %s", mode, statement, got, want)
			}
		}
		followtest.Exec(t, conn, `ROLLBACK`)
		if mode != "exact" {
			mustBeFromRows(t, conn)
		}
	}
}

// readByCursorsAndPreparedStatements: the mode is the one that holds when they
// are executed.
func readByCursorsAndPreparedStatements(t *testing.T, l *projecttest.Lab) {
	conn := projecttest.Session(t, l.URL, trusting("exact"))
	followtest.Exec(t, conn, `PREPARE question (bigint) AS SELECT DISTINCT name = 'from rows' FROM tasker_sidecar_compat.get_step_readiness_status($1)`)
	const yes, no = "t", "f"
	for range 8 { // a plan is kept after some
		for mode, want := range map[string]string{"exact": no, "fast": yes, "wait": yes} {
			followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = `+mode)
			if got := ask(t, conn, "", `EXECUTE question (24)`); got != want {
				t.Errorf("a prepared statement in mode %s is answered from rows: %s", mode, got)
			}
			followtest.Exec(t, conn, `BEGIN`, `DECLARE c CURSOR FOR SELECT name = 'from rows' FROM tasker_sidecar_compat.get_step_readiness_status(24)`)
			if got := ask(t, conn, "", `FETCH 1 FROM c`); got != want {
				t.Errorf("a cursor in mode %s is answered from rows: %s", mode, got)
			}
			followtest.Exec(t, conn, `COMMIT`)
		}
	}
	// The snapshot of a cursor is that of its declaration, and the rows in it age.
	followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = 'fast'`, `SET tasker_sidecar.max_staleness = '300ms'`,
		`BEGIN`, `DECLARE c CURSOR FOR SELECT name = 'from rows' FROM tasker_sidecar_compat.get_step_readiness_status(24)`)
	followtest.Eventually(t, "the cursor to be old", func() bool { return value[bool](t, conn, `SELECT clock_timestamp() - now() > interval '400 ms'`) })
	if got := ask(t, conn, "", `FETCH 1 FROM c`); got != no {
		t.Error("an old cursor is answered from rows that are as old")
	}
}

// readWithoutRights: who may not read the rows, or not all that an answer
// takes, gets the engine's.
func readWithoutRights(t *testing.T, l *projecttest.Lab) {
	role := pgtest.UniqueName(t, "app")
	followtest.Exec(t, l.Conn, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO %[1]s`, role))
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), l.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), fmt.Sprintf(`DROP OWNED BY %[1]s; DROP ROLE %[1]s`, role)); err != nil {
			t.Error(err)
		}
	})
	address, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(role, "secret")
	refused(t, address.String(), "not_granted", trusting("exact"))
	readable := []string{"step_readiness_status", "task_execution_contexts", "step_dag", "task_rows", "flushes"}
	for _, name := range readable {
		followtest.Exec(t, l.Conn, fmt.Sprintf(`GRANT SELECT ON tasker_sidecar.%s TO %s`, name, role))
		if name != "flushes" {
			refused(t, address.String(), "not_granted", trusting("exact"))
		}
	}
	for _, name := range readable {
		if name == "flushes" {
			continue
		}
		followtest.Exec(t, l.Conn, fmt.Sprintf(`REVOKE SELECT ON tasker_sidecar.%s FROM %s`, name, role))
		for _, mode := range []string{"fast", "wait"} {
			// What is asked about one task needs that alone which it is read from.
			mustBeRight(t, l.URL, projecttest.Session(t, address.String(), trusting(mode)))
		}
		followtest.Exec(t, l.Conn, fmt.Sprintf(`GRANT SELECT ON tasker_sidecar.%s TO %s`, name, role))
	}
	for _, mode := range []string{"fast", "wait"} {
		mustBeFromRows(t, projecttest.Session(t, address.String(), trusting(mode)))
	}
}
