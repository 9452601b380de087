package writer_test

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// While a single transition waits for the step's row, everything that it has read
// changes: what is then there decides.
func TestChangedBeforeTheLock(t *testing.T) {
	for name, c := range map[string]struct {
		before  []string
		changed string // by whom the row is locked
		request Request
		reason  Reason // empty: it is made
		state   string // from there
	}{
		"first, another state":       {nil, "INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES ('in_progress', 10, true, 2, now(), now())", Request{To: tasker.Error}, "", tasker.InProgress},
		"later, another state":       {[]string{"error", "pending"}, moved("in_progress", 30), Request{To: tasker.Error}, "", tasker.InProgress},
		"later, the same state anew": {[]string{"error"}, moved("pending", 20) + "; " + moved("error", 30), Request{To: tasker.Pending, ExpectTransition: tasker.Some(int64(1))}, Unexpected, tasker.Error},
		"not allowed any more":       {[]string{"error"}, moved("resolved_manually", 20), Request{To: tasker.Pending}, NotAllowed, tasker.ResolvedManually},
		"not expected any more":      {nil, moved("in_progress", 10), Request{To: tasker.Error, ExpectFrom: tasker.Pending}, Unexpected, tasker.InProgress},
		"a parent more":              {nil, "INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) VALUES (1, 2, 'provides', now(), now())", Request{To: tasker.InProgress, Take: true}, GuardFailed, tasker.Pending},
		"no row any more":            {nil, "DELETE FROM tasker_workflow_steps WHERE workflow_step_id = 2", Request{To: tasker.Error}, NotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			l.tasks(1, 2)
			l.putStep(2, c.before...)
			tx, err := l.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range []string{"SELECT FROM tasker_workflow_steps WHERE workflow_step_id = 2 FOR UPDATE", c.changed} {
				if _, err := tx.Conn().PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
			type answer struct {
				Result
				error
			}
			answers := make(chan answer, 1)
			go func() {
				c.request.Kind, c.request.ID = statemachine.Step, 2
				r, err := l.Transition(context.Background(), c.request)
				answers <- answer{r, err}
			}()
			l.untilWaiting(t, 1)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			a := <-answers
			if c.reason == "" {
				if a.error != nil || a.From != c.state || a.SortKey != int32(len(c.before)+2)*10 {
					t.Errorf("%+v, %v", a.Result, a.error)
				}
			} else if refusal := refusalOf(t, a.error, c.reason); refusal.State != c.state {
				t.Errorf("%+v", refusal)
			}
			if n := l.Counters(); n.Retries != 0 || n.UniqueViolations != 0 {
				t.Errorf("%+v", n)
			}
			if n := one[int](l, "SELECT count(*) FROM (SELECT FROM tasker_workflow_step_transitions GROUP BY workflow_step_id HAVING count(*) FILTER (WHERE most_recent) <> 1) AS x"); n != 0 {
				t.Error("not one most recent transition")
			}
		})
	}
}

// moved is a transition of step 2 as the engine writes it.
func moved(to string, sortKey int) string {
	return "UPDATE tasker_workflow_step_transitions SET most_recent = false WHERE workflow_step_id = 2 AND most_recent; " +
		"INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at) VALUES ('" + to + "', " +
		strconv.Itoa(sortKey) + ", true, 2, now(), now())"
}

// counting counts what is sent.
type counting struct {
	net.Conn
	sent *atomic.Int32
}

func (c *counting) Write(p []byte) (int, error) {
	c.sent.Add(1)
	return c.Conn.Write(p)
}

// A single transition takes two round trips, and the row is locked in the second
// alone; one that is refused takes another.
func TestRoundTrips(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 10)
	var sent atomic.Int32
	config := l.pool.Config().Copy()
	config.MaxConns = 1
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &counting{conn, &sent}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w := must(t)(New(Options{Pool: pool}))
	for step := int64(1); step <= 3; step++ {
		for _, to := range []string{tasker.Error, tasker.Pending, tasker.Pending, tasker.Cancelled} {
			before := sent.Load()
			r, err := w.Transition(t.Context(), Request{Kind: statemachine.Step, ID: step, To: to})
			trips, want := sent.Load()-before, int32(2)
			if err != nil {
				refused(t, err, NotAllowed)
				want = 3 // with a rollback
			} else if r.To != to {
				t.Errorf("%+v", r)
			}
			if step > 1 && trips != want { // statements are prepared the first time
				t.Errorf("step %d to %s: %d round trips, expected %d", step, to, trips, want)
			}
		}
	}
}
