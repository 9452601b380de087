package writer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// rails writes a step's transition as the engine does: flip, insert, no lock.
func rails(ctx context.Context, tx interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, step int64, to string) error {
	if _, err := tx.Exec(ctx, "UPDATE tasker_workflow_step_transitions SET most_recent = false WHERE workflow_step_id = $1 AND most_recent", step); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
		SELECT $2, coalesce(max(sort_key), 0) + 10, true, $1, now(), now() FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1`, step, to)
	return err
}

// between runs f once, between what a writer reads and what it writes.
func (l *lab) between(f func() error) *Writer {
	first := true
	return l.With(Hooks{Check: func(context.Context, Tx, []Planned) ([]error, error) {
		if !first {
			return nil, nil
		}
		first = false
		return nil, f()
	}})
}

// Rails is faster: nothing of ours stays, and what it has made of the step decides.
func TestRailsIsFaster(t *testing.T) {
	for _, c := range []struct {
		name                        string
		before                      []string
		to                          string
		sortKey                     int32
		overtaken, uniqueViolations int64
	}{
		{"first transition", nil, "error", 20, 0, 1},
		{"a later one", []string{"error", "pending"}, "error", 40, 1, 0},
	} {
		l := newLab(t, Options{})
		l.tasks(1, 3)
		l.putStep(2, c.before...)
		w := l.between(func() error { return rails(t.Context(), l.pool, 2, "in_progress") })
		outcomes, err := w.Batch(t.Context(), []Request{
			{Kind: statemachine.Step, ID: 1, To: tasker.Cancelled}, {Kind: statemachine.Step, ID: 2, To: c.to}, {Kind: statemachine.Step, ID: 3, To: tasker.Cancelled},
		}, BatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outcomes {
			if o.Err != nil {
				t.Errorf("%s: %v", c.name, o.Err)
			}
		}
		if r := outcomes[1].Result; r.From != tasker.InProgress || r.SortKey != c.sortKey {
			t.Errorf("%s: %+v", c.name, r)
		}
		if n := l.Counters(); n.Overtaken != c.overtaken || n.UniqueViolations != c.uniqueViolations || n.Retries != 1 || n.Transactions != 2 || n.Transitions != 3 {
			t.Errorf("%s: %+v", c.name, n)
		}
		if n := one[int](l, "SELECT attempts FROM tasker_workflow_steps WHERE workflow_step_id = 2"); n != 1 {
			t.Errorf("%s: %d attempts were counted", c.name, n)
		}

		// What is not allowed any more is refused.
		w = l.between(func() error { return rails(t.Context(), l.pool, 2, "cancelled") })
		_, err = w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 2, To: tasker.Pending})
		if refusal := refusalOf(t, err, NotAllowed); refusal.State != tasker.Cancelled {
			t.Errorf("%s: %+v", c.name, refusal)
		}
	}
}

// All or nothing is tried again as a whole.
func TestRailsIsFasterThanAWhole(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 3)
	w := l.between(func() error { return rails(t.Context(), l.pool, 2, "in_progress") })
	outcomes, err := w.Batch(t.Context(), cancelAll(1, 3), BatchOptions{AllOrNothing: true})
	if err != nil || outcomes[0].Err != nil || outcomes[1].Err != nil || outcomes[1].Result.From != tasker.InProgress || outcomes[2].Err != nil {
		t.Fatal(outcomes, err)
	}
	if n := one[int](l, "SELECT count(DISTINCT xmin::text) FROM tasker_workflow_step_transitions WHERE to_state = 'cancelled'"); n != 1 {
		t.Errorf("in %d transactions", n)
	}
}

// Rails holds what we need and does not let go: we say so after the tries, and it
// is never we who are waited for.
func TestRailsHoldsIt(t *testing.T) {
	for name, hold := range map[string]string{
		"the row":        "UPDATE tasker_workflow_steps SET in_process = true WHERE workflow_step_id = 2",
		"the transition": "UPDATE tasker_workflow_step_transitions SET most_recent = false WHERE workflow_step_id = 2",
	} {
		l := newLab(t, Options{MaxTries: 3, LockTimeout: 20 * time.Millisecond})
		l.tasks(1, 2)
		l.putStep(2, "error")
		tx, err := l.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), hold); err != nil {
			t.Fatal(err)
		}
		_, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 2, To: tasker.Pending})
		refusal := refusalOf(t, err, Lost)
		var pg *pgconn.PgError
		if refusal.Tries != 3 || !errors.As(err, &pg) || pg.Code != pgerrcode.LockNotAvailable {
			t.Errorf("%s: %+v", name, refusal)
		}
		if n := l.Counters(); n.LockTimeouts != 3 || n.Retries != 2 || n.Lost != 1 || n.Refused != 1 {
			t.Errorf("%s: %+v", name, n)
		}
		outcomes, err := l.Batch(t.Context(), []Request{{Kind: statemachine.Step, ID: 1, To: tasker.Cancelled}, {Kind: statemachine.Step, ID: 2, To: tasker.Pending}}, BatchOptions{AllOrNothing: true})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, outcomes[0].Err, Lost)
		refused(t, outcomes[1].Err, Lost)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.made(t, Request{Kind: statemachine.Step, ID: 2, To: tasker.Pending})
	}
}

// Rails changes the transition first and then the row, the other way round than
// we: a deadlock, of which we let go, so that Rails gets neither an error nor a
// long wait.
func TestDeadlockWithRails(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	l.putStep(1, "in_progress")
	tx, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan time.Duration, 1)
	w := l.between(func() error {
		if err := rails(t.Context(), tx, 1, "error"); err != nil {
			return err
		}
		go func() { // waits for our lock on the row, while we wait for its on the transition
			begun := time.Now()
			if _, err := tx.Exec(t.Context(), "UPDATE tasker_workflow_steps SET attempts = attempts + 1 WHERE workflow_step_id = 1"); err != nil {
				t.Error(err)
			}
			waited <- time.Since(begun)
			if err := tx.Commit(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		l.untilWaiting(t, 1)
		return nil
	})
	r, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
	if r.To != "" { // Rails' was the one that is in the history
		t.Errorf("%+v", r)
	}
	refused(t, err, NotAllowed)
	if d := <-waited; d > 900*time.Millisecond { // deadlock_timeout is 1 s
		t.Errorf("Rails has waited for %v", d)
	}
	if n := l.Counters(); n.LockTimeouts < 1 || n.Deadlocks != 0 {
		t.Errorf("%+v", n)
	}
	if n := one[int](l, "SELECT attempts FROM tasker_workflow_steps"); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// Where the server finds a deadlock before our patience ends, and chooses us, it is
// one more race.
func TestDeadlocksAreRetried(t *testing.T) {
	l := newLab(t, Options{LockTimeout: 20 * time.Second, QueueTimeout: 21 * time.Second})
	l.tasks(1, 1)
	l.putStep(1, "error")
	conn, err := pgx.ConnectConfig(t.Context(), l.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	done := make(chan error, 1)
	w := l.between(func() error {
		// It waits for the row first, so that we find the deadlock.
		for _, sql := range []string{"SET deadlock_timeout = '1h'", "BEGIN", "UPDATE tasker_workflow_step_transitions SET updated_at = now() WHERE workflow_step_id = 1"} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				return err
			}
		}
		go func() {
			_, err := conn.Exec(t.Context(), "UPDATE tasker_workflow_steps SET results = '{}' WHERE workflow_step_id = 1; COMMIT")
			done <- err
		}()
		l.untilWaiting(t, 1)
		return nil
	})
	if _, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending}); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := l.Counters(); n.Deadlocks != 1 || n.Retries != 1 {
		t.Errorf("%+v", n)
	}
}

// untilWaiting waits until so many sessions of the database wait for a lock.
func (l *lab) untilWaiting(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for one[int](l, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") < n {
		if time.Now().After(deadline) {
			t.Fatal("nobody waits")
		}
	}
}

// Two of ours wait for each other at the advisory lock, whatever processes they are
// in, and not at the rows, where Rails would have to wait behind them.
func TestOursWaitAtTheAdvisoryLock(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	other := must(t)(New(Options{Pool: l.pool}))
	first, second := make(chan error, 1), make(chan error, 1)
	w := l.between(func() error {
		go func() {
			_, err := other.Transition(context.Background(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending})
			second <- err
		}()
		l.untilWaiting(t, 1)
		if what := one[string](l, "SELECT string_agg(locktype, ' ') FROM pg_locks WHERE NOT granted"); what != "advisory" {
			t.Errorf("it waits for %s", what)
		}
		return nil
	})
	go func() {
		_, err := w.Transition(context.Background(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
		first <- err
	}()
	if err := errors.Join(<-first, <-second); err != nil {
		t.Error(err)
	}
	if n := other.Counters(); n.Retries != 0 {
		t.Errorf("%+v", n)
	}
}
