package writer_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// How a link breaks at a COMMIT.
const (
	holds     = iota
	cutBefore // nothing of it arrives
	cutAfter  // it arrives, and its answer is lost
	silent    // it arrives, and nothing comes back ever
)

// link is a connection that breaks at the next COMMIT as breaks says.
type link struct {
	net.Conn
	breaks *atomic.Int32
	mute   atomic.Bool
	commit []byte // how the prepared COMMIT is named where it is executed
}

func (c *link) Write(p []byte) (int, error) {
	if end := bytes.Index(p, []byte("\x00COMMIT\x00")); end >= 0 { // Parse: name, text
		c.commit = append([]byte{0}, p[bytes.LastIndexAny(p[:end], "\x00\x01\x02\x03\x04\x05\x06\x07")+1:end+1]...)
		name := c.commit[bytes.LastIndex(c.commit[:len(c.commit)-1], []byte("stmtcache")):]
		c.commit = append([]byte{0}, name...)
		return c.Conn.Write(p)
	}
	if c.commit == nil || !bytes.Contains(p, c.commit) {
		return c.Conn.Write(p)
	}
	switch c.breaks.Swap(holds) {
	case cutBefore:
		c.Conn.Close()
		return 0, errors.New("cut before")
	case cutAfter:
		n, err := c.Conn.Write(p)
		c.mute.Store(true)
		var answer [1]byte
		_, _ = c.Conn.Read(answer[:]) // the server has done it
		c.Conn.Close()
		return n, err
	case silent:
		c.mute.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *link) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.mute.Load() && err == nil {
		return c.Read(p) // thrown away
	}
	return n, err
}

// breaking is a lab whose connections can be made to break.
func breaking(t *testing.T, o Options) (l *lab, breaks *atomic.Int32) {
	l = newLab(t, o)
	breaks = new(atomic.Int32)
	config := l.pool.Config().Copy()
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &link{Conn: conn, breaks: breaks}, nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	o.Pool = pool
	l.Writer = must(t)(New(o))
	return l, breaks
}

// The connection is lost while committing. Whether that was done is found out, and
// the transition made once and only once, with a key or without.
func TestCommitIsLost(t *testing.T) {
	l, breaks := breaking(t, Options{CommitTimeout: 500 * time.Millisecond})
	l.tasks(1, 20)
	step := int64(0)
	for name, how := range map[string]int32{"before": cutBefore, "after": cutAfter, "silently": silent} {
		for _, key := range []string{"", "key"} {
			step++
			breaks.Store(how)
			before := l.Counters()
			r, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: step, To: tasker.Error, Key: key})
			if err != nil || r.Repeated || r.From != tasker.Pending || r.To != tasker.Error || r.SortKey != 10 || r.LSN == 0 || r.Event != statemachine.StepFailed {
				t.Errorf("%s, key %q: %+v, %v", name, key, r, err)
			}
			if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1", step); n != 1 {
				t.Errorf("%s, key %q: %d transitions", name, key, n)
			}
			if got := one[int64](l, "SELECT id FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1", step); got != r.TransitionID {
				t.Errorf("%s, key %q: transition %d, and it is %d", name, key, r.TransitionID, got)
			}
			if n := one[int](l, "SELECT attempts FROM tasker_workflow_steps WHERE workflow_step_id = $1", step); n != 1 {
				t.Errorf("%s, key %q: %d attempts", name, key, n)
			}
			if c := l.Counters(); c.CommitsInDoubt != before.CommitsInDoubt+1 || c.ConnectionsLost != before.ConnectionsLost+1 || c.Transitions != before.Transitions+1 {
				t.Errorf("%s, key %q: %+v", name, key, c)
			}
		}
	}
}

// Where it cannot be found out, that is said.
func TestInDoubt(t *testing.T) {
	l, breaks := breaking(t, Options{MaxTries: 1})
	l.tasks(1, 2)
	breaks.Store(cutAfter)
	_, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, Key: "k"})
	refused(t, err, InDoubt)
	breaks.Store(cutBefore)
	outcomes, err := l.Batch(t.Context(), cancelAll(2, 2), BatchOptions{})
	if err == nil {
		t.Error("the batch has ended well")
	}
	refused(t, outcomes[0].Err, InDoubt)
	if r := l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, Key: "k"}); !r.Repeated {
		t.Errorf("%+v", r)
	}
}

// Connections are ended in the middle of transactions: they are begun again, with
// other connections, and a batch is done once.
func TestConnectionsAreEnded(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 600)
	killed := 0
	w := l.With(Hooks{Check: func(ctx context.Context, tx Tx, _ []Planned) ([]error, error) {
		if killed++; killed%2 == 1 {
			var pid int
			if err := tx.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
				return nil, err
			}
			l.exec("SELECT pg_terminate_backend($1, 10000)", pid)
		}
		return nil, nil
	}})
	outcomes, err := w.Batch(t.Context(), cancelAll(1, 600), BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	if c := l.Counters(); c.ConnectionsLost != 2 || c.Retries != 2 || c.Transitions != 600 || c.Transactions != 2 || c.CommitsInDoubt != 0 {
		t.Errorf("%+v", c)
	}
	if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions"); n != 600 {
		t.Errorf("%d transitions", n)
	}
}

// The caller gives up: nothing is written, and no connection is left in a
// transaction.
func TestCallerGivesUp(t *testing.T) {
	l := newLab(t, Options{LockTimeout: 20 * time.Second, QueueTimeout: 20 * time.Second})
	l.tasks(1, 1)
	tx, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM tasker_workflow_steps FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := l.Transition(ctx, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
		ended <- err
	}()
	l.untilWaiting(t, 1)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions"); n != 0 {
		t.Errorf("%d transitions", n)
	}
	ctx, cancel = context.WithCancel(t.Context())
	w := l.With(Hooks{Written: func(context.Context, Tx, []Result) error { cancel(); return nil }})
	if _, err := w.Transition(ctx, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions"); n != 0 {
		t.Errorf("%d transitions after a commit that was not wanted any more", n)
	}
}

// A commit is not asynchronous, whatever the session's default is, and the position
// is beyond it.
func TestPosition(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	l.exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
	l.pool.Reset()
	if got := one[string](l, "SHOW synchronous_commit"); got != "off" {
		t.Fatal(got)
	}
	var commit string
	w := l.With(Hooks{Written: func(ctx context.Context, tx Tx, _ []Result) error {
		return tx.QueryRow(ctx, "SELECT current_setting('synchronous_commit') || ' ' || pg_current_wal_insert_lsn()").Scan(&commit)
	}})
	r, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
	if err != nil {
		t.Fatal(err)
	}
	at, err := tasker.ParseLSN(commit[len("local "):])
	if err != nil || commit[:len("local ")] != "local " || r.LSN <= at {
		t.Errorf("committed with %s, position %s, %v", commit, r.LSN, err)
	}
}

// The transaction is the one that the hook has begun, and nothing is tried again
// when it cannot be.
func TestBegin(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	over := errors.New("the lease is over")
	begin := error(nil)
	w := l.With(Hooks{
		Begin: func(ctx context.Context, conn *pgx.Conn) (pgx.Tx, error) {
			if begin != nil {
				return nil, begin
			}
			tx, err := conn.Begin(ctx)
			if err == nil {
				_, err = tx.Exec(ctx, "SET LOCAL statement_timeout = 1234; SET LOCAL idle_in_transaction_session_timeout = 2345; SET LOCAL my.fence = 'held'")
			}
			return tx, err
		},
		Written: func(ctx context.Context, tx Tx, _ []Result) error {
			var got string
			err := tx.QueryRow(ctx, "SELECT concat_ws(' ', current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'), current_setting('my.fence'))").Scan(&got)
			if got != "1234ms 2345ms held" {
				t.Errorf("the transaction has %s", got)
			}
			return err
		},
	})
	if _, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error}); err != nil {
		t.Fatal(err)
	}
	begin = over
	if _, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending}); err != over { //nolint:errorlint // as it is
		t.Error(err)
	}
	if c := l.Counters(); c.Retries != 0 || c.Transitions != 1 {
		t.Errorf("%+v", c)
	}
}

// What people get wrong is explained.
func TestErrorsForPeople(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	r := Request{Kind: statemachine.Step, ID: 1, To: tasker.Error}
	elsewhere := must(t)(New(Options{Pool: l.pool, Schema: `no"where`}))
	if _, err := elsewhere.Transition(t.Context(), r); err == nil || !bytes.Contains([]byte(err.Error()), []byte(`schema "no\"where" has not the engine's tables`)) {
		t.Error(err)
	}
	config := l.pool.Config().Copy()
	config.MaxConns = 1
	role := pgtest.UniqueName(t, "nobody")
	l.exec("CREATE ROLE " + role)
	defer l.exec("DROP ROLE " + role)
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	nobody := must(t)(New(Options{Pool: pool}))
	if _, err := nobody.Transition(t.Context(), r); err == nil || !bytes.Contains([]byte(err.Error()), []byte("the role needs SELECT and UPDATE")) {
		t.Error(err)
	}
	config = l.pool.Config().Copy()
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	readOnly, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if _, err := must(t)(New(Options{Pool: readOnly})).Transition(t.Context(), r); err == nil || !bytes.Contains([]byte(err.Error()), []byte("connect to the primary")) {
		t.Error(err)
	}
	for _, w := range []*Writer{elsewhere, nobody} {
		if c := w.Counters(); c.Retries != 0 {
			t.Errorf("%+v", c)
		}
	}
}
