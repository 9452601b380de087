package leader

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestFrozenInATransaction: a leader that stands still in the middle of a write
// transaction holds the next one up for TransactionIdleTimeout at the most, be
// it in a COPY, which no timeout of the server's ends; and writes nothing.
func TestFrozenInATransaction(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	for _, c := range []struct {
		name   string
		freeze func(t *testing.T, tx pgx.Tx, thawed chan struct{}) (result <-chan error)
		says   string
	}{
		{"between statements", func(t *testing.T, tx pgx.Tx, thawed chan struct{}) <-chan error {
			execute(t, tx.Conn(), "INSERT INTO written (epoch, by) VALUES (1, 'frozen')")
			result := make(chan error, 1)
			go func() {
				<-thawed
				result <- tx.Commit(context.Background())
			}()
			return result
		}, "idle-in-transaction timeout"},
		{"in a COPY", func(t *testing.T, tx pgx.Tx, thawed chan struct{}) <-chan error {
			result := make(chan error, 1)
			execute(t, tx.Conn(), "SET LOCAL statement_timeout = 100") // to show that it is no help
			from, to := io.Pipe()
			go func() {
				_, err := tx.Conn().PgConn().CopyFrom(context.Background(), from, "COPY written (epoch, by) FROM STDIN")
				_ = from.Close()
				result <- err
			}()
			if _, err := to.Write([]byte("1\tfrozen\n")); err != nil {
				t.Error(err)
			}
			go func() {
				<-thawed
				_ = to.Close()
			}()
			return result
		}, "57P01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := installed(t)
			oa, ob := quick(address, "a"), quick(address, "b")
			oa.TransactionIdleTimeout, ob.TransactionIdleTimeout = timeout, timeout
			oa.LockTimeout, ob.LockTimeout = timeout, timeout
			a := run(t, oa)
			old := a.lease(t)
			tx, err := old.Begin(context.Background(), connectTo(t, address))
			if err != nil {
				t.Fatal(err)
			}
			thawed := make(chan struct{})
			result := c.freeze(t, tx, thawed)
			b := run(t, ob)
			b.until(t, Following)
			a.frozen.Store(true)
			began := time.Now()
			execOn(t, address, terminateLock)
			next := b.lease(t)
			took := time.Since(began)
			t.Logf("taken over after %s, the timeout is %s", took, timeout)
			if took > timeout+10*time.Second {
				t.Errorf("taken over after %s", took)
			}
			close(thawed)
			if err := <-result; err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the frozen one is told %v", err)
			}
			conn := connectTo(t, address)
			if err := write(next, conn, "b"); err != nil {
				t.Error(err)
			}
			if n := value[int64](t, conn, "SELECT count(*) FROM written WHERE epoch = 1"); n != 0 {
				t.Errorf("%d rows of the frozen leader", n)
			}
		})
	}
}

// TestRowLockedByAnother: a session of another role is not ended, but named.
func TestRowLockedByAnother(t *testing.T) {
	t.Parallel()
	address := installed(t)
	conn := connectTo(t, address)
	o := quick(address, "a")
	o.Connect = asRole(t, conn)
	o.TransactionIdleTimeout = 100 * time.Millisecond
	execute(t, conn, "BEGIN; SELECT FROM tasker_sidecar.leader FOR UPDATE")
	a := run(t, o)
	want := fmt.Sprintf("process %d", conn.PgConn().PID())
	eventually(t, "a refusal", func() bool {
		err := a.Status().Err
		return err != nil && strings.Contains(err.Error(), want) && strings.Contains(err.Error(), "end it with pg_terminate_backend")
	})
	execute(t, conn, "COMMIT")
	if l := a.lease(t); l.Epoch() != 1 {
		t.Errorf("epoch %d", l.Epoch())
	}
	a.stop()
}
