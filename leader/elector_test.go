package leader

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestOneLeadsAndHandsOver: of three one leads; when it stops, the next does at
// once, though nobody would look again for an hour.
func TestOneLeadsAndHandsOver(t *testing.T) {
	address := installed(t)
	conn := connectTo(t, address)
	var left []*candidate
	slow := func(name string) Options {
		o := quick(address, name)
		o.PollInterval, o.RetryMax = time.Hour, time.Hour
		o.LeaseTimeout = 24 * time.Hour
		return o
	}
	a := run(t, slow("a"))
	first := a.lease(t)
	if s := a.Status(); !s.Leading() || s.Term != first.Term() || s.Term.Epoch != 1 || s.Err != nil {
		t.Errorf("status %+v, lease %s", s, first.Term())
	}
	for _, name := range []string{"b", "c"} {
		c := run(t, slow(name))
		c.until(t, Following)
		if s := c.Status(); s.Term.Holder != first.Term().Holder || s.Term.Epoch != 1 || s.Leading() {
			t.Errorf("%s: status %+v, the leader is %s", name, s, first.Term())
		}
		left = append(left, c)
	}
	if n := value[int64](t, conn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = $1", LockKey); n != 1 {
		t.Errorf("%d sessions have the lock", n)
	}
	if n := value[int64](t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state <> 'idle' OR backend_xmin IS NOT NULL)"); n != 0 {
		t.Errorf("%d sessions hold a snapshot while they do nothing", n)
	}
	if err := write(first, conn, "a"); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	a.stop()
	if s := a.Status(); s.State != Stopped || s.Err != nil || a.lastEnd(t) != nil {
		t.Errorf("status %+v", s)
	}
	var second *Lease
	select {
	case second = <-left[0].leases:
	case second = <-left[1].leases:
	case <-time.After(patience):
		t.Fatal("nobody took over")
	}
	t.Logf("handed over in %s", time.Since(began))
	if second.Epoch() != 2 {
		t.Errorf("epoch %d", second.Epoch())
	}
	if err := write(first, conn, "a"); !errors.Is(err, ErrReleased) || !Over(err) {
		t.Errorf("the old lease: %v", err)
	}
	if err := write(second, conn, "b"); err != nil {
		t.Error(err)
	}
}

// TestLastWords: what leads may still write when Run is to end, before the next
// is elected.
func TestLastWords(t *testing.T) {
	address := installed(t)
	conn := connectTo(t, address)
	began := make(chan struct{})
	a := new(candidate).run(t, quick(address, "a"), func(ctx context.Context, l *Lease) error {
		close(began)
		<-ctx.Done()
		if l.Err() != nil {
			t.Errorf("the lease ended first: %v", l.Err())
		}
		return write(l, conn, "last")
	})
	await(t, "the election", began)
	b := run(t, quick(address, "b"))
	b.until(t, Following)
	a.stop()
	b.lease(t)
	if n := value[int64](t, conn, "SELECT count(*) FROM written WHERE by = 'last' AND epoch = 1"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestReady: who is not ready does not try, and keeps nobody from leading.
func TestReady(t *testing.T) {
	address := installed(t)
	var ready atomic.Bool
	o := quick(address, "a")
	unready := errors.New("still loading")
	o.Ready = func() error {
		if !ready.Load() {
			return unready
		}
		return nil
	}
	a := run(t, o)
	a.until(t, Following)
	if s := a.Status(); !errors.Is(s.Err, unready) || s.Term.Epoch != 0 {
		t.Errorf("status %+v", s)
	}
	b := run(t, quick(address, "b"))
	b.lease(t)
	b.stop()
	ready.Store(true)
	if l := a.lease(t); l.Epoch() != 2 || a.Status().Err != nil {
		t.Errorf("epoch %d, status %+v", l.Epoch(), a.Status())
	}
}

// TestRaise: what the hook writes is there with the epoch, or not at all.
func TestRaise(t *testing.T) {
	address := installed(t)
	conn := connectTo(t, address)
	var calls atomic.Int32
	o := quick(address, "a")
	o.Raise = func(ctx context.Context, tx pgx.Tx, term Term) error {
		if _, err := tx.Exec(ctx, "INSERT INTO public.written (epoch, by) VALUES ($1, $2)", term.Epoch, term.Holder); err != nil {
			return err
		}
		switch calls.Add(1) {
		case 1:
			return fmt.Errorf("%w: the rows are ahead of us", ErrNotReady)
		case 2:
			_, err := tx.Exec(ctx, "SELECT 1/0")
			return err
		}
		return nil
	}
	a := run(t, o)
	l := a.lease(t)
	if l.Epoch() != 1 || calls.Load() != 3 {
		t.Errorf("epoch %d after %d calls", l.Epoch(), calls.Load())
	}
	if who := value[string](t, conn, "SELECT string_agg(by, ',') FROM written WHERE epoch = 1"); who != l.Term().Holder {
		t.Errorf("written by %q, elected is %q", who, l.Term().Holder)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.failed) != 1 || !strings.Contains(a.failed[0].Error(), "taking over at epoch 1") || !strings.Contains(a.failed[0].Error(), "division by zero") {
		t.Errorf("failed: %v", a.failed)
	}
}

// TestLeadReturns: who gives up by itself stands again later, and says why it
// gave up.
func TestLeadReturns(t *testing.T) {
	address := installed(t)
	var calls atomic.Int32
	broken := errors.New("the projection is broken")
	second := make(chan struct{})
	a := new(candidate).run(t, quick(address, "a"), func(ctx context.Context, l *Lease) error {
		if calls.Add(1) == 1 {
			return broken
		}
		if l.Epoch() != 2 {
			t.Errorf("epoch %d", l.Epoch())
		}
		close(second)
		<-ctx.Done()
		return ctx.Err()
	})
	await(t, "the second election", second)
	if !errors.Is(a.lastEnd(t), broken) || len(a.failed) != 0 {
		t.Errorf("ended by %v", a.lastEnd(t))
	}
	a.stop()
	if a.err != nil || a.lastEnd(t) != nil {
		t.Errorf("Run: %v; the lease ended by %v", a.err, a.lastEnd(t))
	}
}

// TestDeposedByHand: raising the epoch in psql deposes a leader, which finds
// out by itself, or by the first transaction.
func TestDeposedByHand(t *testing.T) {
	address := installed(t)
	conn := connectTo(t, address)
	o := quick(address, "a")
	o.LeaseTimeout = time.Hour // no ping
	a := run(t, o)
	l := a.lease(t)
	execute(t, conn, "UPDATE tasker_sidecar.leader SET epoch = epoch + 1, holder = 'somebody'")
	if err := write(l, conn, "a"); !errors.Is(err, ErrDeposed) || !strings.Contains(err.Error(), "now it is epoch 2, of somebody") {
		t.Errorf("the write says %v", err)
	}
	await(t, "the end of the lease", l.Done())
	next := a.lease(t)
	if next.Epoch() != 3 {
		t.Errorf("epoch %d", next.Epoch())
	}
	// The same epoch, as after a fail-over that lost the raise: it is not ours.
	execute(t, conn, "UPDATE tasker_sidecar.leader SET holder = 'somebody'")
	if err := write(next, conn, "a"); !errors.Is(err, ErrDeposed) {
		t.Errorf("the write under another's epoch 3 says %v", err)
	}
	a.stop()

	o.LeaseTimeout = leastLeaseTimeout
	a = run(t, o)
	l = a.lease(t)
	execute(t, conn, "UPDATE tasker_sidecar.leader SET holder = 'somebody'")
	await(t, "the end of the lease", l.Done())
	if err := l.Err(); !errors.Is(err, ErrDeposed) {
		t.Errorf("the ping says %v", err)
	}
	a.lease(t)
}

// TestInTx: what the function returns decides, and comes back as it is.
func TestInTx(t *testing.T) {
	address := installed(t)
	conn := connectTo(t, address)
	l := run(t, quick(address, "a")).lease(t)
	ctx := context.Background()
	oops := errors.New("oops")
	err := l.InTx(ctx, conn, func(tx pgx.Tx) error {
		if mode := value[string](t, tx.Conn(), "SELECT concat_ws(' ', current_setting('transaction_isolation'), current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout'), current_setting('statement_timeout'))"); mode != "read committed 5s 5s 30s" {
			t.Errorf("in it: %s", mode)
		}
		execute(t, tx.Conn(), "INSERT INTO written (epoch) VALUES (1)")
		return oops
	})
	if err != oops { //nolint:errorlint // as it is
		t.Errorf("error %v", err)
	}
	if s := value[string](t, conn, "SELECT current_setting('lock_timeout') || (SELECT count(*) FROM written)"); s != "00" {
		t.Errorf("afterwards %s", s)
	}
	// Another transaction of the lease has its turn later; it is no loss.
	tx, err := l.Begin(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	other := newLease(&Options{TransactionIdleTimeout: time.Second, LockTimeout: time.Millisecond, StatementTimeout: time.Second}, l.Term(), func(error) {})
	if err := write(other, connectTo(t, address), "b"); err == nil || Over(err) || other.Err() != nil {
		t.Errorf("a second one: %v", err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	_, err := New(Options{Name: "o'brien", PollInterval: time.Second, LeaseTimeout: 2 * time.Second, LockTimeout: time.Minute, RetryMax: time.Millisecond}, nil)
	for _, want := range []string{"how to connect", `"o'brien"`, "three times the poll interval 1s", "statement timeout 30s", "another try, 1ms", "what a leader does"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	for range 1000 {
		if d := jitter(time.Second); d < 500*time.Millisecond || d >= 1500*time.Millisecond {
			t.Fatalf("jitter %s", d)
		}
	}
}
