package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard decides whether a request is let in, before anything of it is used.
type guard struct {
	keys    keyring
	hosts   []string // lower case, without port
	origins []string
}

// Header values that every answer has; shared, because they are never changed.
var (
	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"}
	// A script or an image tag of another site gets nothing to look at.
	sameOrigin = []string{"same-origin"}
)

func setCommonHeaders(h http.Header) {
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
	h["Cross-Origin-Resource-Policy"] = sameOrigin
}

// open are the routes that need no token: they say no more than alive or not,
// ready or not.
func open(path string) bool { return path == pathHealthz || path == pathReadyz }

// check returns why a request is not let in, or nil. It answers a browser's
// preflight itself, and then says done.
func (g *guard) check(w http.ResponseWriter, r *http.Request) (done bool, problem *Problem) {
	if !g.knownHost(r) {
		return false, newProblem(http.StatusMisdirectedRequest, ProblemMisdirected,
			"this server does not answer for the host %s; call it by its address or by localhost, or add the name to the allowed hosts", quoted(r.Host))
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if !g.knownOrigin(r, origin) {
			return false, newProblem(http.StatusForbidden, ProblemForbidden,
				"pages of %s may not ask here; add the origin to the allowed origins if they should", quoted(origin))
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Expose-Headers", strings.Join([]string{HeaderAsOfLSN, HeaderStaleness, HeaderStale, HeaderStaleCause, HeaderRequestID, "Retry-After"}, ", "))
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH")
			h.Set("Access-Control-Allow-Headers", strings.Join([]string{"Authorization", "Content-Type", HeaderKey, HeaderRequestID, "Last-Event-ID"}, ", "))
			w.WriteHeader(http.StatusNoContent)
			return true, nil
		}
	}
	if neededRole(r) >= Writer {
		if problem := g.mayWrite(r); problem != nil {
			return false, problem
		}
	}
	if len(g.keys) == 0 || open(r.URL.Path) {
		return false, nil
	}
	switch role, given := g.role(r); {
	case role >= neededRole(r):
		return false, nil
	case role == NoRole:
		if given {
			w.Header().Set("WWW-Authenticate", `Bearer realm="tasker-sidecar", error="invalid_token"`)
			return false, newProblem(http.StatusUnauthorized, ProblemUnauthorized, "the bearer token is not one of those configured")
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="tasker-sidecar"`)
		return false, newProblem(http.StatusUnauthorized, ProblemUnauthorized, "a bearer token is needed: send the header Authorization: Bearer <token>")
	default:
		return false, newProblem(http.StatusForbidden, ProblemForbidden,
			"the token's role is %s, and this needs %s", role, neededRole(r))
	}
}

// mayWrite refuses a request that is to change something, where no token says who
// asks: from another machine, also one that a proxy asks for, under a name that
// is not this machine's own, or from a page of another origin, be it one that may
// read. Where tokens are configured they decide.
func (g *guard) mayWrite(r *http.Request) *Problem {
	if len(g.keys) > 0 {
		return nil
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	proxied := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
	if err != nil || !from.Addr().Unmap().IsLoopback() || !loopbackName(hostOnly(r.Host)) || proxied {
		return newProblem(http.StatusForbidden, ProblemForbidden, "without tokens, changes are accepted from this machine alone; configure http.tokens with one of the role writer")
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if origin != "" && origin != "http://"+r.Host || site != "" && site != "same-origin" && site != "none" {
		return newProblem(http.StatusForbidden, ProblemForbidden, "without tokens, no page of another origin may change anything; configure http.tokens with one of the role writer")
	}
	return nil
}

// neededRole is what a request needs: who only asks is a reader, whatever the
// method; a verification sets the database to work, and what else is posted
// changes something.
func neededRole(r *http.Request) Role {
	switch {
	case r.URL.Path == pathVerify, r.URL.Path == pathConfiguration && r.Method == http.MethodPatch:
		return Admin
	case r.Method == http.MethodPatch || r.Method == http.MethodPost && r.URL.Path != pathContexts:
		return Writer
	}
	return Reader
}

// role finds the role of the request's token, and whether there was any.
func (g *guard) role(r *http.Request) (role Role, given bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" || !strings.EqualFold(scheme, "Bearer") {
		return NoRole, false
	}
	_, role = g.keys.find(strings.TrimSpace(token))
	return role, true
}

// name says who asks, for what is kept of a change.
func (g *guard) name(r *http.Request) string {
	if len(g.keys) == 0 {
		return "somebody on the sidecar's machine"
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	name, _ := g.keys.find(strings.TrimSpace(token))
	return name
}

// trusted says whether the request may be told why something is wrong.
func (g *guard) trusted(r *http.Request) bool {
	if len(g.keys) == 0 {
		return true
	}
	role, _ := g.role(r)
	return role >= Reader
}

// knownHost says whether the name by which the client calls us is one of ours:
// localhost, a loopback address, a configured name, or the very address that
// the client connected to. A name that somebody else points at us is none.
func (g *guard) knownHost(r *http.Request) bool {
	host := hostOnly(r.Host)
	if loopbackName(host) {
		return true
	}
	if slices.Contains(g.hosts, strings.ToLower(strings.TrimSuffix(host, "."))) {
		return true
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap().WithZone("") == address.Unmap().WithZone("")
}

// knownOrigin: the server's own pages, and those configured.
func (g *guard) knownOrigin(r *http.Request, origin string) bool {
	return origin == "http://"+r.Host || slices.Contains(g.origins, origin)
}

// hostOnly cuts the port off a Host header.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}
