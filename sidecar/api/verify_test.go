package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestVerify(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	source := newSource(view, Freshness{AsOfLSN: goldenLSN, Staleness: 2 * time.Millisecond})
	entered, result := make(chan struct{}, 1), make(chan error, 1)
	configured, byRole := tokens(t)
	s := started(t, source, Options{Tokens: configured, Verify: func(ctx context.Context) (*verify.Report, error) {
		entered <- struct{}{}
		select {
		case err := <-result:
			return &verify.Report{Tasks: 3, DifferenceCount: 1, Differences: []verify.Difference{{Question: "get_step_readiness_status", TaskID: 24, Field: "attempts", Database: "1", Index: "2"}}, AsOfLSN: goldenLSN}, err
		case <-ctx.Done():
			return &verify.Report{}, ctx.Err()
		}
	}})
	base, admin := "http://"+s.Addr(), "Bearer "+byRole[Admin]
	for _, role := range []Role{Reader, Writer} {
		if r := askAt(t, base, http.MethodPost, "/v1/verify", "", "Authorization", "Bearer "+byRole[role]); r.status != http.StatusForbidden || !strings.Contains(r.text, "needs admin") {
			t.Errorf("%s: %d %s", role, r.status, r.text)
		}
	}
	if r := askAt(t, base, http.MethodGet, "/v1/verify", "", "Authorization", admin); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.status)
	}
	if r := askAt(t, base, http.MethodPost, "/v1/verify?tasks=3", "", "Authorization", admin); r.status != http.StatusBadRequest {
		t.Errorf("an unknown parameter: %d", r.status)
	}

	answer := make(chan response, 1)
	start := func() { answer <- askAt(t, base, http.MethodPost, "/v1/verify", "", "Authorization", admin) }
	go start()
	<-entered
	if r := askAt(t, base, http.MethodPost, "/v1/verify", "", "Authorization", admin); r.status != http.StatusConflict || r.body["type"] != ProblemBusy {
		t.Errorf("a second one: %d %s", r.status, r.text)
	}
	result <- nil
	r := <-answer
	if r.status != http.StatusOK || r.body["difference_count"] != 1.0 || r.body["as_of_lsn"] != "16/B374D848" || r.body["staleness_ms"] != 2.0 || r.body["stale"] != false {
		t.Errorf("%d %s", r.status, r.text)
	}
	if !strings.Contains(r.text, `"field":"attempts"`) || r.header.Get(HeaderAsOfLSN) != "16/B374D848" {
		t.Errorf("%v %s", r.header, r.text)
	}

	go start()
	<-entered
	result <- errors.New("the database went away")
	if r := <-answer; r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemVerifyFailed || !strings.Contains(r.text, "went away") {
		t.Errorf("%d %s", r.status, r.text)
	}

	// Stopping ends it.
	go start()
	<-entered
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if r := <-answer; r.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestVerifyWhereThereIsNone(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{})
	if r := question(t, s, http.MethodPost, "/v1/verify"); r.status != http.StatusNotFound || r.body["type"] != ProblemNotFound {
		t.Errorf("%d %s", r.status, r.text)
	}
}
