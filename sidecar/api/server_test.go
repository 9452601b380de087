package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func contextWithLocal(r *http.Request, local net.Addr) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local))
}

func TestOptionsAreRefused(t *testing.T) {
	_, hash := NewToken()
	for name, c := range map[string]struct {
		options Options
		says    []string
	}{
		"everything beyond its range at once": {
			Options{MaxWait: time.Hour, MaxLimit: -1, MaxBodyBytes: 1, ReadTimeout: -1},
			[]string{"MaxWait is 1h0m0s", "MaxLimit is -1", "MaxBodyBytes is 1", "ReadTimeout is -1ns", "MaxWait (1h0m0s) must be less than WriteTimeout (30s)"},
		},
		"no address":             {Options{Listen: "8765"}, []string{`"8765" is not an address`}},
		"all addresses":          {Options{Listen: ":8765"}, []string{"refusing to listen on :8765", "no bearer token"}},
		"all IPv4 addresses":     {Options{Listen: "0.0.0.0:8765"}, []string{"refusing to listen"}},
		"all IPv6 addresses":     {Options{Listen: "[::]:8765"}, []string{"refusing to listen"}},
		"a public address":       {Options{Listen: "192.0.2.1:8765"}, []string{"refusing to listen"}},
		"a name":                 {Options{Listen: "db.example:8765"}, []string{"refusing to listen"}},
		"probes beyond":          {Options{ProbeListen: ":9000"}, []string{"refusing to listen on :9000"}},
		"a token twice":          {Options{Tokens: []Token{{"a", Reader, hash}, {"a", Admin, hash}}}, []string{`two tokens have the name "a"`}},
		"a token without a name": {Options{Tokens: []Token{{"", Reader, hash}}}, []string{"token 1 has no name"}},
		"a token without a role": {Options{Tokens: []Token{{"a", NoRole, hash}}}, []string{`"a" has no role`}},
		"a token in plain":       {Options{Tokens: []Token{{"a", Reader, "secret"}}}, []string{"64 hexadecimal digits"}},
		"a host with a port":     {Options{AllowedHosts: []string{"a:1"}}, []string{`"a:1" is not a host name`}},
		"an origin with a path":  {Options{AllowedOrigins: []string{"https://a/b"}}, []string{"https://a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(newSource(nil, Freshness{}), c.options)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q is missing in: %v", words, err)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

// With a token it may listen anywhere; what is only named localhost is looked
// at again when it is bound.
func TestListenBeyondLoopbackWithToken(t *testing.T) {
	token, hash := NewToken()
	s := started(t, newSource(nil, Freshness{}), Options{Listen: "0.0.0.0:0", Tokens: []Token{{"a", Reader, hash}}})
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if r := askAt(t, "http://127.0.0.1:"+port, http.MethodGet, "/v1/status", "", "Authorization", "Bearer "+token); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.text)
	}
	open := &Server{options: Options{}.WithDefaults()}
	if l, err := open.listen(t.Context(), "0.0.0.0:0"); err == nil {
		l.Close()
		t.Error("an open server was bound beyond loopback")
	} else if !strings.Contains(err.Error(), "refusing") {
		t.Error(err)
	}
}

func TestPortTaken(t *testing.T) {
	first := started(t, newSource(nil, Freshness{}), Options{})
	second, err := New(newSource(nil, Freshness{}), Options{Listen: "127.0.0.1:0", ProbeListen: first.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	err = second.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), first.Addr()) || !strings.Contains(err.Error(), "address already in use") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v", err)
	}
	// Nothing of the half-made server is left.
	listener, err := net.Listen("tcp", second.Addr())
	if err != nil {
		t.Errorf("the other listener stayed open: %v", err)
	} else {
		listener.Close()
	}
}

func TestStopTwiceAndBeforeStart(t *testing.T) {
	s, err := New(newSource(nil, Freshness{}), Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Start(t.Context()); err == nil {
		t.Error("started after the stop")
	}
}

// A request that waits is told at once that the server stops; nothing is left.
func TestStopEndsWaiting(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN})
	s, err := New(source, Options{Listen: "127.0.0.1:0", MaxWait: 20 * time.Second, ShutdownTimeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := make(chan response, 1)
	go func() { answer <- question(t, s, http.MethodGet, "/v1/tasks/24/context?min_lsn=FF/0") }()
	<-source.waiting
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if r := <-answer; r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemClosing || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.text)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	block := make(chan struct{})
	entered := make(chan struct{})
	s, err := New(newSource(nil, Freshness{}), Options{Listen: "127.0.0.1:0", ShutdownTimeout: time.Millisecond,
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(entered); <-block })})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r, err := http.Get("http://" + s.Addr() + "/metrics"); err == nil { //nolint:noctx // it is to hang
			r.Body.Close()
		}
	}()
	<-entered
	if err := s.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got %v", err)
	}
	<-done
	close(block)
}

func TestPanicsAreAnsweredAndLogged(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret inside") })})
	r := question(t, s, http.MethodGet, "/metrics")
	if r.status != http.StatusInternalServerError || r.body["type"] != ProblemInternal || strings.Contains(r.text, "secret") || strings.Contains(r.text, "goroutine") {
		t.Errorf("%d %s", r.status, r.text)
	}
}

// What has begun and cannot be finished is cut, so that nobody takes a part for
// the whole.
func TestPanicInTheMiddleCutsTheAnswer(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("half of")) //nolint:errcheck // the test
		panic("in the middle")
	})})
	response, err := http.Get("http://" + s.Addr() + "/metrics") //nolint:noctx // it ends at once
	if err == nil {
		var text []byte
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil {
			t.Errorf("%q came as a whole answer", text)
		}
	}
}

func TestProbeListenerHasProbesOnly(t *testing.T) {
	s := started(t, newSource(nil, Freshness{Stale: true, StaleCause: "loading"}), Options{ProbeListen: "127.0.0.1:0",
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })})
	base := "http://" + s.ProbeAddr()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": http.StatusTeapot, "/v1/status": 404, "/openapi.json": 404, "/v1/tasks/24/steps": 404} {
		if r := askAt(t, base, http.MethodGet, path, ""); r.status != want {
			t.Errorf("%s: %d, want %d", path, r.status, want)
		}
	}
	if r := askAt(t, base, http.MethodPost, "/healthz", ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
}

func TestRequestsAreObserved(t *testing.T) {
	type seen struct {
		route, method string
		status        int
	}
	got := make(chan seen, 1)
	s := started(t, newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN}), Options{
		Observe: func(route, method string, status int, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %v", route, took)
			}
			got <- seen{route, method, status}
		},
	})
	for _, c := range []struct {
		method, path string
		want         seen
	}{
		{"GET", "/v1/tasks/24/steps", seen{"/v1/tasks/{task_id}/steps", "GET", 200}},
		{"GET", "/v1/tasks/25/levels", seen{"/v1/tasks/{task_id}/levels", "GET", 404}},
		{"GET", "/v1/steps/ready?limit=x", seen{"/v1/steps/ready", "GET", 400}},
		{"DELETE", "/v1/steps/ready", seen{"/v1/steps/ready", "DELETE", 405}},
		{"BREW", "/whatever/it/is", seen{"none", "other", 404}},
	} {
		question(t, s, c.method, c.path)
		if g := <-got; g != c.want {
			t.Errorf("%s %s: %+v, want %+v", c.method, c.path, g, c.want)
		}
	}
}

// A client that sends its request too slowly is cut off.
func TestSlowRequestsAreCut(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{ReadHeaderTimeout: 10 * time.Millisecond, ReadTimeout: 10 * time.Millisecond})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: localhost\r\n")); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second)) //nolint:errcheck // the read tells
	for b := make([]byte, 512); err == nil; {
		_, err = conn.Read(b)
	}
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // net's own
		t.Error("the connection was kept")
	}
}
