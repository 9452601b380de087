package leader

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

// overtaken waits until next leads, which it must do much sooner than anything
// but the loss of the lock explains, and old knows that it does not.
func overtaken(t *testing.T, since time.Time, old *Lease, next *candidate) *Lease {
	t.Helper()
	l := next.lease(t)
	t.Logf("taken over after %s", time.Since(since))
	await(t, "the old leader to be told", old.Done())
	if l.Epoch() <= old.Epoch() || !Over(old.Err()) {
		t.Errorf("epoch %d after %d, which ended by %v", l.Epoch(), old.Epoch(), old.Err())
	}
	return l
}

// TestLockTerminated: pg_terminate_backend on the session with the lock.
func TestLockTerminated(t *testing.T) {
	t.Parallel()
	address := installed(t)
	conn := connectTo(t, address)
	a := run(t, quick(address, "a"))
	old := a.lease(t)
	began := time.Now()
	execute(t, conn, terminateLock)
	await(t, "a to be told", old.Done())
	t.Logf("told after %s", time.Since(began))
	if err := old.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "57P01") {
		t.Errorf("told %v", err)
	}
	if err := write(old, conn, "a"); !errors.Is(err, ErrLost) {
		t.Errorf("the write says %v", err)
	}
	if l := a.lease(t); l.Epoch() != 2 {
		t.Errorf("epoch %d", l.Epoch())
	}
}

// TestLinkCut: once the leader's link breaks, the server knows; once it just
// carries nothing any more, either side finds out by itself.
func TestLinkCut(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"cut", "stalled"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			address := installed(t)
			link, through := newLink(t, address)
			a := run(t, quick(through, "a"))
			old := a.lease(t)
			b := run(t, quick(address, "b"))
			b.until(t, Following)
			_ = link.listener.Close() // no way back
			began := time.Now()
			if how == "cut" {
				link.cut()
			} else {
				link.stall()
				await(t, "a to be told", old.Done())
				t.Logf("told after %s", time.Since(began))
			}
			l := overtaken(t, began, old, b)
			if err := write(l, connectTo(t, address), "b"); err != nil {
				t.Error(err)
			}
			if !errors.Is(old.Err(), ErrLost) {
				t.Errorf("told %v", old.Err())
			}
		})
	}
}

// TestServerRestarted: the epoch outlives it, be it a crash. On a standby nobody
// leads; once it is promoted, somebody does.
func TestServerRestarted(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil)
	address := installed(t, pgtest.On(server))
	a := run(t, quick(address, "a"))
	restart := func() {
		t.Helper()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for want := int64(1); want <= 2; want++ {
		l := a.lease(t)
		if l.Epoch() != want {
			t.Errorf("epoch %d, want %d", l.Epoch(), want)
		}
		if err := write(l, connectTo(t, address), "a"); err != nil {
			t.Error(err)
		}
		if want == 2 {
			if err := server.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		restart()
		await(t, "the leader to be told", l.Done())
	}
	last := a.lease(t)

	// Without a primary to follow it is a standby all the same.
	execOn(t, address, "DO $$ BEGIN EXECUTE format('COPY (SELECT) TO %L', current_setting('data_directory') || '/standby.signal'); END $$")
	restart()
	await(t, "the leader to be told", last.Done())
	eventually(t, "a refusal", func() bool { return a.failedBy(ErrReadOnly) })
	if s := a.Status(); s.Leading() {
		t.Errorf("status %+v", s)
	}
	began := time.Now()
	execOn(t, address, "SELECT pg_promote(true)")
	if l := a.lease(t); l.Epoch() != 4 {
		t.Errorf("epoch %d", l.Epoch())
	}
	t.Logf("leads %s after the order to promote", time.Since(began))
}

// TestReadOnly: a database that takes no writes for now.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	address := installed(t)
	execOn(t, address, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$")
	a := run(t, quick(address, "a"))
	eventually(t, "a refusal", func() bool { return a.failedBy(ErrReadOnly) })
	conn := connectTo(t, address)
	execute(t, conn, "SET default_transaction_read_only = off")
	execute(t, conn, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$")
	a.lease(t)
}

// TestNotInstalled: the remedy is named, and nobody leads before.
func TestNotInstalled(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	a := run(t, quick(address, "a"))
	refused := func(part string) {
		t.Helper()
		eventually(t, "a refusal about "+part, func() bool {
			err := a.Status().Err
			return errors.Is(err, ErrNotInstalled) && strings.Contains(err.Error(), part) && strings.Contains(err.Error(), "tasker-sidecar install")
		})
	}
	refused(`"tasker_sidecar.leader" does not exist`)
	execOn(t, address, "CREATE SCHEMA tasker_sidecar; "+TableSQL)
	l := a.lease(t)
	execOn(t, address, "TRUNCATE tasker_sidecar.leader")
	if err := write(l, connectTo(t, address), "a"); !errors.Is(err, ErrDeposed) {
		t.Errorf("without the row: %v", err)
	}
	refused("it has no row")
	execOn(t, address, "DROP TABLE tasker_sidecar.leader; "+TableSQL)
	l = a.lease(t)
	execOn(t, address, "DROP SCHEMA tasker_sidecar CASCADE")
	await(t, "the end of the lease", l.Done())
	refused("42P01")
}

// TestPooler: a lock through it would be nobody's.
func TestPooler(t *testing.T) {
	t.Parallel()
	address := installed(t)
	link, through := newLink(t, address)
	link.pooled = true
	a := run(t, quick(through, "a"))
	eventually(t, "Run to return", func() bool { return a.Status().State == Stopped && a.failedBy(ErrPooler) })
	a.stop()
	if !errors.Is(a.err, ErrPooler) || !strings.Contains(a.err.Error(), "process 4711") {
		t.Errorf("Run says %v", a.err)
	}
}

// asRole connects as a role that may do what a sidecar has to.
func asRole(t *testing.T, conn *pgx.Conn) func(context.Context) (*pgx.Conn, error) {
	t.Helper()
	role := pgtest.UniqueName(t, "sidecar")
	execute(t, conn, "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA tasker_sidecar TO "+role+"; GRANT SELECT, UPDATE ON tasker_sidecar.leader TO "+role)
	config := conn.Config()
	address := conn.Config().ConnString()
	t.Cleanup(func() { execOn(t, address, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	config.User, config.Password = role, "secret"
	return func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, config) }
}

// TestRights: what the role needs is said.
func TestRights(t *testing.T) {
	t.Parallel()
	address := installed(t)
	conn := connectTo(t, address)
	o := quick(address, "a")
	o.Connect = asRole(t, conn)
	execute(t, conn, "DO $$ DECLARE r name; BEGIN FOR r IN SELECT grantee::regrole FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'tasker_sidecar' AND grantee <> nspowner LOOP EXECUTE format('REVOKE ALL ON SCHEMA tasker_sidecar FROM %I', r); END LOOP; END $$")
	a := run(t, o)
	eventually(t, "a refusal", func() bool {
		err := a.Status().Err
		return err != nil && strings.Contains(err.Error(), "USAGE on schema tasker_sidecar, and SELECT and UPDATE on tasker_sidecar.leader")
	})
	execute(t, conn, "GRANT USAGE ON SCHEMA tasker_sidecar TO PUBLIC")
	a.lease(t)
	a.stop()
}
