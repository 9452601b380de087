package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// response is an answer with its body read.
type response struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// question sends a request without a body to a listening server.
func question(t testing.TB, s *Server, method, path string, headers ...string) response {
	t.Helper()
	return askAt(t, "http://"+s.Addr(), method, path, "", headers...)
}

func askAt(t testing.TB, base, method, path, body string, headers ...string) response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	out := response{status: r.StatusCode, header: r.Header}
	var text strings.Builder
	if _, err := io.Copy(&text, r.Body); err != nil {
		t.Fatal(err)
	}
	out.text = text.String()
	if strings.Contains(r.Header.Get("Content-Type"), "json") && out.text != "" {
		if err := json.Unmarshal([]byte(out.text), &out.body); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, out.text)
		}
	}
	return out
}

// everyQuestion are addresses of all routes that ask the index, with ids that
// the golden data have.
var everyQuestion = []string{
	"/v1/tasks/24/steps", "/v1/tasks/24/steps?derived=true", "/v1/tasks/24/context", "/v1/tasks/24/context?derived=true", "/v1/tasks/24/levels", "/v1/tasks/24/analysis", "/v1/tasks/24/reasons",
	"/v1/steps?task_id=24", "/v1/steps?task_id=24&derived=true", "/v1/contexts?task_id=24&task_id=10", "/v1/contexts?task_id=24&derived=true", "/v1/steps/1004", "/v1/steps/1004/reasons",
	"/v1/steps/ready", "/v1/steps/slowest", "/v1/tasks/slowest", "/v1/dag?task_id=24", "/v1/health-counts", "/v1/analytics",
}

func TestEveryAnswerSaysWhatItReflects(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	source := newSource(view, Freshness{})
	s := started(t, source, Options{})
	for _, path := range append([]string{"/v1/status"}, everyQuestion...) {
		source.set(view, Freshness{AsOfLSN: goldenLSN, Staleness: 1234567 * time.Microsecond})
		fresh := question(t, s, http.MethodGet, path)
		if fresh.status != http.StatusOK || fresh.body["as_of_lsn"] != "16/B374D848" || fresh.body["staleness_ms"] != 1234.0 || fresh.body["stale"] != false {
			t.Errorf("%s: %d %v %v %v", path, fresh.status, fresh.body["as_of_lsn"], fresh.body["staleness_ms"], fresh.body["stale"])
		}
		if _, ok := fresh.body["stale_cause"]; ok || fresh.header.Get(HeaderStale) != "" || fresh.header.Get(HeaderStaleCause) != "" {
			t.Errorf("%s: a fresh answer has a cause of staleness", path)
		}
		if fresh.header.Get(HeaderAsOfLSN) != "16/B374D848" || fresh.header.Get(HeaderStaleness) != "1234" {
			t.Errorf("%s: headers %v", path, fresh.header)
		}

		cause := "the publication was altered: «tasks»\nis gone"
		source.set(view, Freshness{AsOfLSN: goldenLSN, Staleness: time.Minute, Stale: true, StaleCause: cause})
		stale := question(t, s, http.MethodGet, path)
		if stale.status != http.StatusOK || stale.body["stale"] != true || stale.body["stale_cause"] != cause {
			t.Errorf("%s: a stale answer does not say so: %d %v %v", path, stale.status, stale.body["stale"], stale.body["stale_cause"])
		}
		if stale.header.Get(HeaderStale) != "true" || !strings.HasPrefix(stale.header.Get(HeaderStaleCause), "the publication was altered") {
			t.Errorf("%s: headers %v", path, stale.header)
		}
	}
}

func TestBeforeTheFirstLoad(t *testing.T) {
	s := started(t, newSource(nil, Freshness{Stale: true, StaleCause: "loading the snapshot, 12 % done"}), Options{RetryAfter: 1500 * time.Millisecond})
	for _, path := range append([]string{"/readyz", "/v1/contexts?task_id=1&min_lsn=0/0"}, everyQuestion...) {
		r := question(t, s, http.MethodGet, path)
		if r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemNotReady || r.header.Get("Retry-After") != "2" ||
			!strings.Contains(r.body["detail"].(string), "12 %") || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", path, r.status, r.header, r.text)
		}
	}
	if r := question(t, s, http.MethodGet, "/healthz"); r.status != http.StatusOK {
		t.Errorf("healthz: %d", r.status)
	}
	if r := question(t, s, http.MethodGet, "/v1/status"); r.status != http.StatusOK || r.body["stale"] != true {
		t.Errorf("status: %d %s", r.status, r.text)
	}
}

func TestReadyz(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	source := newSource(view, Freshness{AsOfLSN: goldenLSN})
	s := started(t, source, Options{})
	if r := question(t, s, http.MethodGet, "/readyz"); r.status != http.StatusOK || r.body["as_of_lsn"] != "16/B374D848" {
		t.Errorf("%d %s", r.status, r.text)
	}
	source.set(view, Freshness{AsOfLSN: goldenLSN, Stale: true, StaleCause: "the connection was lost"})
	r := question(t, s, http.MethodGet, "/readyz")
	if r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemStale || !strings.Contains(r.text, "the connection was lost") || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestMinLSNIsWaitedFor(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	source := newSource(view, Freshness{})
	s := started(t, source, Options{MaxWait: 25 * time.Second})
	for _, path := range everyQuestion {
		source.set(view, Freshness{AsOfLSN: goldenLSN - 1})
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		answer := make(chan response, 1)
		go func() { answer <- question(t, s, http.MethodGet, path+separator+"min_lsn=16/B374D848") }()
		if lsn := <-source.waiting; lsn != goldenLSN {
			t.Errorf("%s waits for %s", path, lsn)
		}
		source.set(view, Freshness{AsOfLSN: goldenLSN})
		if r := <-answer; r.status != http.StatusOK || r.body["as_of_lsn"] != "16/B374D848" {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
}

func TestMinLSNReachedAlreadyDoesNotWait(t *testing.T) {
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN})
	s := started(t, source, Options{})
	if r := question(t, s, http.MethodGet, "/v1/tasks/24/steps?min_lsn=16%2FB374D847"); r.status != http.StatusOK || len(source.waiting) != 0 {
		t.Errorf("%d, %d waited", r.status, len(source.waiting))
	}
}

func TestMinLSNNotReachedInTime(t *testing.T) {
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN, Staleness: time.Second})
	s := started(t, source, Options{MaxWait: time.Millisecond, RetryAfter: 3 * time.Second})
	for _, path := range []string{"/v1/tasks/24/steps", "/v1/tasks/24/levels"} {
		r := question(t, s, http.MethodGet, path+"?min_lsn=16/B374D850")
		if r.status != http.StatusServiceUnavailable || r.body["type"] != "not-yet-applied" || r.header.Get("Retry-After") != "3" ||
			r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %v %s", path, r.status, r.header, r.text)
		}
		if r.body["min_lsn"] != "16/B374D850" || r.body["as_of_lsn"] != "16/B374D848" || r.body["bytes_behind"] != 8.0 || r.body["staleness_ms"] != 1000.0 {
			t.Errorf("%s: how far it is: %s", path, r.text)
		}
	}
}

// A reload can put an older view in place between the wait and the answer.
func TestMinLSNIsNeverUndercut(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	source := &undercutting{settableSource: newSource(view, Freshness{AsOfLSN: goldenLSN - 1})}
	s := started(t, source, Options{})
	if r := question(t, s, http.MethodGet, "/v1/tasks/24/steps?min_lsn=16/B374D848"); r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemNotYetApplied {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// undercutting says that a position is reached and shows an older one.
type undercutting struct{ *settableSource }

func (*undercutting) WaitFor(context.Context, tasker.LSN) error { return nil }

func TestHealthCountsWithoutTheDatabase(t *testing.T) {
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN})
	source.connectionsErr = errors.New("password authentication failed for user x")
	s := started(t, source, Options{})
	r := question(t, s, http.MethodGet, "/v1/health-counts?derived=true")
	if r.status != http.StatusOK || r.body["active_connections"] != nil || r.body["max_connections"] != nil || r.body["connections_error"] == nil {
		t.Errorf("%d %s", r.status, r.text)
	}
	if strings.Contains(r.text, "password") {
		t.Errorf("the database's error is told: %s", r.text)
	}
	derived, _ := r.body["derived"].(map[string]any)
	if derived == nil || derived["health_score"] != nil || derived["rates"] == nil {
		t.Errorf("derived: %v", derived)
	}
}
