package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// adopt brings options into force.
func adopt(t *testing.T, s *Server, o Options) {
	t.Helper()
	apply, err := s.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	apply()
}

// TestOptionsChange: while it serves, limits, tokens and origins become others,
// for requests that come from then on, and in the description.
func TestOptionsChange(t *testing.T) {
	source := newSource(nil, Freshness{})
	s := started(t, source, Options{MaxLimit: 50, DefaultLimit: 10})
	status := func(want int, path string, headers ...string) response {
		t.Helper()
		got := question(t, s, http.MethodGet, path, headers...)
		if got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.text)
		}
		return got
	}
	status(http.StatusBadRequest, "/v1/steps/ready?limit=60")
	adopt(t, s, Options{MaxLimit: 70, DefaultLimit: 10})
	status(http.StatusServiceUnavailable, "/v1/steps/ready?limit=60") // there is no view, but the limit is right
	status(http.StatusBadRequest, "/v1/steps/ready?limit=80")
	if got := status(http.StatusOK, "/openapi.json"); !strings.Contains(got.text, `"maximum": 70`) {
		t.Error("the description has the former limit")
	}

	status(http.StatusForbidden, "/v1/status", "Origin", "https://ops.example")
	adopt(t, s, Options{AllowedOrigins: []string{"https://ops.example"}})
	status(http.StatusOK, "/v1/status", "Origin", "https://ops.example")

	token, hash := NewToken()
	adopt(t, s, Options{Tokens: []Token{{Name: "ops", Role: Reader, Hash: hash}}})
	status(http.StatusUnauthorized, "/v1/status")
	status(http.StatusOK, "/v1/status", "Authorization", "Bearer "+token)

	if _, err := s.Prepare(Options{MaxLimit: 10, DefaultLimit: 20, AllowedOrigins: []string{"ops"}}); err == nil ||
		!strings.Contains(err.Error(), "DefaultLimit") || !strings.Contains(err.Error(), "ops") {
		t.Errorf("what is wrong is not refused, all of it: %v", err)
	}
	status(http.StatusUnauthorized, "/v1/status")
}

// TestRequestsKeepTheirOptions: a request that waits goes on by the options that
// held when it came.
func TestRequestsKeepTheirOptions(t *testing.T) {
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN})
	s := started(t, source, Options{MaxWait: 50 * time.Millisecond})
	answered := make(chan string, 1)
	go func() {
		got := question(t, s, http.MethodGet, "/v1/health-counts?min_lsn=FF/0")
		answered <- fmt.Sprintf("%d %s", got.status, got.text)
	}()
	<-source.waiting
	adopt(t, s, Options{MaxWait: 20 * time.Second, RetryAfter: time.Hour})
	if got := <-answered; !strings.Contains(got, "within 50ms") {
		t.Errorf("it is answered by other options: %s", got)
	}
}
