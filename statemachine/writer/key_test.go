package writer_test

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// refused checks that an error is a refusal with the reason.
func refused(t *testing.T, err error, reason Reason) {
	t.Helper()
	_ = refusalOf(t, err, reason)
}

// refusalOf gives the refusal, which has to have the reason.
func refusalOf(t *testing.T, err error, reason Reason) *Refusal {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, reason) || refusal.Reason != reason {
		t.Fatalf("want a refusal, %s: %v", reason, err)
	}
	return refusal
}

func (l *lab) made(t *testing.T, r Request) Result {
	t.Helper()
	result, err := l.Transition(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// A request that is sent again is answered with what the first has made, also when
// the step has moved on since, and however its JSON is written.
func TestKeys(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 2)
	r := Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, Key: "first", Reason: "why", By: "me", Metadata: json.RawMessage(`{"b": 1, "a": [2]}`)}
	first := l.made(t, r)
	l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, Key: "second", ExpectFrom: tasker.Error})
	l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Cancelled})
	before := workloadtest.Rows(t, l.pool)

	again := r
	again.RequestID = "another attempt"
	again.Metadata = json.RawMessage(` {"a":[2],"b":1}`)
	result := l.made(t, again)
	want := first
	want.Repeated, want.LSN = true, result.LSN
	if result != want || result.LSN < first.LSN {
		t.Errorf("%+v, at first %+v", result, first)
	}
	outcomes, err := l.DryRun(t.Context(), []Request{again})
	if err != nil || !outcomes[0].Result.Repeated || outcomes[0].Result.TransitionID != first.TransitionID {
		t.Errorf("dry run: %+v, %v", outcomes, err)
	}
	// A step in the middle of a history has come from the state before it.
	if second := l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, Key: "second", ExpectFrom: tasker.Error}); !second.Repeated ||
		second.From != tasker.Error || second.Event != statemachine.StepRetryRequested {
		t.Errorf("%+v", second)
	}

	for name, change := range map[string]func(*Request){
		"target":   func(r *Request) { r.To = tasker.ResolvedManually },
		"reason":   func(r *Request) { r.Reason = "another" },
		"by":       func(r *Request) { r.By = "you" },
		"metadata": func(r *Request) { r.Metadata = nil },
		"results":  func(r *Request) { r.Results = json.RawMessage(`{"a": 1}`) },
		"backoff":  func(r *Request) { r.BackoffSeconds = tasker.Some[int32](0) },
		"expected": func(r *Request) { r.ExpectFrom = tasker.Pending },
		"exactly":  func(r *Request) { r.ExpectTransition = tasker.Some[int64](0) },
	} {
		other := r
		change(&other)
		_, err := l.Transition(t.Context(), other)
		if refusal := refusalOf(t, err, KeyReused); refusal.TransitionID != first.TransitionID || refusal.State != tasker.Cancelled {
			t.Errorf("%s: %+v", name, refusal)
		}
	}
	if diff := cmp.Diff(before, workloadtest.Rows(t, l.pool)); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
	// The key is the step's own.
	other := r
	other.ID = 2
	if result := l.made(t, other); result.Repeated {
		t.Errorf("%+v", result)
	}
	if c := l.Counters(); c.Transitions != 4 || c.Repeated != 2 || c.Refused != 8 {
		t.Errorf("%+v", c)
	}
}

// A refusal is not remembered: the same request may be right later.
func TestRefusalsAreForgotten(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	r := Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, Key: "k"}
	_, err := l.Transition(t.Context(), r)
	refused(t, err, NotAllowed)
	l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
	if result := l.made(t, r); result.Repeated {
		t.Errorf("%+v", result)
	}
}

// The same request from many at once is performed once.
func TestOneOfManyIsPerformed(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	results := make([]Result, 16)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			var err error
			if results[i], err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, Key: "k"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	firsts := 0
	for _, r := range results {
		if !r.Repeated {
			firsts++
		}
		if r.TransitionID != results[0].TransitionID {
			t.Errorf("%+v and %+v", r, results[0])
		}
	}
	if firsts != 1 || one[int](l, "SELECT count(*) FROM tasker_workflow_step_transitions") != 1 || one[int](l, "SELECT attempts FROM tasker_workflow_steps") != 1 {
		t.Errorf("%d first ones", firsts)
	}
}

func TestExpectations(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	_, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, ExpectFrom: tasker.InProgress})
	if refusal := refusalOf(t, err, Unexpected); refusal.State != tasker.Pending || refusal.TransitionID != 0 ||
		err.Error() != "step 1 cannot go to error: it was expected to be in_progress and is pending" {
		t.Errorf("%+v: %v", refusal, err)
	}
	_, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, ExpectTransition: tasker.Some[int64](5)})
	if refused(t, err, Unexpected); err.Error() != "step 1 cannot go to error: its most recent was expected to be transition 5 and is no transition at all, to pending" {
		t.Error(err)
	}
	first := l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error, ExpectFrom: tasker.Pending, ExpectTransition: tasker.Some[int64](0)})
	_, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, ExpectTransition: tasker.Some[int64](0)})
	if refusal := refusalOf(t, err, Unexpected); refusal.TransitionID != first.TransitionID || refusal.State != tasker.Error {
		t.Errorf("%+v", refusal)
	}
	// It has come back to the state in which it was seen, and is another one all the same.
	l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, ExpectTransition: tasker.Some(first.TransitionID)})
	l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Error})
	_, err = l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, ExpectFrom: tasker.Error, ExpectTransition: tasker.Some(first.TransitionID)})
	refused(t, err, Unexpected)
}

// A step belongs to the engine's workers unless it is said to be taken.
func TestTaking(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	r := Request{Kind: statemachine.Step, ID: 1, To: tasker.InProgress}
	_, err := l.Transition(t.Context(), r)
	if refusal := refusalOf(t, err, NotOurs); refusal.State != tasker.Pending {
		t.Errorf("%+v", refusal)
	}
	r.Take = true
	l.made(t, r)
}

func TestUnknownIDs(t *testing.T) {
	l := newLab(t, Options{})
	for _, k := range statemachine.Kinds() {
		for _, id := range []int64{1, 1 << 56, 1<<63 - 1} {
			_, err := l.Transition(t.Context(), Request{Kind: k, ID: id, To: tasker.Error})
			refused(t, err, NotFound)
			_, err = l.History(t.Context(), k, id)
			refused(t, err, NotFound)
			_, _, err = l.Possible(t.Context(), k, id)
			refused(t, err, NotFound)
		}
	}
}

// A history whose rows disagree is not guessed about.
func TestContradictoryHistories(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 4)
	l.putStep(1, "in_progress", "error")
	l.exec("UPDATE tasker_workflow_step_transitions SET most_recent = false WHERE to_state = 'error'")
	l.putStep(2, "in_progress", "error")
	l.exec("UPDATE tasker_workflow_step_transitions SET most_recent = NOT most_recent WHERE workflow_step_id = 2 AND to_state = 'error'")
	l.exec("UPDATE tasker_workflow_step_transitions SET most_recent = NOT most_recent WHERE workflow_step_id = 2 AND to_state = 'in_progress'")
	l.putStep(3, "error")
	l.exec("UPDATE tasker_workflow_step_transitions SET sort_key = 2147483640 WHERE workflow_step_id = 3")
	l.putStep(4, "error")
	l.exec("UPDATE tasker_workflow_step_transitions SET sort_key = -3, to_state = 'skipped' WHERE workflow_step_id = 4")
	for id := range int64(3) {
		_, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: id + 1, To: tasker.ResolvedManually})
		refused(t, err, Contradictory)
	}
	_, err := l.Transition(t.Context(), Request{Kind: statemachine.Step, ID: 4, To: tasker.ResolvedManually})
	if refusal := refusalOf(t, err, NotAllowed); refusal.State != "skipped" || len(refusal.Allowed) != 0 {
		t.Errorf("%+v", refusal)
	}
	l.exec("UPDATE tasker_workflow_step_transitions SET to_state = 'error' WHERE workflow_step_id = 4")
	if r := l.made(t, Request{Kind: statemachine.Step, ID: 4, To: tasker.Pending}); r.SortKey != 7 {
		t.Errorf("%+v", r)
	}
}

func TestHistory(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	if h, err := l.History(t.Context(), statemachine.Step, 1); err != nil || h == nil || len(h) != 0 {
		t.Errorf("%v, %v", h, err)
	}
	l.putStep(1, "in_progress", "error")
	r := l.made(t, Request{Kind: statemachine.Step, ID: 1, To: tasker.Pending, By: "me", Reason: "why", RequestID: "id", Key: "key", Metadata: json.RawMessage(`{"a": 1}`)})
	l.exec(`INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, metadata, workflow_step_id, created_at, updated_at)
		VALUES ('complete', 15, false, '{"tasker_sidecar": "not ours"}', 1, '2026-01-02', '2026-01-02')`)
	h, err := l.History(t.Context(), statemachine.Step, 1)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := tasker.ParseTimestamp("2026-01-02T00:00:00Z")
	want := []Entry{
		{TransitionID: 1, From: "pending", To: "in_progress", Event: "step.execution_requested", SortKey: 10, At: at, Metadata: json.RawMessage(`{}`)},
		{TransitionID: 4, From: "in_progress", To: "complete", Event: "step.completed", SortKey: 15, At: at, Metadata: json.RawMessage(`{"tasker_sidecar": "not ours"}`)},
		{TransitionID: 2, From: "complete", To: "error", SortKey: 20, At: at, Metadata: json.RawMessage(`{}`)},
		{TransitionID: 3, From: "error", To: "pending", Event: "step.retry_requested", SortKey: 30, MostRecent: true, At: r.At, By: "me", Reason: "why", RequestID: "id", Key: "key"},
	}
	want[3].Metadata = h[3].Metadata
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

func TestPossible(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 30)
	l.putTask(1, "in_progress")
	state, list, err := l.Possible(t.Context(), statemachine.Task, 1)
	if err != nil || state != tasker.InProgress || len(list) != 6 {
		t.Fatal(state, list, err)
	}
	for _, p := range list {
		if p.Allowed != (p.To == "pending" || p.To == "error" || p.To == "cancelled") || p.To == "complete" && (len(p.Undone) != 20 || p.More != 10) {
			t.Errorf("%+v", p)
		}
	}
}
