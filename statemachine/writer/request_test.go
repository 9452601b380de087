package writer_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// Bad requests, and the fields that are named for each.
var badRequests = map[string]struct {
	r      Request
	fields string
}{
	"nothing":               {Request{}, "kind id to"},
	"no kind":               {Request{Kind: 3, ID: 1, To: "error"}, "kind"},
	"negative id":           {Request{Kind: statemachine.Step, ID: -1, To: "error"}, "id"},
	"unknown state":         {Request{Kind: statemachine.Step, ID: 1, To: "skipped"}, "to"},
	"state with a NUL":      {Request{Kind: statemachine.Step, ID: 1, To: "error\x00"}, "to"},
	"expected unknown":      {Request{Kind: statemachine.Task, ID: 1, To: "error", ExpectFrom: "failed"}, "expect_from"},
	"expected negative":     {Request{Kind: statemachine.Task, ID: 1, To: "error", ExpectTransition: tasker.Some[int64](-1)}, "expect_transition"},
	"a task is taken":       {Request{Kind: statemachine.Task, ID: 1, To: "in_progress", Take: true}, "take"},
	"taken to complete":     {Request{Kind: statemachine.Step, ID: 1, To: "complete", Take: true}, "take"},
	"NULs":                  {Request{Kind: statemachine.Step, ID: 1, To: "error", Key: "\x00", By: "a\x00", Reason: "\x00", RequestID: "\x00"}, "key by reason request_id"},
	"not UTF-8":             {Request{Kind: statemachine.Step, ID: 1, To: "error", Key: "\xff", Reason: "\xc3"}, "key reason"},
	"long key":              {Request{Kind: statemachine.Step, ID: 1, To: "error", Key: strings.Repeat("k", MaxKey+1)}, "key"},
	"long reason":           {Request{Kind: statemachine.Step, ID: 1, To: "error", Reason: strings.Repeat("k", MaxText+1)}, "reason"},
	"results of a task":     {Request{Kind: statemachine.Task, ID: 1, To: "error", Results: json.RawMessage(`{}`)}, "results"},
	"results of a pending":  {Request{Kind: statemachine.Step, ID: 1, To: "pending", Results: json.RawMessage(`{}`)}, "results"},
	"results of an error":   {Request{Kind: statemachine.Step, ID: 1, To: "error", Results: json.RawMessage(`[]`)}, "results"},
	"backoff of complete":   {Request{Kind: statemachine.Step, ID: 1, To: "complete", BackoffSeconds: tasker.Some[int32](1)}, "backoff_seconds"},
	"negative backoff":      {Request{Kind: statemachine.Step, ID: 1, To: "error", BackoffSeconds: tasker.Some[int32](-1)}, "backoff_seconds"},
	"metadata not JSON":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{`)}, "metadata"},
	"metadata an array":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`[]`)}, "metadata"},
	"metadata null":         {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`null`)}, "metadata"},
	"metadata twice":        {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{} {}`)}, "metadata"},
	"metadata and more":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{}]`)}, "metadata"},
	"metadata blank":        {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(` `)}, "metadata"},
	"metadata of ours":      {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"tasker_sidecar": 1}`)}, "metadata"},
	"metadata with a NUL":   {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a": ["\u0000"]}`)}, "metadata"},
	"a name with a NUL":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a\u0000": 1}`)}, "metadata"},
	"metadata not UTF-8":    {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage("{\"a\": \"\xff\"}")}, "metadata"},
	"metadata too long":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a": "` + strings.Repeat("x", MaxJSON) + `"}`)}, "metadata"},
	"metadata too deep":     {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a": ` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`)}, "metadata"},
	"a huge number":         {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a": 1e999999}`)}, "metadata"},
	"an unreadable number":  {Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: json.RawMessage(`{"a": 1E-99999999999999999999}`)}, "metadata"},
	"several at once":       {Request{Kind: statemachine.Task, ID: math.MinInt64, To: "x", Take: true, Metadata: json.RawMessage(`1`)}, "id to take metadata"},
	"a long wrong state":    {Request{Kind: statemachine.Step, ID: 1, To: strings.Repeat("x", 1<<20)}, "to"},
	"results not JSON":      {Request{Kind: statemachine.Step, ID: 1, To: "complete", Results: json.RawMessage(`nonsense`)}, "results"},
	"results with a NUL":    {Request{Kind: statemachine.Step, ID: 1, To: "complete", Results: json.RawMessage(`"\u0000"`)}, "results"},
	"results of many bytes": {Request{Kind: statemachine.Step, ID: 1, To: "complete", Results: json.RawMessage(`"` + strings.Repeat("x", MaxJSON) + `"`)}, "results"},
}

func fields(err error) string {
	var bad *Invalid
	if !errors.As(err, &bad) {
		return "no *Invalid"
	}
	var names []string
	for _, p := range bad.Problems {
		names = append(names, p.Field)
	}
	return strings.Join(names, " ")
}

func TestBadRequestsNameTheirFields(t *testing.T) {
	for name, c := range badRequests {
		err := c.r.Validate()
		if got := fields(err); got != c.fields {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.fields, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
	for _, r := range []Request{
		{Kind: statemachine.Step, ID: math.MaxInt64, To: "in_progress", Take: true, ExpectFrom: "pending", ExpectTransition: tasker.Some[int64](0)},
		{Kind: statemachine.Step, ID: 1, To: "complete", Results: json.RawMessage(`null`)},
		{Kind: statemachine.Task, ID: 1, To: "complete", Key: strings.Repeat("k", MaxKey), Metadata: json.RawMessage(`{"a": {"b": [1, 2.50, -3e10]}}`)},
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// A bad request asks nothing of the database: it is refused also where there is
// none, and in a batch with all the others.
func TestBadRequestsReachNoDatabase(t *testing.T) {
	pool := workloadtest.Database(t)
	w := must(t)(New(Options{Pool: pool}))
	pool.Close()
	good := Request{Kind: statemachine.Step, ID: 2, To: "error"}
	for name, c := range badRequests {
		if _, err := w.Transition(t.Context(), c.r); fields(err) != c.fields {
			t.Errorf("%s: %v", name, err)
		}
		outcomes, err := w.Batch(t.Context(), []Request{good, c.r}, BatchOptions{})
		want := "requests[1]." + strings.ReplaceAll(c.fields, " ", " requests[1].")
		if fields(err) != want || outcomes != nil {
			t.Errorf("%s, in a batch: %v, want %q", name, err, want)
		}
		if _, err := w.DryRun(t.Context(), []Request{good, c.r}); fields(err) != want {
			t.Errorf("%s, in a dry run: %v", name, err)
		}
	}
	if _, err := w.History(t.Context(), 0, 0); fields(err) != "kind id" {
		t.Error(err)
	}
	if _, _, err := w.Possible(t.Context(), statemachine.Task, -5); fields(err) != "id" {
		t.Error(err)
	}
}

// Whatever passes the checks the database takes, and gives back as it was.
func TestWhatIsAcceptedIsStored(t *testing.T) {
	l := newLab(t, Options{})
	l.tasks(1, 1)
	rapid.Check(t, func(rt *rapid.T) {
		l.exec("DELETE FROM tasker_workflow_step_transitions")
		value := rapid.OneOf(rapid.String().AsAny(), rapid.Float64().AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(),
			rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).AsAny())
		object := rapid.MapOf(rapid.String(), value).Draw(rt, "metadata")
		metadata, err := json.Marshal(object)
		if err != nil {
			rt.Fatal(err)
		}
		r := Request{Kind: statemachine.Step, ID: 1, To: "error", Metadata: metadata, Reason: rapid.String().Draw(rt, "reason"),
			By: rapid.String().Draw(rt, "by"), Key: rapid.StringN(0, 60, 200).Draw(rt, "key"), RequestID: rapid.String().Draw(rt, "request id")}
		if r.Validate() != nil {
			return
		}
		if _, err := l.Transition(t.Context(), r); err != nil {
			rt.Fatal(err)
		}
		h, err := l.History(t.Context(), statemachine.Step, 1)
		if err != nil || len(h) != 1 {
			rt.Fatalf("%v, %v", h, err)
		}
		e := h[0]
		if e.Reason != r.Reason || e.By != r.By || e.Key != r.Key || e.RequestID != r.RequestID {
			rt.Errorf("%+v became %+v", r, e)
		}
		var got map[string]any
		if err := json.Unmarshal(e.Metadata, &got); err != nil {
			rt.Fatal(err)
		}
		delete(got, "tasker_sidecar")
		var want map[string]any
		if err := json.Unmarshal(metadata, &want); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Error(diff)
		}
	})
}

func TestOptions(t *testing.T) {
	_, err := New(Options{MaxTries: -1, RetryMin: 5, RetryMax: 1, LockTimeout: 1, StatementTimeout: 2, MaxLocks: 501, MaxBatch: -1})
	if err == nil {
		t.Fatal("they pass")
	}
	for _, want := range []string{"the pool", "attempted -1 times", "wait before another", "lock timeout 1ns", "statement timeout 2ns", "501 locks", "-1 transitions"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
