package writer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// cancelAll asks for the cancellation of steps, last first.
func cancelAll(from, to int64) (list []Request) {
	for id := to; id >= from; id-- {
		list = append(list, Request{Kind: statemachine.Step, ID: id, To: tasker.Cancelled})
	}
	return list
}

// Each request of a batch is decided on its own; outcomes come in the order of the
// requests.
func TestBatch(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(2, 5)
	l.edge(1, 2)
	l.edge(3, 4)
	l.putStep(3, "resolved_manually")
	l.putStep(5, "complete")
	l.putTask(2, "in_progress")
	l.putStep(9, "in_progress", "error")
	requests := []Request{
		{Kind: statemachine.Step, ID: 9, To: tasker.Pending},
		{Kind: statemachine.Task, ID: 2, To: tasker.Complete},
		{Kind: statemachine.Step, ID: 5, To: tasker.Pending},
		{Kind: statemachine.Step, ID: 4, To: tasker.InProgress, Take: true},
		{Kind: statemachine.Step, ID: 2, To: tasker.InProgress, Take: true},
		{Kind: statemachine.Step, ID: 1, To: tasker.InProgress},
		{Kind: statemachine.Step, ID: 99, To: tasker.Error},
		{Kind: statemachine.Task, ID: 1, To: tasker.InProgress, Key: "k"},
		{Kind: statemachine.Step, ID: 6, To: tasker.Error, BackoffSeconds: tasker.Some[int32](9)},
		{Kind: statemachine.Step, ID: 7, To: tasker.ResolvedManually, ExpectFrom: tasker.Error},
		{Kind: statemachine.Step, ID: 8, To: tasker.Error},
		{Kind: statemachine.Step, ID: 10, To: tasker.Cancelled},
	}
	want := []string{"pending", "guard_failed", "not_allowed", "in_progress", "guard_failed", "not_ours", "not_found", "in_progress", "error", "unexpected", "error", "cancelled"}
	outcomes, err := l.Batch(t.Context(), requests, BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, o := range outcomes {
		var refusal *Refusal
		switch {
		case o.Err == nil:
			got = append(got, one[string](l, fmt.Sprintf("SELECT to_state FROM %s WHERE id = $1 AND most_recent", map[statemachine.Kind]string{
				statemachine.Task: "tasker_task_transitions", statemachine.Step: "tasker_workflow_step_transitions"}[requests[i].Kind]), o.Result.TransitionID))
			if o.Result.ID != requests[i].ID || o.Result.Kind != requests[i].Kind || o.Result.To != requests[i].To {
				t.Errorf("%d: %+v", i, o.Result)
			}
		case errors.As(o.Err, &refusal):
			got = append(got, string(refusal.Reason))
		default:
			t.Error(o.Err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := one[string](l, "SELECT string_agg(coalesce(backoff_request_seconds::text, 'none') || ' ' || attempts, ', ' ORDER BY workflow_step_id) FROM tasker_workflow_steps WHERE workflow_step_id IN (6, 8)"); got != "9 1, none 1" {
		t.Error(got)
	}
	if c := l.Counters(); c.Transactions != 1 {
		t.Errorf("%+v", c)
	}
	if outcomes, err := l.Batch(t.Context(), nil, BatchOptions{AllOrNothing: true}); err != nil || len(outcomes) != 0 {
		t.Errorf("of nothing: %v, %v", outcomes, err)
	}
}

func TestAllOrNothing(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 10)
	requests := cancelAll(1, 10)
	requests[0].Key = "k"
	result := l.made(t, requests[0])
	before := workloadtest.Rows(t, l.pool)
	bad := append(slices.Clone(requests), Request{Kind: statemachine.Task, ID: 1, To: tasker.Complete}, Request{Kind: statemachine.Task, ID: 2, To: tasker.Error})
	outcomes, err := l.Batch(t.Context(), bad, BatchOptions{AllOrNothing: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		switch i {
		case 0:
			if o.Err != nil || !o.Result.Repeated || o.Result.TransitionID != result.TransitionID {
				t.Errorf("%+v", o)
			}
		case 10:
			refused(t, o.Err, NotAllowed)
		case 11:
			refused(t, o.Err, NotFound)
		default:
			refused(t, o.Err, Abandoned)
		}
	}
	if diff := cmp.Diff(before, workloadtest.Rows(t, l.pool)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	outcomes, err = l.Batch(t.Context(), requests, BatchOptions{AllOrNothing: true})
	if err != nil || slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Err != nil }) {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if n := one[int](l, "SELECT count(DISTINCT created_at) FROM tasker_workflow_step_transitions"); n != 2 {
		t.Errorf("of %d moments", n)
	}
}

func TestBatchesThatCannotBe(t *testing.T) {
	l := newLab(t, Options{MaxBatch: 1000})
	twice := cancelAll(1, 3)
	twice = append(twice, Request{Kind: statemachine.Task, ID: 2, To: tasker.Error}, Request{Kind: statemachine.Step, ID: 2, To: tasker.Error})
	for _, c := range []struct {
		requests []Request
		o        BatchOptions
		want     string
	}{
		{twice, BatchOptions{}, "requests[4].id: step 2 is in requests[1] already"},
		{cancelAll(1, 501), BatchOptions{AllOrNothing: true}, "requests: there are 501, and all or nothing takes one transaction, which has at most 500: more locks would starve other sessions of the server"},
		{cancelAll(1, 1001), BatchOptions{}, "requests: there are 1001, and a batch has at most 1000"},
	} {
		outcomes, err := l.Batch(t.Context(), c.requests, c.o)
		if err == nil || err.Error() != c.want || outcomes != nil {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if c := l.Counters(); c != (Counters{}) {
		t.Errorf("%+v", c)
	}
}

// A large batch is cut: no transaction takes more than 500 locks, each of which
// pg_locks shows as what it is.
func TestLargeBatchesAreCut(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(150, 20)
	parts := 0
	w := l.With(Hooks{Check: func(ctx context.Context, tx Tx, planned []Planned) ([]error, error) {
		parts++
		var all, ours, others int
		err := tx.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE chr((classid::bigint >> 24)::int) = 'W' AND ((classid::bigint & 16777215) << 32) + objid::bigint = ANY ($1)),
			(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'advisory')
			FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()`, ids(planned)).Scan(&all, &ours, &others)
		if all != len(planned) || all > 500 || ours != all || others > 100 {
			t.Errorf("%d advisory locks, %d of them of the %d steps, and %d others", all, ours, len(planned), others)
		}
		return nil, err
	}})
	outcomes, err := w.Batch(t.Context(), cancelAll(1, 3000), BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		if o.Err != nil || o.Result.ID != 3000-int64(i) {
			t.Fatalf("%d: %+v", i, o)
		}
	}
	if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions WHERE most_recent AND to_state = 'cancelled'"); n != 3000 || parts != 6 {
		t.Errorf("%d written, in %d transactions", n, parts)
	}
	if n := one[int](l, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"); n != 0 {
		t.Errorf("%d locks are left", n)
	}
}

// While eight batches hold 500 locks each, a session that asks what is ready, of
// all tasks, is answered.
func TestBatchesLeaveLocksToOthers(t *testing.T) {
	const batches = 8
	l := newLab(t, Options{})
	l.tasks(batches*25, 20)
	var locked, ended sync.WaitGroup
	locked.Add(batches)
	asked := make(chan struct{})
	w := l.With(Hooks{Check: func(context.Context, Tx, []Planned) ([]error, error) {
		locked.Done()
		<-asked
		return nil, nil
	}})
	for n := range int64(batches) {
		ended.Go(func() {
			if _, err := w.Batch(context.Background(), cancelAll(500*n+1, 500*n+500), BatchOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	locked.Wait()
	locks := one[int](l, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
	ready := one[int](l, "SELECT count(*) FROM tasker_tasks t, get_step_readiness_status(t.task_id) r WHERE r.ready_for_execution")
	close(asked)
	ended.Wait()
	if locks != batches*500 || ready != batches*500 {
		t.Errorf("%d locks, %d steps ready", locks, ready)
	}
	if n := one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions"); n != batches*500 {
		t.Errorf("%d written", n)
	}
}

func ids(planned []Planned) (list []int64) {
	for _, p := range planned {
		list = append(list, p.Request.ID)
	}
	return list
}

func TestLockKeys(t *testing.T) {
	if LockKey(statemachine.Task, 5) != 'T'<<56|5 || LockKey(statemachine.Step, 1<<62|5) != 'W'<<56|5 || LockKey(statemachine.Task, 1<<63-1) >= LockKey(statemachine.Step, 1) {
		t.Error("keys are otherwise than documented")
	}
}

// What a caller adds is in the same transaction, sees what is locked, and can
// refuse single ones or all of it.
func TestHooks(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 3)
	l.exec("CREATE TABLE audit (transition_id bigint, state text)")
	failed := errors.New("no more")
	fail := false
	w := l.With(Hooks{
		Check: func(_ context.Context, _ Tx, planned []Planned) ([]error, error) {
			vetoes := make([]error, len(planned))
			for i, p := range planned {
				if p.Request.ID == 2 {
					vetoes[i] = errors.New("not this one")
				}
			}
			return vetoes, nil
		},
		Written: func(ctx context.Context, tx Tx, results []Result) error {
			for _, r := range results {
				if _, err := tx.Exec(ctx, "INSERT INTO audit VALUES ($1, $2)", r.TransitionID, r.To); err != nil {
					return err
				}
			}
			if fail {
				return failed
			}
			return nil
		},
	})
	outcomes, err := w.Batch(t.Context(), cancelAll(1, 2), BatchOptions{})
	if err != nil || outcomes[1].Err != nil {
		t.Fatal(outcomes, err)
	}
	if refusal := refusalOf(t, outcomes[0].Err, Vetoed); refusal.State != tasker.Pending || !strings.HasSuffix(refusal.Error(), "it was checked, and refused: not this one") {
		t.Error(refusal)
	}
	audited := func() string {
		return one[string](l, "SELECT string_agg(a.state || ' ' || t.to_state, ', ') FROM audit a FULL JOIN tasker_workflow_step_transitions t ON t.id = a.transition_id")
	}
	if got := audited(); got != "cancelled cancelled" {
		t.Error(got)
	}
	fail = true
	if _, err = w.Transition(t.Context(), cancelAll(3, 3)[0]); err != failed { //nolint:errorlint // as it is
		t.Error(err)
	}
	outcomes, err = w.Batch(t.Context(), cancelAll(3, 3), BatchOptions{})
	if err != failed || outcomes[0].Err != failed { //nolint:errorlint // as it is
		t.Error(outcomes, err)
	}
	if got := audited(); got != "cancelled cancelled" {
		t.Errorf("a failed hook has left %s", got)
	}
}
