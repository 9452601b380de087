package api

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestNewToken(t *testing.T) {
	token, hash := NewToken()
	other, _ := NewToken()
	if token == other || len(token) < 43 || !strings.HasPrefix(token, "tasker_") {
		t.Errorf("token %q, then %q", token, other)
	}
	if hash != HashToken(token) || strings.Contains(hash, token) || !strings.HasPrefix(hash, "sha256:") {
		t.Errorf("hash %q", hash)
	}
	parsed, err := ParseToken("ops:writer:" + hash)
	if err != nil || parsed != (Token{"ops", Writer, hash}) {
		t.Errorf("%+v %v", parsed, err)
	}
	for _, bad := range []string{"", "ops", token, "ops:reader", "ops:owner:" + hash, "ops:reader:" + token, "ops:reader:sha256:12", ":reader:" + hash, "ops:reader:sha512:" + strings.Repeat("0", 64)} {
		if _, err := ParseToken(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		} else if strings.Contains(err.Error(), token) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// tokens makes one token of each role.
func tokens(t *testing.T) (configured []Token, byRole map[Role]string) {
	t.Helper()
	byRole = map[Role]string{}
	for role := Reader; role <= Admin; role++ {
		token, hash := NewToken()
		byRole[role] = token
		configured = append(configured, Token{Name: role.String(), Role: role, Hash: hash})
	}
	return configured, byRole
}

func TestTokens(t *testing.T) {
	configured, byRole := tokens(t)
	source := newSource(goldenView(t, tasker.RulesV02), Freshness{AsOfLSN: goldenLSN})
	s := started(t, source, Options{Tokens: configured, ProbeListen: "127.0.0.1:0", Metrics: http.NotFoundHandler()})
	for _, base := range []string{"http://" + s.Addr(), "http://" + s.ProbeAddr()} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if r := askAt(t, base, http.MethodGet, path, ""); r.status != http.StatusOK {
				t.Errorf("%s without a token: %d", path, r.status)
			}
		}
		if r := askAt(t, base, http.MethodGet, "/metrics", ""); r.status != http.StatusUnauthorized {
			t.Errorf("metrics without a token: %d", r.status)
		}
		if r := askAt(t, base, http.MethodGet, "/metrics", "", "Authorization", "Bearer "+byRole[Reader]); r.status != http.StatusNotFound { // the handler's answer
			t.Errorf("metrics with a token: %d", r.status)
		}
	}
	for _, path := range append([]string{"/v1/status", "/openapi.json", "/nothing"}, everyQuestion...) {
		r := question(t, s, http.MethodGet, path)
		if r.status != http.StatusUnauthorized || r.body["type"] != ProblemUnauthorized || r.header.Get("WWW-Authenticate") != `Bearer realm="tasker-sidecar"` {
			t.Errorf("%s without a token: %d %v", path, r.status, r.header)
		}
	}
	for _, header := range []string{"Bearer wrong", "Bearer " + byRole[Reader] + "x", "Bearer " + byRole[Reader][:20], "Bearer sha256:00", "Bearer " + configured[0].Hash} {
		r := question(t, s, http.MethodGet, "/v1/status", "Authorization", header)
		if r.status != http.StatusUnauthorized || !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") || strings.Contains(r.text, header[7:]) {
			t.Errorf("%s: %d %v %s", header, r.status, r.header, r.text)
		}
	}
	if r := question(t, s, http.MethodGet, "/v1/status", "Authorization", "Basic "+byRole[Reader]); r.status != http.StatusUnauthorized {
		t.Errorf("another scheme: %d", r.status)
	}
	for role, token := range byRole {
		for _, scheme := range []string{"Bearer ", "bearer "} {
			if r := question(t, s, http.MethodGet, "/v1/tasks/24/steps", "Authorization", scheme+token); r.status != http.StatusOK {
				t.Errorf("%s: %d %s", role, r.status, r.text)
			}
		}
	}
}

func TestReadyzTellsTheCauseToThoseWhoMayKnow(t *testing.T) {
	configured, byRole := tokens(t)
	s := started(t, newSource(nil, Freshness{Stale: true, StaleCause: "cannot reach db.internal"}), Options{Tokens: configured})
	if r := question(t, s, http.MethodGet, "/readyz"); r.status != http.StatusServiceUnavailable || strings.Contains(r.text, "db.internal") {
		t.Errorf("to anybody: %d %s", r.status, r.text)
	}
	if r := question(t, s, http.MethodGet, "/readyz", "Authorization", "Bearer "+byRole[Reader]); r.status != http.StatusServiceUnavailable || !strings.Contains(r.text, "db.internal") {
		t.Errorf("to a reader: %d %s", r.status, r.text)
	}
}

func TestARoleThatIsNotEnough(t *testing.T) {
	_, hash := NewToken()
	token, lesser := NewToken()
	g := guard{keys: keyring{{"none", NoRole, mustParse(t, lesser)}, {"reader", Reader, mustParse(t, hash)}}}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/status", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if _, problem := g.check(httptest.NewRecorder(), r); problem == nil {
		t.Error("let in")
	}
}

func mustParse(t *testing.T, hash string) [32]byte {
	t.Helper()
	sum, err := parseHash(hash)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestHosts(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{AllowedHosts: []string{"Sidecar.Example"}})
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "LOCALHOST:" + port, "127.0.0.1:" + port, "127.0.0.1", "[::1]:" + port, "127.8.9.10", "sidecar.example", "SIDECAR.example.:99"} {
		if r := question(t, s, http.MethodGet, "/healthz", "Host", host); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", host, r.status, r.text)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:" + port, "localhost.evil.example", "127.0.0.1.evil.example", "sidecar.example.evil", "10.1.2.3", "0.0.0.0:" + port, "[fe80::1]", "localhost:80:80"} {
		if r := question(t, s, http.MethodGet, "/healthz", "Host", host); r.status != http.StatusMisdirectedRequest || r.body["type"] != ProblemMisdirected {
			t.Errorf("%s: %d %s", host, r.status, r.text)
		}
	}
}

// A request to the address that the client connected to is let in, whatever
// the address is.
func TestHostIsTheConnectionsOwnAddress(t *testing.T) {
	g := guard{}
	r := httptest.NewRequest(http.MethodGet, "http://192.0.2.7:8765/healthz", nil)
	if g.knownHost(r) {
		t.Error("an address without a connection is known")
	}
	for local, want := range map[string]bool{"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.8": false} {
		ctx := contextWithLocal(r, &net.TCPAddr{IP: net.ParseIP(local), Port: 8765})
		if got := g.knownHost(ctx); got != want {
			t.Errorf("connected to %s: %v", local, got)
		}
	}
}

func TestOrigins(t *testing.T) {
	s := started(t, newSource(nil, Freshness{}), Options{AllowedOrigins: []string{"https://ops.example"}})
	for _, origin := range []string{"https://ops.example", "http://" + s.Addr()} {
		r := question(t, s, http.MethodGet, "/healthz", "Origin", origin)
		if r.status != http.StatusOK || r.header.Get("Access-Control-Allow-Origin") != origin || r.header.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", origin, r.status, r.header)
		}
		r = question(t, s, http.MethodOptions, "/v1/contexts", "Origin", origin, "Access-Control-Request-Method", "POST")
		if r.status != http.StatusNoContent || !strings.Contains(r.header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("preflight of %s: %d %v", origin, r.status, r.header)
		}
	}
	for _, origin := range []string{"https://evil.example", "null", "http://ops.example", "https://ops.example.evil", "http://localhost:1"} {
		r := question(t, s, http.MethodGet, "/healthz", "Origin", origin)
		if r.status != http.StatusForbidden || r.body["type"] != ProblemForbidden || r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, r.status, r.header)
		}
	}
	if r := question(t, s, http.MethodGet, "/healthz"); r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", r.header)
	}
}
