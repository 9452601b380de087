package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func (l *lab) count(where string) (n int) {
	l.Helper()
	if err := l.pool.QueryRow(l.Context(), "SELECT count(*) FROM tasker_workflow_step_transitions WHERE "+where).Scan(&n); err != nil {
		l.Fatal(err)
	}
	return n
}

func batchOf(t *testing.T, b api.BatchBody) string {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A thousand at once: each is decided on its own, and sent again the whole of it
// is answered as it was.
func TestBatchOfAThousand(t *testing.T) {
	l := newLab(t)
	l.follow()
	_, first := l.steps(1000)
	l.exec(`INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, created_at, updated_at)
		SELECT CASE WHEN i % 10 = 0 THEN 'complete' ELSE 'error' END, 10, true, $1::bigint + i, now(), now() FROM generate_series(0, 999) AS i`, first)
	batch := api.BatchBody{Manner: api.Manner{Wait: true}}
	for i := range int64(1000) {
		batch.Transitions = append(batch.Transitions, api.BatchItem{Kind: statemachine.Step, ID: first + i, Move: api.Move{To: tasker.Pending, Reason: "all again"}})
	}
	batch.Transitions[999].ID = first + 5000
	for round := range 2 {
		var got api.BatchAnswer
		if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &got, api.HeaderKey, "again", api.HeaderRequestID, "req-1"); s != http.StatusOK {
			t.Fatal(s)
		}
		if got.Done != 899 || got.Refused != 101 || len(got.Outcomes) != 1000 || !got.Applied || got.WaitFailed != "" || got.AsOfLSN < got.LSN || got.LSN == 0 {
			t.Fatalf("%d done, %d refused, of %d, %+v %+v", got.Done, got.Refused, len(got.Outcomes), got.Waited, got.Envelope)
		}
		for i, o := range got.Outcomes {
			switch {
			case i == 999:
				if o.Problem == nil || o.Problem.Status != http.StatusNotFound || o.Problem.Type != api.ProblemNotFound {
					t.Errorf("%d: %+v", i, o.Problem)
				}
			case i%10 == 0:
				if o.Problem == nil || o.Problem.Type != api.ProblemNotAllowed || o.Problem.Refusal.State != tasker.Complete || o.Result != nil {
					t.Errorf("%d: %+v", i, o.Problem)
				}
			case o.Result == nil || o.Result.ID != first+int64(i) || o.Result.Repeated != (round == 1):
				t.Errorf("%d: %+v", i, o)
			}
		}
	}
	if n := l.count("to_state = 'pending' AND metadata #>> '{tasker_sidecar,request_id}' = 'req-1'"); n != 899 {
		t.Errorf("%d rows", n)
	}
	var ready struct{ Steps []tasker.ReadyStep }
	if s := l.ask(http.MethodGet, "/v1/steps/ready?limit=1000", "", &ready); s != http.StatusOK || len(ready.Steps) == 0 {
		t.Errorf("%d: %d are ready", s, len(ready.Steps))
	}
}

// All or nothing: one that is refused keeps the others from being made.
func TestBatchAllOrNothing(t *testing.T) {
	l := newLab(t)
	l.follow()
	_, first := l.steps(3)
	batch := api.BatchBody{AllOrNothing: true}
	for i := range int64(3) {
		batch.Transitions = append(batch.Transitions, api.BatchItem{Kind: statemachine.Step, ID: first + i, Move: api.Move{To: tasker.Cancelled}})
	}
	l.put(statemachine.Step, first+1, "in_progress", "complete")
	var p api.Problem
	if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &p); s != http.StatusConflict || p.Type != api.ProblemBatchRefused || len(p.Outcomes) != 3 ||
		p.Outcomes[0].Problem.Type != api.ProblemAbandoned || p.Outcomes[1].Problem.Type != api.ProblemNotAllowed {
		t.Errorf("%d %+v", s, p)
	}
	if n := l.count("to_state = 'cancelled'"); n != 0 {
		t.Errorf("%d were written", n)
	}
	batch.Transitions[1].ID = first + 2
	batch.Transitions = batch.Transitions[:2]
	batch.DryRun = true
	var got api.BatchAnswer
	if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &got); s != http.StatusOK || got.Done != 2 || !got.DryRun || got.Applied || l.count("to_state = 'cancelled'") != 0 {
		t.Errorf("%d %+v", s, got)
	}
	batch.DryRun = false
	if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &got); s != http.StatusOK || got.Done != 2 || l.count("to_state = 'cancelled'") != 2 {
		t.Errorf("%d %+v", s, got)
	}
	for i := range int64(600) {
		batch.Transitions = append(batch.Transitions, api.BatchItem{Kind: statemachine.Task, ID: 1000 + i, Move: api.Move{To: tasker.Cancelled}})
	}
	for _, batch.DryRun = range []bool{true, false} {
		if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &p); s != http.StatusBadRequest || p.Errors[0].Location != "body.transitions" {
			t.Errorf("%d %+v", s, p)
		}
	}
	batch.Transitions = []api.BatchItem{batch.Transitions[0], batch.Transitions[0]}
	if s := l.ask(http.MethodPost, "/v1/transitions/batch", batchOf(t, batch), &p); s != http.StatusBadRequest || p.Errors[0].Location != "body.transitions[1].id" {
		t.Errorf("%d %+v", s, p)
	}
}

// Who waits reads his own write, every time.
func TestWaitReadsItsOwnWrite(t *testing.T) {
	l := newLab(t)
	l.follow()
	_, step := l.steps(1)
	for i := range 100 {
		to := []string{tasker.Error, tasker.Pending}[i%2]
		var moved api.TransitionAnswer
		if s := l.ask(http.MethodPost, transitionsPath(statemachine.Step, step), `{"to": "`+to+`", "wait": true}`, &moved); s != http.StatusOK || !moved.Applied || moved.AsOfLSN < moved.LSN {
			t.Fatalf("%d %+v", s, moved)
		}
		var now api.StepAnswer
		if s := l.ask(http.MethodGet, fmt.Sprintf("/v1/steps/%d", step), "", &now); s != http.StatusOK || now.CurrentState != to {
			t.Fatalf("%d: %s after %s", s, now.CurrentState, to)
		}
	}
	out, stderr, code := command("transition", "step", fmt.Sprint(step), "--to", "error", "--wait", "--server", l.server, "--json")
	if code != exitOK || !strings.Contains(out, `"applied": true`) {
		t.Errorf("%d %s%s", code, out, stderr)
	}
	response, err := http.Get(l.server + "/metrics") //nolint:noctx // it ends at once
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(metrics), `tasker_sidecar_transitions_total{kind="step",result="done",to="error"} 51`) {
		t.Errorf("it is not counted: %v", err)
	}
	var status api.StatusAnswer
	if s := l.ask(http.MethodGet, "/v1/status", "", &status); s != http.StatusOK || status.Writer.Transitions != 101 || status.Writer.Transactions != 101 {
		t.Errorf("%d %+v", s, status.Writer)
	}
}

func TestHistory(t *testing.T) {
	l := newLab(t)
	l.follow()
	task, step := l.steps(1)
	l.put(statemachine.Step, step, "in_progress")
	var moved api.TransitionAnswer
	if s := l.ask(http.MethodPost, transitionsPath(statemachine.Step, step), `{"to": "error", "reason": "stuck", "metadata": {"a": [1, null]}}`, &moved, api.HeaderRequestID, "r"); s != http.StatusOK {
		t.Fatal(s)
	}
	var h api.HistoryAnswer
	if s := l.ask(http.MethodGet, transitionsPath(statemachine.Step, step), "", &h); s != http.StatusOK || h.Kind != statemachine.Step || h.ID != step || len(h.Transitions) != 2 {
		t.Fatalf("%d %+v", s, h)
	}
	if e := h.Transitions[1]; e.TransitionID != moved.TransitionID || e.Reason != "stuck" || e.RequestID != "r" || e.By == "" || !e.MostRecent || e.Event != "step.failed" || e.At != moved.At {
		t.Errorf("%+v", e)
	}
	for _, where := range [][]string{{"--server", l.server}, {"--database-url", l.url}} {
		out, stderr, code := command(append([]string{"history", "step", fmt.Sprint(step)}, where...)...)
		if code != exitOK || strings.Count(out, "\n") != 2 || !strings.Contains(out, "in_progress → error (step.failed)") || !strings.HasSuffix(out, "machine: stuck\n") {
			t.Errorf("%v: %d %s%s", where, code, out, stderr)
		}
		out, stderr, code = command(append([]string{"history", "task", fmt.Sprint(task), "--json"}, where...)...)
		if code != exitOK || out != "[]\n" {
			t.Errorf("%v: %d %q %s", where, code, out, stderr)
		}
		if _, stderr, code = command(append([]string{"history", "task", "9223372036854775807"}, where...)...); code != exitRefused || !strings.Contains(stderr, "there is no such task") {
			t.Errorf("%v: %d %s", where, code, stderr)
		}
	}
}
