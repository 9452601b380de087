package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeConfiguration remembers what it was asked for.
type fakeConfiguration struct {
	asked ConfigurationChange
	err   error
}

func (f *fakeConfiguration) Report() ConfigurationReport {
	return ConfigurationReport{Options: []OptionReport{{Key: "http.max_limit", Value: "1000", Layer: "default", Origin: "default", Live: true}}, Pending: []string{}}
}

func (f *fakeConfiguration) WriteSchema(w io.Writer) error {
	_, err := io.WriteString(w, `{"type":"object"}`)
	return err
}

func (f *fakeConfiguration) Change(_ context.Context, c ConfigurationChange) (ConfigurationChanged, error) {
	f.asked = c
	return ConfigurationChanged{Changed: []string{"http.max_limit"}, Pending: []string{}, Shadowed: []string{}, Stored: []int64{7}}, f.err
}

// patch changes the configuration.
func patch(t *testing.T, s *Server, path, body string, headers ...string) response {
	t.Helper()
	return askAt(t, "http://"+s.Addr(), http.MethodPatch, path, body, append([]string{"Content-Type", "application/merge-patch+json"}, headers...)...)
}

// TestConfiguration: it is shown and changed, by a merge patch, and what is wrong
// is said of each option.
func TestConfiguration(t *testing.T) {
	f := &fakeConfiguration{}
	s := started(t, newSource(nil, Freshness{}), Options{Configuration: f})
	if r := question(t, s, http.MethodGet, "/v1/config"); r.status != http.StatusOK || !strings.Contains(r.text, `"key":"http.max_limit"`) {
		t.Errorf("%d %s", r.status, r.text)
	}
	r := patch(t, s, "/v1/config?persist=true&reason=slow%20clients", `{"http": {"max_limit": 500, "allowed_hosts": ["a", "b"]}, "log": {"level": null}, "engine.backoff": {"x": "1s"}}`)
	if r.status != http.StatusOK || r.text != `{"changed":["http.max_limit"],"pending":[],"shadowed":[],"stored":[7]}`+"\n" {
		t.Errorf("%d %s", r.status, r.text)
	}
	got := map[string]string{}
	for key, value := range f.asked.Values {
		got[key] = string(value)
	}
	want := map[string]string{"http.max_limit": "500", "http.allowed_hosts": `["a", "b"]`, "log.level": "null", "engine.backoff.x": `"1s"`}
	if diff := cmp.Diff(want, got); diff != "" || !f.asked.Persist || f.asked.Reason != "slow clients" || f.asked.By != "somebody on the sidecar's machine" {
		t.Errorf("%s %+v", diff, f.asked)
	}
	f.err = &ConfigurationError{[]ConfigurationProblem{{"http.max_limit", "must be between 1 and 100000"}, {"", "together they are wrong"}}}
	if r := patch(t, s, "/v1/config", `{"http": {"max_limit": 0}}`); r.status != http.StatusBadRequest || !strings.Contains(r.text, "body.http.max_limit") || !strings.Contains(r.text, "together they are wrong") {
		t.Errorf("%d %s", r.status, r.text)
	}
	f.err = errors.New("the database is away")
	if r := patch(t, s, "/v1/config", `{"http": {"max_limit": 0}}`); r.status != http.StatusServiceUnavailable || !strings.Contains(r.text, "nothing was changed") {
		t.Errorf("%d %s", r.status, r.text)
	}
	f.err = nil
	for _, bad := range []struct{ path, body, says string }{
		{"/v1/config", ``, "body"}, {"/v1/config", `[]`, "object"}, {"/v1/config", `{}`, "sections"}, {"/v1/config", `{"http": {}}`, "sections"}, {"/v1/config", `null`, "object"},
		{"/v1/config?persist=maybe", `{"a": {"b": 1}}`, "query.persist"}, {"/v1/config?nobody=1", `{"a": {"b": 1}}`, "nobody"}, {"/v1/config?reason=%00", `{"a": {"b": 1}}`, "reason"},
		{"/v1/config", `{"a": {"b": 1}, "a.b": 2}`, "twice"},
	} {
		if r := patch(t, s, bad.path, bad.body); r.status != http.StatusBadRequest || !strings.Contains(r.text, bad.says) {
			t.Errorf("%s %s: %d %s", bad.path, bad.body, r.status, r.text)
		}
	}
	if r := askAt(t, "http://"+s.Addr(), http.MethodPatch, "/v1/config", `{"a": {"b": 1}}`, "Content-Type", "text/plain"); r.status != http.StatusBadRequest {
		t.Errorf("a plain form: %d %s", r.status, r.text)
	}
	without := started(t, newSource(nil, Freshness{}), Options{})
	if r := patch(t, without, "/v1/config", `{"a": {"b": 1}}`); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// TestConfigurationSchema: it is given as what it is, to whoever may read.
func TestConfigurationSchema(t *testing.T) {
	configured, byRole := tokens(t)
	s := started(t, newSource(nil, Freshness{}), Options{Tokens: configured, Configuration: &fakeConfiguration{}})
	for role, token := range byRole {
		r := question(t, s, http.MethodGet, "/v1/config/schema", "Authorization", "Bearer "+token)
		if r.status != http.StatusOK || r.text != `{"type":"object"}` || r.header.Get("Content-Type") != "application/schema+json" {
			t.Errorf("%s: %d %s %s", role, r.status, r.header.Get("Content-Type"), r.text)
		}
		if r := question(t, s, http.MethodGet, "/v1/config/schema?nobody=1", "Authorization", "Bearer "+token); r.status != http.StatusBadRequest || !strings.Contains(r.text, "nobody") {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
	if r := question(t, s, http.MethodGet, "/v1/config/schema"); r.status != http.StatusUnauthorized {
		t.Errorf("%d %s", r.status, r.text)
	}
	without := started(t, newSource(nil, Freshness{}), Options{})
	if r := question(t, without, http.MethodGet, "/v1/config/schema"); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// TestWhoMayChangeTheConfiguration: an admin, and no page of another origin.
func TestWhoMayChangeTheConfiguration(t *testing.T) {
	configured, byRole := tokens(t)
	f := &fakeConfiguration{}
	s := started(t, newSource(nil, Freshness{}), Options{Tokens: configured, Configuration: f})
	for role, token := range byRole {
		want := http.StatusForbidden
		if role == Admin {
			want = http.StatusOK
		}
		if r := patch(t, s, "/v1/config", `{"a": {"b": 1}}`, "Authorization", "Bearer "+token); r.status != want {
			t.Errorf("%s: %d %s", role, r.status, r.text)
		}
		if r := question(t, s, http.MethodGet, "/v1/config", "Authorization", "Bearer "+token); r.status != http.StatusOK {
			t.Errorf("%s may not see it: %d %s", role, r.status, r.text)
		}
	}
	if f.asked.By == "" || strings.Contains(f.asked.By, "somebody") {
		t.Errorf("asked by %q", f.asked.By)
	}
	open := started(t, newSource(nil, Freshness{}), Options{AllowedOrigins: []string{"https://ops.example"}, Configuration: &fakeConfiguration{}})
	for _, headers := range [][]string{{"Origin", "https://ops.example"}, {"Sec-Fetch-Site", "cross-site"}, {"X-Forwarded-For", "10.0.0.1"}} {
		if r := patch(t, open, "/v1/config", `{"a": {"b": 1}}`, headers...); r.status != http.StatusForbidden {
			t.Errorf("%v: %d %s", headers, r.status, r.text)
		}
	}
}
