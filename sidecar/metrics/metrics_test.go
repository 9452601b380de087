package metrics

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// told is a source that tells what it is given.
type told struct {
	mu     sync.Mutex
	status api.Status
	fresh  api.Freshness
}

func (s *told) Status() api.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *told) Current() (*readiness.View, api.Freshness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, s.fresh
}

func full() *told {
	s := &told{fresh: api.Freshness{AsOfLSN: 0x1000, Staleness: 1500 * time.Millisecond, Stale: true, StaleCause: "secret cause"}}
	s.status = api.Status{
		Version: "1.2.3", StartedAt: 5e6, State: "streaming", Ready: true,
		Replication: api.ReplicationStatus{AppliedLSN: 0x1000, LagBytes: 7, LagSeconds: 0.25, WALBehindBytes: 8, SpilledBytes: 9, Transactions: 10, Changes: 11, Reconnects: 12, LastError: "secret error"},
		Load:        api.LoadStatus{Snapshots: 13, Rows: 14, RowsEstimated: 15},
		Index: api.IndexStatus{
			Tasks: 16, Steps: 17, Edges: 18, Bytes: 19, Ready: 20,
			Blocked:   map[tasker.ReasonCode]int64{tasker.ReasonInProcess: 21, "unheard_of": 99},
			Anomalies: map[string]int64{"edge_to_missing_step": 22},
		},
		Verify:      api.VerifyStatus{Passes: 23, Compared: 24, Undecided: 25, Differences: 26, LastAt: 27e6},
		Projection:  api.ProjectionStatus{State: "projecting", WrittenLSN: 28, Flushes: 29, Rows: 30, FlushMillis: 31000, Compactions: 46},
		Events:      api.EventsStatus{Published: 32, Gaps: 33, Unnamed: 34, Readers: 35, Dropped: 36, Queued: 37},
		Maintenance: []api.ServiceStatus{{Service: "retrier", Mode: "act", State: "stopped", Why: "secret", Due: 42, Later: 1, Done: 43, Overtaken: 44, Failed: 45, LastError: "secret"}},
		Writer:      api.WriterStatus{Transactions: 46, Retries: 47, Races: map[string]int64{"deadlock": 48}},
	}
	return s
}

// scraped asks a handler and parses what it says.
func scraped(t *testing.T, m *Metrics) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	text = w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return text, families
}

func TestScrape(t *testing.T) {
	m := New(full())
	m.Observe("/v1/tasks/{task_id}/steps", "GET", 200, 40*time.Microsecond)
	m.Observe("/v1/tasks/{task_id}/steps", "GET", 404, time.Millisecond)
	m.ObserveApply(3 * time.Microsecond)
	m.ObserveTransition("step", "pending", "not_allowed")
	text, _ := scraped(t, m)
	for _, line := range []string{
		`build_info{version="1.2.3"} 1`, "start_time_seconds 5", "ready 1", "stale 1", `state{state="streaming"} 1`,
		"age_seconds 1.5", "lag_bytes 7", "lag_seconds 0.25", "applied_position_bytes 4096", "wal_behind_bytes 8", "wal_spilled_bytes 9",
		"transactions_total 10", "changes_total 11", "reconnects_total 12", "snapshots_total 13", "snapshot_rows 14", "snapshot_estimated_rows 15",
		"tasks 16", "steps 17", "edges 18", "index_bytes 19", "ready_steps 20",
		`blocked_steps{cause="in_process"} 21`, `blocked_steps{cause="not_retryable"} 0`, `anomalies{kind="edge_to_missing_step"} 22`,
		"verify_passes_total 23", "verify_tasks_total 24", "verify_undecided_tasks_total 25", "verify_differences_total 26", "verify_last_pass_time_seconds 27",
		`projection_state{state="projecting"} 1`, "projection_written_position_bytes 28", "projection_flushes_total 29", "projection_rows_total 30", "projection_compactions_total 46", "projection_flush_seconds 31",
		"events_published_total 32", "events_gaps_total 33", "events_unnamed_transitions_total 34", "events_readers 35", "events_readers_dropped_total 36", "events_queued_transitions 37",
		`maintenance_due_acts{service="retrier"} 42`, `maintenance_acts_total{service="retrier"} 43`, `maintenance_overtaken_total{service="retrier"} 44`,
		`maintenance_failures_total{service="retrier"} 45`, `maintenance_stopped{service="retrier"} 1`, `maintenance_halted{service="retrier"} 1`,
		`http_requests_total{code="200",method="GET",route="/v1/tasks/{task_id}/steps"} 1`,
		`http_requests_total{code="404",method="GET",route="/v1/tasks/{task_id}/steps"} 1`,
		`http_request_duration_seconds_count{route="/v1/tasks/{task_id}/steps"} 2`,
		`http_request_duration_seconds_bucket{route="/v1/tasks/{task_id}/steps",le="0.0001"} 1`,
		"apply_duration_seconds_count 1", `apply_duration_seconds_bucket{le="4e-06"} 1`,
		`transitions_total{kind="step",result="not_allowed",to="pending"} 1`, "writer_transactions_total 46", "writer_retries_total 47",
		`writer_races_total{kind="deadlock"} 48`,
	} {
		if !strings.Contains(text, "\ntasker_sidecar_"+line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	for _, leak := range []string{"secret", "unheard_of"} {
		if strings.Contains(text, leak) {
			t.Errorf("%q is told", leak)
		}
	}
	if !strings.Contains(text, "\ngo_goroutines ") || !strings.Contains(text, "\nprocess_resident_memory_bytes ") {
		t.Error("the process's own metrics are missing")
	}
}

func TestValuesAreReadAtEachScrape(t *testing.T) {
	s := full()
	m := New(s)
	scraped(t, m)
	s.mu.Lock()
	s.status.Verify.Differences, s.fresh.Stale = 27, false
	s.mu.Unlock()
	if text, _ := scraped(t, m); !strings.Contains(text, "verify_differences_total 27\n") || !strings.Contains(text, "_stale 0\n") {
		t.Error("old values are told")
	}
}

func TestBeforeAnythingIsKnown(t *testing.T) {
	text, families := scraped(t, New(&told{status: api.Status{Verify: api.VerifyStatus{LastAt: tasker.NoTime}}}))
	if !strings.Contains(text, "\ntasker_sidecar_ready 0\n") || !strings.Contains(text, "verify_last_pass_time_seconds 0\n") || families["tasker_sidecar_blocked_steps"] != nil {
		t.Error(text)
	}
}

var unit = regexp.MustCompile(`_(bytes|seconds|rows|steps|tasks|edges|readers|transitions|total|info)$`)

// The names follow Prometheus' rules, and each says its unit.
func TestNames(t *testing.T) {
	m := New(full())
	m.Observe("none", "GET", 404, time.Millisecond)
	m.ObserveTransition("task", "error", "done")
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	_, families := scraped(t, m)
	for name := range families {
		own, ok := strings.CutPrefix(name, "tasker_sidecar_")
		if !ok {
			continue
		}
		switch own {
		case "ready", "stale", "state", "projection_state", "configuration_pending", "maintenance_due_acts", "maintenance_halted", "maintenance_stopped", "anomalies", "tasks", "steps", "edges": // plain counts and yes or no
		default:
			if !unit.MatchString(name) {
				t.Errorf("%s does not end with its unit", name)
			}
		}
	}
}

// TestPage: docs/metrics.md is what would be generated, and names what is
// scraped and nothing else.
func TestPage(t *testing.T) {
	const file = "../../docs/metrics.md"
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(), string(text)); diff != "" {
		t.Errorf("docs/metrics.md is out of date; go test ./sidecar/metrics -update writes it:\n%s", diff)
	}
	m := New(full())
	m.Observe("none", "GET", 404, time.Millisecond)
	m.ObserveTransition("task", "error", "done")
	_, families := scraped(t, m)
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(string(text), -1) {
		named[match[1]] = true
		if families[match[1]] == nil {
			t.Errorf("%s is documented and not scraped", match[1])
		}
	}
	for name := range families {
		if strings.HasPrefix(name, namespace) && !named[name] {
			t.Errorf("%s is scraped and not documented", name)
		}
	}
}

// TestOverHTTP: the metrics count the very requests that ask for them.
func TestOverHTTP(t *testing.T) {
	source := &everything{full()}
	m := New(source)
	s, err := api.New(source, api.Options{Listen: "127.0.0.1:0", Metrics: m.Handler(), Observe: m.Observe})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop(t.Context()) //nolint:errcheck // nothing runs any more
	var text []byte
	for range 2 {
		response, err := http.Get("http://" + s.Addr() + "/metrics") //nolint:noctx // it ends at once
		if err != nil {
			t.Fatal(err)
		}
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s %v", response.Status, err)
		}
	}
	if !strings.Contains(string(text), `tasker_sidecar_http_requests_total{code="200",method="GET",route="/metrics"} 1`) {
		t.Errorf("the first scrape is not counted in the second:\n%s", text)
	}
}

// everything makes a whole api.Source of what is told.
type everything struct{ *told }

func (*everything) WaitFor(context.Context, tasker.LSN) error { return nil }

func (*everything) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return 0, 0, nil
}
