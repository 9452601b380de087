package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// answering is a way to write that makes the same of everything, and remembers
// who asked.
type answering struct {
	result writer.Result
	err    error
	asked  atomic.Int64
	by     atomic.Value
}

func (a *answering) Transition(_ context.Context, r writer.Request) (writer.Result, error) {
	a.asked.Add(1)
	a.by.Store(r.By)
	return a.result, a.err
}

func (a *answering) Batch(ctx context.Context, requests []writer.Request, _ writer.BatchOptions) ([]writer.Outcome, error) {
	outcomes := make([]writer.Outcome, len(requests))
	for i, r := range requests {
		outcomes[i].Result, outcomes[i].Err = a.Transition(ctx, r)
	}
	return outcomes, a.err
}

func (a *answering) DryRun(ctx context.Context, requests []writer.Request, o writer.BatchOptions) ([]writer.Outcome, error) {
	return a.Batch(ctx, requests, o)
}

func (a *answering) History(context.Context, statemachine.Kind, int64) ([]writer.Entry, error) {
	return []writer.Entry{}, a.err
}

var (
	writes = []struct{ path, body string }{
		{"/v1/steps/1/transitions", `{"to": "error"}`}, {"/v1/tasks/1/transitions", `{"to": "error"}`},
		{"/v1/steps/1/transitions", `{"to": "error", "dry_run": true}`},
		{"/v1/transitions/batch", `{"transitions": [{"kind": "step", "id": 1, "to": "error"}]}`},
	}
	asJSON = []string{"Content-Type", "application/json"}
)

// With tokens, the role writer is needed, and the token's name is noted.
func TestTokensForTransitions(t *testing.T) {
	configured, byRole := tokens(t)
	a := &answering{result: writer.Result{LSN: 1}}
	s := started(t, newSource(nil, Freshness{}), Options{Tokens: configured, Transitions: a})
	for _, w := range writes {
		for role, status := range map[Role]int{NoRole: http.StatusUnauthorized, Reader: http.StatusForbidden, Writer: http.StatusOK, Admin: http.StatusOK} {
			before, headers := a.asked.Load(), asJSON
			if role != NoRole {
				headers = append([]string{"Authorization", "Bearer " + byRole[role]}, asJSON...)
			}
			r := askAt(t, "http://"+s.Addr(), http.MethodPost, w.path, w.body, headers...)
			if r.status != status || (a.asked.Load() > before) != (status == http.StatusOK) {
				t.Errorf("%s by %s: %d %s", w.path, role, r.status, r.text)
			}
			if status == http.StatusOK && a.by.Load() != role.String() {
				t.Errorf("by %v", a.by.Load())
			}
		}
	}
	if r := question(t, s, http.MethodGet, "/v1/steps/1/transitions", "Authorization", "Bearer "+byRole[Reader]); r.status != http.StatusOK {
		t.Errorf("a reader's history: %d %s", r.status, r.text)
	}
}

// Without tokens, only this machine may, and no page of another origin.
func TestOriginsOfTransitions(t *testing.T) {
	a := &answering{result: writer.Result{LSN: 1}}
	s := started(t, newSource(nil, Freshness{}), Options{AllowedOrigins: []string{"https://ops.example"}, AllowedHosts: []string{"sidecar.example"}, Transitions: a})
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"a program", nil, http.StatusOK},
		{"by localhost", []string{"Host", "localhost:1"}, http.StatusOK},
		{"its own page", []string{"Origin", "http://" + s.Addr(), "Sec-Fetch-Site", "same-origin"}, http.StatusOK},
		{"the address line", []string{"Sec-Fetch-Site", "none"}, http.StatusOK},
		{"another page", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"another page that hides its origin", []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"another page, without origin", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"another port", []string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"a page that may read", []string{"Origin", "https://ops.example", "Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"a name that is pointed here", []string{"Host", "evil.example", "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, http.StatusMisdirectedRequest},
		{"a name beyond this machine", []string{"Host", "sidecar.example"}, http.StatusForbidden},
		{"a proxy", []string{"X-Forwarded-For", "192.0.2.1"}, http.StatusForbidden},
		{"another proxy", []string{"Forwarded", "for=192.0.2.1"}, http.StatusForbidden},
	} {
		for _, w := range writes {
			before := a.asked.Load()
			r := askAt(t, "http://"+s.Addr(), http.MethodPost, w.path, w.body, append(c.headers, asJSON...)...)
			if r.status != c.status || (a.asked.Load() > before) != (c.status == http.StatusOK) {
				t.Errorf("%s, %s: %d %s", c.name, w.path, r.status, r.text)
			}
		}
	}
	// What a form can post, and what a page can send without being asked first.
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""} {
		before := a.asked.Load()
		if r := askAt(t, "http://"+s.Addr(), http.MethodPost, writes[0].path, writes[0].body, "Content-Type", kind); r.status != http.StatusBadRequest || a.asked.Load() > before {
			t.Errorf("%q: %d %s", kind, r.status, r.text)
		}
	}
	g := guard{}
	for address, allowed := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true, "192.0.2.1:5": false, "": false} {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/steps/1/transitions", nil)
		r.RemoteAddr = address
		if _, problem := g.check(httptest.NewRecorder(), contextWithLocal(r, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})); (problem == nil) != allowed {
			t.Errorf("from %q: %v", address, problem)
		}
	}
}

// A wait that ends without the change still tells what was done.
func TestWaitThatTimesOut(t *testing.T) {
	a := &answering{result: writer.Result{Kind: statemachine.Step, ID: 1, TransitionID: 7, LSN: 0x2000}}
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: 0x1000})
	s := started(t, source, Options{Transitions: a, MaxWait: 20 * time.Millisecond})
	ask := func(body string) response {
		return askAt(t, "http://"+s.Addr(), http.MethodPost, "/v1/steps/1/transitions", body, asJSON...)
	}
	r := ask(`{"to": "error", "wait": true}`)
	failed, _ := r.body["wait_failed"].(string)
	if r.status != http.StatusOK || r.body["transition_id"] != 7.0 || r.body["applied"] != false || r.body["as_of_lsn"] != "0/1000" || !strings.Contains(failed, "0/2000 was not applied within 20ms") {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := ask(`{"to": "error"}`); r.status != http.StatusOK || r.body["applied"] != false || r.body["wait_failed"] != nil || r.header.Get(HeaderRequestID) == "" {
		t.Errorf("%d %s", r.status, r.text)
	}
	source.set(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: 0x2000})
	if r := ask(`{"to": "error", "wait": true}`); r.status != http.StatusOK || r.body["applied"] != true || r.body["wait_failed"] != nil {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// Each refusal, and each failure, as a problem of its own.
func TestRefusalsAreProblems(t *testing.T) {
	a := &answering{}
	s := started(t, newSource(nil, Freshness{}), Options{Transitions: a})
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{&writer.Refusal{Reason: writer.NotFound}, 404, "not-found"},
		{&writer.Refusal{Reason: writer.NotAllowed, State: "error", Allowed: []string{"pending"}}, 409, "not-allowed"},
		{&writer.Refusal{Reason: writer.GuardFailed, Undone: []statemachine.Undone{{WorkflowStepID: 5, State: "error"}}}, 409, "guard-failed"},
		{&writer.Refusal{Reason: writer.Unexpected}, 409, "unexpected-state"},
		{&writer.Refusal{Reason: writer.NotOurs}, 409, "not-ours"},
		{&writer.Refusal{Reason: writer.KeyReused}, 422, "key-reused"},
		{&writer.Refusal{Reason: writer.Contradictory}, 409, "contradictory"},
		{&writer.Refusal{Reason: writer.Vetoed}, 409, "vetoed"},
		{&writer.Refusal{Reason: writer.Abandoned}, 409, "abandoned"},
		{&writer.Refusal{Reason: writer.Lost}, 409, "lost"},
		{&writer.Refusal{Reason: writer.InDoubt}, 503, "in-doubt"},
		{&writer.Invalid{Problems: []writer.Problem{{Field: "by", Detail: "bad"}}}, 400, "invalid-request"},
		{ErrNoRights, 503, "no-rights"},
		{context.DeadlineExceeded, 503, "write-failed"},
		{errors.New("anything"), 503, "write-failed"},
	} {
		a.err = c.err
		r := askAt(t, "http://"+s.Addr(), http.MethodPost, writes[0].path, writes[0].body, asJSON...)
		again := r.header.Get("Retry-After") != ""
		if r.status != c.status || r.body["type"] != c.kind || r.header.Get("Content-Type") != "application/problem+json" || c.kind == "lost" && !again || c.status == 404 && again {
			t.Errorf("%v: %d %s", c.err, r.status, r.text)
		}
		var refusal *writer.Refusal
		if told, _ := r.body["refusal"].(map[string]any); errors.As(c.err, &refusal) && (told == nil || told["reason"] != string(refusal.Reason)) {
			t.Errorf("%v: %s", c.err, r.text)
		}
		// In a batch of one, of which nothing was done.
		r = askAt(t, "http://"+s.Addr(), http.MethodPost, "/v1/transitions/batch", writes[3].body, asJSON...)
		if r.status == http.StatusOK || r.body["type"] != c.kind {
			t.Errorf("a batch, %v: %d %s", c.err, r.status, r.text)
		}
	}
	s = started(t, newSource(nil, Freshness{}), Options{})
	for _, w := range writes {
		if r := askAt(t, "http://"+s.Addr(), http.MethodPost, w.path, w.body, asJSON...); r.status != http.StatusNotFound || !strings.Contains(r.text, "without a way to write") {
			t.Errorf("without transitions: %d %s", r.status, r.text)
		}
	}
}
