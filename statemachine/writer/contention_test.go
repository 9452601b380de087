package writer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// contentionVariable is how long TestContention goes on.
const contentionVariable = "TASKER_SIDECAR_TEST_CONTENTION"

// arena is where everybody writes to the same few tasks.
type arena struct {
	*lab
	ended  context.Context
	checks atomic.Int64
	kills  atomic.Int64
	lost   atomic.Int64 // transitions of Rails' that met ours, or each other

	mu    sync.Mutex
	known []Result // what writers were told
}

// Our writers, the engine's workers as package player plays them, and sessions that
// change a transition first and the row afterwards, all flat out on the newest few
// tasks, while connections are killed. A session of its own checks all the while
// that every history is one that the machines allow, and that columns agree with
// it; and no writer hears of anything but refusals.
func TestContention(t *testing.T) {
	length := 5 * time.Second
	if text := os.Getenv(contentionVariable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", contentionVariable, err)
		}
		length = d
	}
	a := &arena{lab: newLab(t, Options{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.ended = ctx
	a.Writer = must(t)(New(Options{Pool: a.connections("ours"), MaxTries: 20}))
	p, err := player.New(a.connections("rails"), player.Options{Workers: 4, RaceRate: 0.5, FailureRate: 0.3, DeathRate: 0.01, Seed: 1,
		Mix:      []workload.Share[workload.Source]{{Percent: 50, Of: workload.Always(workload.Fan(4))}, {Percent: 50, Of: workload.Always(workload.Diamond())}},
		Operator: player.Operator{Retry: 6, Resolve: 2, Cancel: 1, Patience: 5 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error("a worker of the engine's:", err)
		}
	})
	for n := range uint64(4) {
		all.Go(func() { a.write(t, rand.New(rand.NewPCG(n, 1))) })
	}
	for n := range uint64(2) {
		all.Go(func() { a.reverse(t, rand.New(rand.NewPCG(n, 2))) })
	}
	all.Go(func() { a.kill(t) })
	all.Go(func() { a.check(t) })
	begun := time.Now()
	<-time.After(length)
	races := func(c Counters) int64 {
		return c.Overtaken + c.UniqueViolations + c.Deadlocks + c.LockTimeouts + c.SerializationFailures
	}
	followtest.Eventually(t, "races, lost connections and checks", func() bool { // a busy machine may need longer
		c, rails := a.Counters(), p.Counters()
		return t.Failed() || c.Overtaken+c.UniqueViolations > 0 && c.LockTimeouts > 0 && c.Transitions > 10 && c.ConnectionsLost > 0 &&
			rails.Commits > 10 && rails.LostRaces > 0 && a.checks.Load() > 10
	})
	length = time.Since(begun).Round(time.Second)
	cancel()
	all.Wait()
	a.verify(t)

	c, rails := a.Counters(), p.Counters()
	t.Logf("%v: %d transitions of ours in %d transactions, %d refusals, %d races survived (%d overtaken, %d unique violations, %d waits given up, %d deadlocks), "+
		"%d attempts repeated, %d connections lost, %d commits in doubt; Rails: %d commits, %d races lost; %d killed, %d checks",
		length, c.Transitions, c.Transactions, c.Refused, races(c), c.Overtaken, c.UniqueViolations, c.LockTimeouts, c.Deadlocks,
		c.Retries, c.ConnectionsLost, c.CommitsInDoubt, rails.Commits, rails.LostRaces+a.lost.Load(), a.kills.Load(), a.checks.Load())
}

// connections are a pool of their own, by a name that those who kill look for.
func (a *arena) connections(name string) *pgxpool.Pool {
	config := a.pool.Config().Copy()
	config.ConnConfig.RuntimeParams["application_name"] = name
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(pool.Close)
	return pool
}

// target is a task or step that others write to, too.
type target struct {
	kind  statemachine.Kind
	id    int64
	state string // at a look
}

// hot gives the newest few tasks and their steps that can still go somewhere.
func (a *arena) hot(r *rand.Rand) (list []target) {
	rows, err := a.pool.Query(context.Background(), `
		SELECT 'step', workflow_step_id, coalesce(to_state, 'pending') FROM tasker_workflow_steps
		LEFT JOIN (SELECT workflow_step_id, to_state FROM tasker_workflow_step_transitions WHERE most_recent) x USING (workflow_step_id)
		WHERE task_id > (SELECT max(task_id) - 5 FROM tasker_tasks) AND coalesce(to_state, 'pending') IN ('pending', 'in_progress', 'error')
		UNION ALL
		SELECT 'task', task_id, coalesce(to_state, 'pending') FROM tasker_tasks
		LEFT JOIN (SELECT task_id, to_state FROM tasker_task_transitions WHERE most_recent) x USING (task_id)
		WHERE task_id > (SELECT max(task_id) - 5 FROM tasker_tasks) AND coalesce(to_state, 'pending') <> 'cancelled'`)
	if err != nil {
		a.Error(err)
		return nil
	}
	var kind string
	var h target
	if _, err := pgx.ForEachRow(rows, []any{&kind, &h.id, &h.state}, func() (err error) {
		h.kind, err = statemachine.ParseKind(kind)
		list = append(list, h)
		return err
	}); err != nil {
		a.Error(err)
	}
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// write asks for what looks possible, and now and then for anything, one by one and
// in batches.
func (a *arena) write(t *testing.T, r *rand.Rand) {
	for round := 0; a.ended.Err() == nil && !t.Failed(); round++ {
		var requests []Request
		for _, h := range a.hot(r) {
			request := Request{Kind: h.kind, ID: h.id, To: sixStates[r.IntN(6)], Reason: "contention"}
			if out := statemachine.Of(h.kind).From(h.state); r.IntN(8) > 0 && len(out) > 0 {
				request.To = out[r.IntN(len(out))].To
			}
			if request.To == tasker.Cancelled && r.IntN(4) > 0 {
				continue // it would end too soon
			}
			request.Take = h.kind == statemachine.Step && request.To == tasker.InProgress
			if r.IntN(2) == 0 {
				request.Key = fmt.Sprint(round, r.Uint64())
			}
			requests = append(requests, request)
		}
		if r.IntN(4) == 0 {
			outcomes, err := a.Batch(context.Background(), requests, BatchOptions{AllOrNothing: r.IntN(2) == 0})
			if err != nil {
				t.Error("a batch:", err)
			}
			for i, o := range outcomes {
				a.told(t, requests[i], o)
			}
			continue
		}
		for _, request := range requests[:min(len(requests), 5)] {
			result, err := a.Transition(context.Background(), request)
			a.told(t, request, Outcome{result, err})
		}
	}
}

// told remembers a result. Nothing but refusals may reach a caller, and what was
// done is done once.
func (a *arena) told(t *testing.T, request Request, o Outcome) {
	var refusal *Refusal
	switch {
	case o.Err == nil:
		if o.Result.Repeated {
			t.Errorf("%+v was not asked for before", o.Result)
		}
		a.mu.Lock()
		a.known = append(a.known, o.Result)
		a.mu.Unlock()
	case !errors.As(o.Err, &refusal):
		t.Errorf("%s %d to %s: %v", request.Kind, request.ID, request.To, o.Err)
	case refusal.Reason == InDoubt || refusal.Reason == NotFound || refusal.Reason == Contradictory || refusal.Reason == KeyReused:
		t.Errorf("%s %d to %s: %v", request.Kind, request.ID, request.To, o.Err)
	}
}

// reverse writes as Rails could, and the engine does not: the transition first, then
// the row, without any lock.
func (a *arena) reverse(t *testing.T, r *rand.Rand) {
	pool := a.connections("rails")
	moves := map[string]string{
		"in_progress": "UPDATE tasker_workflow_steps SET attempts = coalesce(attempts, 0) + 1, processed = false, in_process = false WHERE workflow_step_id = $1",
		"error":       "UPDATE tasker_workflow_steps SET processed = false, in_process = false WHERE workflow_step_id = $1",
	}
	to := map[string]string{"in_progress": "error", "error": "pending"}
	for a.ended.Err() == nil {
		for _, h := range a.hot(r) {
			id := h.id
			if h.kind == statemachine.Task {
				continue
			}
			err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
				var state string
				err := tx.QueryRow(context.Background(), "SELECT to_state FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1 ORDER BY sort_key DESC LIMIT 1", id).Scan(&state)
				if errors.Is(err, pgx.ErrNoRows) || err == nil && to[state] == "" {
					return nil
				}
				if err == nil {
					err = railsFrom(tx, id, state, to[state])
				}
				if err == nil {
					_, err = tx.Exec(context.Background(), moves[state], id)
				}
				return err
			})
			if err != nil {
				a.lost.Add(1)
				if !strings.Contains(err.Error(), "SQLSTATE") && !strings.Contains(err.Error(), "closed") && !strings.Contains(err.Error(), "unexpected EOF") {
					t.Log("Rails:", err)
				}
			}
		}
	}
}

// railsFrom flips and inserts like the engine: the sort key is that of the state
// that was read, so that a change in between meets the index.
func railsFrom(tx pgx.Tx, id int64, from, to string) error {
	ctx := context.Background()
	var sortKey int32
	err := tx.QueryRow(ctx, "SELECT sort_key FROM tasker_workflow_step_transitions WHERE workflow_step_id = $1 AND to_state = $2 ORDER BY sort_key DESC LIMIT 1", id, from).Scan(&sortKey)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE workflow_step_id = $1 AND most_recent", id); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
		VALUES ($1, $2, true, $3, clock_timestamp() AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC')`, to, sortKey+10, id)
	return err
}

// kill ends sessions in the middle of transactions.
func (a *arena) kill(t *testing.T) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.ended.Done():
			return
		case <-tick.C:
		}
		tag, err := a.pool.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM (
			SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name IN ('ours', 'rails') AND xact_start IS NOT NULL
			ORDER BY application_name = 'ours' AND random() < 0.7 DESC, random() LIMIT 1) AS s`)
		if err != nil {
			t.Error(err)
			return
		}
		a.kills.Add(tag.RowsAffected())
	}
}

// broken finds what must never be, of the newest tasks, in one snapshot.
func (a *arena) broken() (list []string, err error) {
	rows, err := a.pool.Query(context.Background(), `
		WITH bound AS (SELECT coalesce(max(task_id), 0) - 30 AS least FROM tasker_tasks),
		histories AS (
			SELECT 'step' AS kind, x.workflow_step_id AS parent, x.id, x.to_state, x.sort_key, x.most_recent
			FROM bound, tasker_workflow_steps s JOIN tasker_workflow_step_transitions x USING (workflow_step_id) WHERE s.task_id > bound.least
			UNION ALL
			SELECT 'task', x.task_id, x.id, x.to_state, x.sort_key, x.most_recent FROM bound, tasker_task_transitions x WHERE x.task_id > bound.least
		), steps AS (
			SELECT *, coalesce(lag(to_state) OVER w, 'none') AS from_state, lag(id) OVER w AS before, lead(id) OVER w AS after FROM histories
			WINDOW w AS (PARTITION BY kind, parent ORDER BY sort_key)
		)
		SELECT format('%s %s: transition %s goes from %s to %s', kind, parent, id, from_state, to_state) FROM steps
			WHERE kind || ' ' || from_state || ' ' || to_state <> ALL ($1)
		UNION ALL SELECT format('%s %s: transition %s is most recent: %s, and there is a later one: %s', kind, parent, id, most_recent, after IS NOT NULL) FROM steps
			WHERE most_recent <> (after IS NULL)
		UNION ALL SELECT format('%s %s: transition %s comes after %s', kind, parent, id, before) FROM steps WHERE before > id
		UNION ALL SELECT format('step %s is processed: %s, and its state is %s', s.workflow_step_id, s.processed, h.to_state)
			FROM bound, tasker_workflow_steps s LEFT JOIN histories h ON h.kind = 'step' AND h.parent = s.workflow_step_id AND h.most_recent
			WHERE s.task_id > bound.least AND s.processed <> coalesce(h.to_state IN ('complete', 'resolved_manually'), false)
		UNION ALL SELECT format('task %s is complete: %s', t.task_id, t.complete) FROM bound, tasker_tasks t
			WHERE t.task_id > bound.least AND t.complete <> EXISTS (SELECT FROM histories h WHERE h.kind = 'task' AND h.parent = t.task_id AND h.to_state IN ('complete', 'resolved_manually'))
		LIMIT 10`, a.moves())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// moves are the allowed ones, as "step none error".
func (a *arena) moves() (list []string) {
	for _, line := range strings.Split(strings.TrimSpace(allowedMoves), "\n") {
		before, after, _ := strings.Cut(line, ":")
		for _, to := range strings.Fields(after) {
			list = append(list, before+" "+strings.TrimSuffix(to, "?"))
		}
	}
	return list
}

// check looks for what must never be, all the while.
func (a *arena) check(t *testing.T) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; a.ended.Err() == nil; <-tick.C {
		list, err := a.broken()
		if err != nil {
			t.Error(err)
			return
		}
		for _, what := range list {
			t.Error(what)
		}
		if len(list) > 0 {
			return
		}
		a.checks.Add(1)
	}
}

// verify looks for what writers were told in the histories: all of it is there.
func (a *arena) verify(t *testing.T) {
	list, err := a.broken()
	if err != nil || len(list) > 0 {
		t.Error(list, err)
	}
	for kind, table := range map[statemachine.Kind]string{statemachine.Task: "tasker_task_transitions", statemachine.Step: "tasker_workflow_step_transitions"} {
		var ids []int64
		var states []string
		var sortKeys []int32
		for _, r := range a.known {
			if r.Kind == kind {
				ids, states, sortKeys = append(ids, r.TransitionID), append(states, r.To), append(sortKeys, r.SortKey)
			}
		}
		if n := one[int](a.lab, fmt.Sprintf("SELECT count(*) FROM unnest($1::bigint[], $2::text[], $3::integer[]) u (id, s, k) JOIN %s x ON x.id = u.id AND x.to_state = u.s AND x.sort_key = u.k", table),
			ids, states, sortKeys); n != len(ids) {
			t.Errorf("%d of %d transitions of a %s are there as they were told", n, len(ids), kind)
		}
		if kind == statemachine.Step {
			if n := one[int](a.lab, "SELECT count(*) FROM tasker_workflow_step_transitions WHERE metadata ? 'tasker_sidecar'"); n != len(ids) {
				t.Errorf("%d transitions of ours, and %d were told of", n, len(ids))
			}
		}
	}
}
