package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// services are what is asked and told.
type services struct {
	set []string
	err error
}

func (s *services) List(_ context.Context, limit int) MaintenanceReport {
	return MaintenanceReport{Leading: true, Leader: "one", Complete: true, Services: []ServiceReport{{
		ServiceStatus: ServiceStatus{Service: "retrier", Mode: "observe", State: "running", Due: 7},
		Acts:          []Act{{TaskID: 1, WorkflowStepID: tasker.Some[int64](2), From: "error", To: "pending", Reason: fmt.Sprintf("limit %d", limit)}},
	}}}
}

func (s *services) Set(_ context.Context, service, state, reason string) error {
	s.set = append(s.set, service+" "+state+" "+reason)
	return s.err
}

func TestMaintenance(t *testing.T) {
	m := &services{}
	s := started(t, newSource(nil, Freshness{AsOfLSN: 5}), Options{Maintenance: m, MaxLimit: 50, DefaultLimit: 10, DefaultBlockers: 10})
	r := question(t, s, http.MethodGet, "/v1/maintenance?limit=3")
	if r.status != http.StatusOK || r.body["leader"] != "one" || !strings.Contains(r.text, `"limit 3"`) || !strings.Contains(r.text, `"due":7`) {
		t.Errorf("%d %s", r.status, r.text)
	}
	change := func(body string, headers ...string) response {
		return askAt(t, "http://"+s.Addr(), http.MethodPatch, "/v1/maintenance", body, append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	if r := change(`{"service": "retrier", "state": "paused", "reason": "why"}`); r.status != http.StatusOK || len(m.set) != 1 || m.set[0] != "retrier paused why" {
		t.Errorf("%d %s, %q", r.status, r.text, m.set)
	}
	for body, field := range map[string]string{
		`{"service": "nobody", "state": "paused"}`:                      "body.service",
		`{"service": "retrier", "state": "stopped"}`:                    "body.state",
		`{"service": "retrier"}`:                                        "state",
		`{"service": "retrier", "state": "paused", "more": 1}`:          "body.more",
		`{"service": "retrier", "state": "paused", "reason": "\u0000"}`: "body.reason",
		`{"service": "retrier", "state": "paused", "reason": 5}`:        "body.reason",
		`[]`: "body",
		``:   "",
	} {
		if r := change(body); r.status != http.StatusBadRequest || r.body["type"] != ProblemInvalidRequest || !strings.Contains(r.text, field) {
			t.Errorf("%s: %d %s", body, r.status, r.text)
		}
	}
	if len(m.set) != 1 {
		t.Errorf("refused requests have set something: %q", m.set)
	}
	m.err = errors.New("the database is away")
	if r := change(`{"service": "retrier", "state": "running"}`); r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemWriteFailed || !strings.Contains(r.text, "away") {
		t.Errorf("%d %s", r.status, r.text)
	}
	m.err = fmt.Errorf("%w: no", ErrNoService)
	if r := change(`{"service": "retrier", "state": "running"}`); r.status != http.StatusBadRequest {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestWithoutMaintenance(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{})
	if r := question(t, s, http.MethodGet, "/v1/maintenance"); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.text)
	}
	r := askAt(t, "http://"+s.Addr(), http.MethodPatch, "/v1/maintenance", `{"service": "retrier", "state": "paused"}`, "Content-Type", "application/json")
	if r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// TestMayWrite: who may change something, and who may only ask.
func TestMayWrite(t *testing.T) {
	configured, byRole := tokens(t)
	const body = `{"service": "retrier", "state": "paused"}`
	for _, c := range []struct {
		name    string
		options Options
		headers []string
		want    int
	}{
		{"no tokens, this machine", Options{}, nil, http.StatusOK},
		{"no tokens, our own page", Options{}, []string{"Origin", "http://HOST", "Sec-Fetch-Site", "same-origin"}, http.StatusOK},
		{"no tokens, a foreign page", Options{}, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"no tokens, a page that may ask", Options{AllowedOrigins: []string{"https://ops.example"}}, []string{"Origin", "https://ops.example"}, http.StatusForbidden},
		{"no tokens, a foreign page that hides its origin", Options{}, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"no tokens, another port of this machine", Options{}, []string{"Origin", "http://localhost:3000"}, http.StatusForbidden},
		{"tokens, none given", Options{Tokens: configured}, nil, http.StatusUnauthorized},
		{"tokens, a reader", Options{Tokens: configured}, []string{"Authorization", "Bearer " + byRole[Reader]}, http.StatusForbidden},
		{"tokens, a writer", Options{Tokens: configured}, []string{"Authorization", "Bearer " + byRole[Writer]}, http.StatusOK},
		{"tokens, an admin", Options{Tokens: configured}, []string{"Authorization", "Bearer " + byRole[Admin]}, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &services{}
			c.options.Maintenance = m
			s := started(t, newSource(nil, Freshness{}), c.options)
			headers := []string{"Content-Type", "application/json"}
			for _, h := range c.headers {
				headers = append(headers, strings.ReplaceAll(h, "HOST", s.Addr()))
			}
			r := askAt(t, "http://"+s.Addr(), http.MethodPatch, "/v1/maintenance", body, headers...)
			if r.status != c.want || (len(m.set) > 0) != (c.want == http.StatusOK) {
				t.Errorf("%d %s; set %q", r.status, r.text, m.set)
			}
		})
	}
	g := &guard{}
	for address, may := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true, "10.0.0.1:5": false, "[fe80::1%eth0]:5": false, "": false, "@": false} {
		r := httptest.NewRequest(http.MethodPatch, "http://127.0.0.1/v1/maintenance", nil)
		if r.RemoteAddr = address; (g.mayWrite(r) == nil) != may {
			t.Errorf("from %q: %v", address, g.mayWrite(r))
		}
	}
}
