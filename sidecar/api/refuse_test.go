package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestUnknownIDs(t *testing.T) {
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}), Options{})
	for _, path := range []string{
		"/v1/tasks/1/steps", "/v1/tasks/-1/steps", "/v1/tasks/9223372036854775807/context", "/v1/tasks/0/levels", "/v1/tasks/1/reasons",
		"/v1/steps/1", "/v1/steps/-9223372036854775808/reasons", "/v1/nothing", "/", "/v2/status",
	} {
		r := question(t, s, http.MethodGet, path)
		if r.status != http.StatusNotFound || r.body["type"] != ProblemNotFound || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", path, r.status, r.header.Get("Content-Type"), r.text)
		}
	}
	// Among several, unknown ones are left out, as the functions do.
	r := question(t, s, http.MethodGet, "/v1/contexts?task_id=1&task_id=24")
	if contexts, _ := r.body["contexts"].([]any); r.status != http.StatusOK || len(contexts) != 1 {
		t.Errorf("contexts: %d %s", r.status, r.text)
	}
	r = question(t, s, http.MethodGet, "/v1/tasks/24/steps?step_id=1")
	if steps, _ := r.body["steps"].([]any); r.status != http.StatusOK || len(steps) != 0 {
		t.Errorf("steps: %d %s", r.status, r.text)
	}
}

// Every bad field is refused with its name and its value, whatever the route.
func TestBadInput(t *testing.T) {
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}),
		Options{MaxBatchIDs: 3, MaxLimit: 50, DefaultLimit: 10, DefaultBlockers: 10})
	type bad struct{ path, location, value string }
	cases := []bad{
		{"/v1/tasks/abc/steps", "path.task_id", "abc"},
		{"/v1/tasks/9223372036854775808/steps", "path.task_id", "9223372036854775808"},
		{"/v1/tasks/-9223372036854775809/context", "path.task_id", "-9223372036854775809"},
		{"/v1/tasks/99999999999999999999/levels", "path.task_id", "99999999999999999999"},
		{"/v1/tasks/1.5/reasons", "path.task_id", "1.5"},
		{"/v1/tasks/+1/levels", "path.task_id", "+1"},
		{"/v1/tasks/1%00/steps", "path.task_id", "1\x00"},
		{"/v1/tasks/%FF/levels", "path.task_id", "\uFFFD"},
		{"/v1/steps/0x10", "path.workflow_step_id", "0x10"},
		{"/v1/steps/1e3/reasons", "path.workflow_step_id", "1e3"},
		{"/v1/tasks/24/steps?step_id=-", "query.step_id", "-"},
		{"/v1/tasks/24/steps?step_id=1,2", "query.step_id", "1,2"},
		{"/v1/tasks/24/steps?derived=1", "query.derived", "1"},
		{"/v1/contexts?task_id=9223372036854775808", "query.task_id", "9223372036854775808"},
		{"/v1/contexts?task_id=1&task_id=2&task_id=3&task_id=4", "query.task_id", "4"},
		{"/v1/contexts?task_id=x%00y", "query.task_id", "x\x00y"},
		{"/v1/steps?task_id=x", "query.task_id", "x"},
		{"/v1/dag?task_id=x", "query.task_id", ""},
		{"/v1/dag?task_id=1&task_id=2&task_id=3&task_id=4", "query.task_id", ""},
		{"/v1/steps/ready?limit=51", "query.limit", "51"},
		{"/v1/steps/ready?limit=-1", "query.limit", "-1"},
		{"/v1/steps/ready?limit=0", "query.limit", "0"},
		{"/v1/steps/ready?limit=1e2", "query.limit", "1e2"},
		{"/v1/steps/ready?limit=9223372036854775808", "query.limit", "9223372036854775808"},
		{"/v1/steps/ready?after=1", "query.after", "1"},
		{"/v1/steps/ready?after=9999999999999999999.1", "query.after", "9999999999999999999.1"},
		{"/v1/steps/slowest?limit=-5", "query.limit", "-5"},
		{"/v1/tasks/slowest?limit=2147483648", "query.limit", "2147483648"},
		{"/v1/tasks/slowest?since=yesterday", "query.since", "yesterday"},
		{"/v1/tasks/slowest?namespace=a%00b", "query.namespace", "a\x00b"},
		{"/v1/tasks/slowest?version=%ff", "query.version", "\uFFFD"},
		{"/v1/analytics?since=infinity", "query.since", "infinity"},
		{"/v1/analytics?since=2026-01-31", "query.since", "2026-01-31"},
		{"/v1/analytics?since=2026-01-31T12:00:00+01:00", "query.since", "2026-01-31T12:00:00 01:00"},
		{"/v1/steps/1004/reasons?blockers=-1", "query.blockers", "-1"},
		{"/v1/tasks/24/reasons?blockers=51", "query.blockers", "51"},
		{"/v1/tasks/24/reasons?limit=51", "query.limit", "51"},
		{"/v1/tasks/24/reasons?after=x", "query.after", "x"},
		{"/v1/health-counts?derived=maybe", "query.derived", "maybe"},
		{"/v1/status?verbose=true", "query.verbose", "true"},
	}
	for _, path := range everyQuestion {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		cases = append(cases,
			bad{path + separator + "no_such=1", "query.no_such", "1"},
			bad{path + separator + "min_lsn=12345", "query.min_lsn", "12345"},
			bad{path + separator + "min_lsn=1/123456789", "query.min_lsn", "1/123456789"},
			bad{path + separator + "min_lsn=", "query.min_lsn", ""},
			bad{path + separator + "min_lsn=0/1&min_lsn=0/1", "query.min_lsn", "0/1"},
			bad{path + separator + "min_lsn=0/1%00", "query.min_lsn", "0/1\x00"},
			bad{path + separator + "min_lsn=%zz", "query.min_lsn", "min_lsn=%zz"},
		)
	}
	for _, c := range cases {
		r := question(t, s, http.MethodGet, c.path)
		if r.status != http.StatusBadRequest || r.body["type"] != ProblemInvalidRequest || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", c.path, r.status, r.text)
			continue
		}
		wantDetail(t, c.path, r, c.location, c.value)
	}
}

func wantDetail(t *testing.T, what string, r response, location, value string) {
	t.Helper()
	details, _ := r.body["errors"].([]any)
	if len(details) == 0 {
		t.Errorf("%s: no errors are named: %s", what, r.text)
		return
	}
	for _, d := range details {
		detail := d.(map[string]any)
		if given, _ := detail["value"].(string); detail["location"] == location && detail["message"] != "" && (value == "" || given == value || !isText(detail["value"])) {
			if text, _ := r.body["detail"].(string); !strings.Contains(text, location) {
				t.Errorf("%s: the detail does not name the field: %s", what, text)
			}
			if !isText(detail["value"]) && detail["value"] != nil && !strings.Contains(r.text, `"value":`+value) {
				t.Errorf("%s: the value is not given: %s", what, r.text)
			}
			return
		}
	}
	t.Errorf("%s: want an error at %s with value %q: %s", what, location, value, r.text)
}

func isText(v any) bool { _, ok := v.(string); return ok }

func TestBadBodies(t *testing.T) {
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}), Options{MaxBodyBytes: 1 << 10, MaxBatchIDs: 3})
	base := "http://" + s.Addr()
	for body, location := range map[string]string{
		``: "body", `{}`: "body.task_ids", `{"task_ids":[1,"2"]}`: "body.task_ids[1]", `{"task_ids":[9223372036854775808]}`: "body.task_ids[0]",
		`{"task_ids":[1],"limit":3}`: "body.limit", `{"task_ids":[1,2,3,4]}`: "body.task_ids", "{\"task_ids\":[\"\x00\"]}": "body.task_ids[0]",
	} {
		r := askAt(t, base, http.MethodPost, "/v1/contexts", body, "Content-Type", "application/json")
		if r.status != http.StatusBadRequest || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", body, r.status, r.text)
			continue
		}
		wantDetail(t, body, r, location, "")
	}
	if r := askAt(t, base, http.MethodPost, "/v1/contexts", `{"task_ids":[`+strings.Repeat(" ", 2000)+`1]}`); r.status != http.StatusRequestEntityTooLarge || r.body["type"] != ProblemTooLarge {
		t.Errorf("too large: %d %s", r.status, r.text)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ";"} {
		if r := askAt(t, base, http.MethodPost, "/v1/contexts", `{"task_ids":[24]}`, "Content-Type", kind); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", kind, r.status, r.text)
		} else {
			wantDetail(t, kind, r, "header.Content-Type", kind)
		}
	}
	if r := askAt(t, base, http.MethodPost, "/v1/contexts?limit=1", `{"task_ids":[24]}`); r.status != http.StatusBadRequest {
		t.Errorf("an unknown parameter beside a body: %d %s", r.status, r.text)
	}
	if r := askAt(t, base, http.MethodPost, "/v1/contexts", `{"task_ids":[]}`, "Content-Type", "application/json; charset=utf-8"); r.status != http.StatusOK || len(r.body["contexts"].([]any)) != 0 {
		t.Errorf("an empty list: %d %s", r.status, r.text)
	}
}

func TestOtherMethods(t *testing.T) {
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}), Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "BREW"} {
		for _, path := range []string{"/v1/tasks/24/steps", "/v1/steps/ready", "/v1/steps/1004", "/healthz", "/metrics", "/openapi.json"} {
			r := question(t, s, method, path)
			if r.status != http.StatusMethodNotAllowed || r.body["type"] != ProblemMethodNotAllowed || r.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d %s %s", method, path, r.status, r.header.Get("Allow"), r.text)
			}
		}
	}
	if r := question(t, s, http.MethodDelete, "/v1/contexts"); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("contexts: %d %s", r.status, r.header.Get("Allow"))
	}
	r := question(t, s, http.MethodHead, "/v1/tasks/24/steps")
	if r.status != http.StatusOK || r.text != "" || r.header.Get(HeaderAsOfLSN) != "16/B374D848" {
		t.Errorf("HEAD: %d %v %q", r.status, r.header, r.text)
	}
}
