package leader

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		child(address)
		return
	}
	pgtest.Main(m)
}

// installed is a database with the table of the epoch, and one for writes.
func installed(t testing.TB, o ...pgtest.Option) string {
	t.Helper()
	address := pgtest.Database(t, o...)
	execOn(t, address, "CREATE SCHEMA tasker_sidecar; "+TableSQL+"CREATE TABLE written (id bigserial, epoch bigint, by text)")
	return address
}

func connectTo(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func execute(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func execOn(t testing.TB, address, sql string) {
	t.Helper()
	conn := connectTo(t, address)
	defer conn.Close(context.Background())
	execute(t, conn, sql)
}

func value[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !met(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// quick are options for tests: followers look every 20 ms, and those who are
// silent for two seconds are gone.
func quick(address, name string) Options {
	return Options{
		Connect:      func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, address) },
		Name:         name,
		PollInterval: 20 * time.Millisecond, LeaseTimeout: 2 * time.Second, RetryMax: 100 * time.Millisecond,
	}
}

// candidate is an elector that runs. What it leads is what the test does with
// the leases that it gets.
type candidate struct {
	*Elector
	leases chan *Lease
	stop   func() // and wait until Run has returned

	frozen atomic.Bool // does not stand any more

	mu     sync.Mutex
	err    error // of Run
	failed []error
	ended  []error
}

// run starts an elector that leads until its context or its lease ends.
func run(t testing.TB, o Options) *candidate {
	t.Helper()
	c := &candidate{leases: make(chan *Lease, 1000)}
	return c.run(t, o, func(ctx context.Context, l *Lease) error {
		c.leases <- l
		<-ctx.Done()
		return nil
	})
}

func (c *candidate) run(t testing.TB, o Options, lead func(context.Context, *Lease) error) *candidate {
	t.Helper()
	o.OnFailed = func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = append(c.failed, err)
	}
	o.OnEnded = func(_ Term, cause error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = append(c.ended, cause)
	}
	if o.Ready == nil {
		o.Ready = func() error {
			if c.frozen.Load() {
				return ErrNotReady
			}
			return nil
		}
	}
	e, err := New(o, lead)
	if err != nil {
		t.Fatal(err)
	}
	c.Elector = e
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		err := e.Run(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = err
	})
	c.stop = func() {
		cancel()
		all.Wait()
	}
	t.Cleanup(c.stop)
	return c
}

// lease waits for an election.
func (c *candidate) lease(t testing.TB) *Lease {
	t.Helper()
	select {
	case l := <-c.leases:
		return l
	case <-time.After(patience):
		t.Fatalf("%s was not elected: %+v", c.o.Name, c.Status())
		return nil
	}
}

// until waits for a state.
func (c *candidate) until(t testing.TB, s State) {
	t.Helper()
	eventually(t, c.o.Name+" "+string(s), func() bool { return c.Status().State == s })
}

// lastEnd is what the latest lease ended by.
func (c *candidate) lastEnd(t testing.TB) error {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ended) == 0 {
		t.Fatal("no lease has ended")
	}
	return c.ended[len(c.ended)-1]
}

// failedBy tells whether a try has failed with an error.
func (c *candidate) failedBy(target error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.failed {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func await(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
}

// write writes one row under a lease.
func write(l *Lease, conn Beginner, by string) error {
	return l.InTx(context.Background(), conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(context.Background(), "INSERT INTO written (epoch, by) VALUES ($1, $2)", l.Epoch(), by)
		return err
	})
}

// terminateLock ends the session that holds the lock, and says whether there
// was one.
const terminateLock = `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = 1282632036 AND objid = 1701011826
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
