package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
)

// Options configures a server. The zero value of a field means its default.
type Options struct {
	// Listen is the address of the API, host:port; port 0 takes a free one. An
	// address beyond loopback needs Tokens. Defaults to 127.0.0.1:8765.
	Listen string
	// ProbeListen is the address of a second listener that has only /healthz,
	// /readyz and /metrics, for probes and scrapers. An address beyond loopback
	// needs Tokens (for /metrics). Defaults to none.
	ProbeListen string

	// Tokens are who may ask. With none, everybody who can connect may, and
	// only loopback can be listened on. With any, every route but /healthz and
	// /readyz asks for one, also on loopback. Defaults to none.
	Tokens []Token
	// AllowedHosts are names, without port, by which a client may call this
	// server, besides localhost and the address it connected to. A request for
	// any other host is refused, which keeps a web page from reaching the
	// server through a name of its own (DNS rebinding). Defaults to none.
	AllowedHosts []string
	// AllowedOrigins are origins, such as https://ops.example, whose pages may
	// ask from a browser. Defaults to none but the server's own.
	AllowedOrigins []string

	// MaxWait bounds how long a request with min_lsn waits. Range 1ms to 5m;
	// less than WriteTimeout. Defaults to 5s.
	MaxWait time.Duration
	// RetryAfter is what clients are told to wait when the index is not ready
	// or not far enough; rounded up to whole seconds. Range 1s to 1h. Defaults
	// to 1s.
	RetryAfter time.Duration
	// ConnectionsTimeout bounds asking the database for its connections in
	// /v1/health-counts; without an answer the two are null. Range 1ms to 1m.
	// Defaults to 1s.
	ConnectionsTimeout time.Duration

	// DefaultLimit is how many rows a list has when no limit is asked for.
	// Range 1 to MaxLimit. Defaults to 100.
	DefaultLimit int
	// MaxLimit is the largest limit that may be asked for. Range 1 to 100000.
	// Defaults to 1000.
	MaxLimit int
	// DefaultBlockers is how many blocking steps the reasons of a step list
	// when no number is asked for; MaxLimit bounds what may be. Range 1 to
	// MaxLimit. Defaults to 100.
	DefaultBlockers int
	// DefaultPaths is how many paths an analysis lists when no number is asked
	// for. Range 1 to MaxPaths. Defaults to 5.
	DefaultPaths int
	// MaxPaths is the largest number that may be asked for. Range 1 to 200.
	// Defaults to 50.
	MaxPaths int
	// MaxBatchIDs is how many ids one request may name. Range 1 to 1000000.
	// Defaults to 10000.
	MaxBatchIDs int
	// MaxBodyBytes bounds a request's body. Range 1 KiB to 64 MiB. Defaults to
	// 1 MiB.
	MaxBodyBytes int64
	// MaxTransitionBytes bounds the body of a request for transitions, which may
	// hold a MiB of metadata, and many of them. Range 1 KiB to 256 MiB. Defaults
	// to 16 MiB.
	MaxTransitionBytes int64
	// MaxHeaderBytes bounds a request's line and headers, and so also the ids
	// in a query. Range 1 KiB to 16 MiB. Defaults to 256 KiB.
	MaxHeaderBytes int

	// TransitionTimeout is how long a request for transitions, or for a history,
	// may take in the database, beside MaxWait and WriteTimeout; what is not
	// committed then is not made. Range 10ms to 1h. Defaults to 30s.
	TransitionTimeout time.Duration
	// ReadHeaderTimeout is the time for a request's line and headers. Range
	// 10ms to 1h. Defaults to 5s.
	ReadHeaderTimeout time.Duration
	// ReadTimeout is the time for a whole request. Range 10ms to 1h. Defaults
	// to 15s.
	ReadTimeout time.Duration
	// WriteTimeout is the time from a request's headers to the end of its
	// answer, waiting included. Range 10ms to 1h. Defaults to 30s.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection is kept between requests. Range 1s
	// to 1h. Defaults to 2m.
	IdleTimeout time.Duration
	// ShutdownTimeout is how long running requests may take when the server
	// stops; connections are cut then. Range 1ms to 10m.
	// Defaults to 5s.
	ShutdownTimeout time.Duration

	// Version is shown in the OpenAPI document. Defaults to "0.0.0".
	Version string
	// Metrics answers /metrics. Defaults to none: 404.
	Metrics http.Handler
	// Observe, when set, is told of every request that ended: the pattern of
	// its route ("none" where there is none), the method, the status, the time
	// it took. It is called from many goroutines at once.
	Observe func(route, method string, status int, took time.Duration)
	// Logger receives what goes wrong. Defaults to none.
	Logger hclog.Logger
	// Clock tells the time for answers that depend on it: the database's, as
	// well as it is known. Defaults to time.Now.
	Clock func() time.Time
	// Formulas gives what derived values are computed with. Defaults to the
	// engine's defaults, whatever the scope.
	Formulas func(Scope) Formulas
	// Verify compares the index with the database's own functions, for
	// POST /v1/verify. Defaults to none: 404.
	Verify func(context.Context) (*verify.Report, error)
	// Events are what GET /v1/events tells. Defaults to none: 404.
	Events *announce.Hub
	// EventsRecovery tells readers that come back what is not kept any more.
	// Defaults to none: they are told of a gap.
	EventsRecovery EventsRecovery
	// EventsHeartbeat is how often a stream of events says something while
	// there is nothing to say, so that a connection that is gone is noticed.
	// Range 100ms to 1h. Defaults to 15s.
	EventsHeartbeat time.Duration
	// EventsWriteTimeout bounds one write to a reader of events; who does not
	// take it is dropped. Range 10ms to 1h. Defaults to 10s.
	EventsWriteTimeout time.Duration
	// Maintenance is asked and told by /v1/maintenance. Defaults to none: 404.
	Maintenance Maintenance
	// Configuration is shown and changed by /v1/config. Defaults to none: 404.
	Configuration Configuration
	// Transitions moves tasks and steps, and reads their histories. Defaults to
	// none: 404.
	Transitions Transitions
}

// DefaultListen is the default of [Options.Listen].
const DefaultListen = "127.0.0.1:8765"

// WithDefaults is a copy in which zero values are replaced by the defaults.
func (o Options) WithDefaults() Options {
	setDefault(&o.Listen, DefaultListen)
	setDefault(&o.MaxWait, 5*time.Second)
	setDefault(&o.RetryAfter, time.Second)
	setDefault(&o.ConnectionsTimeout, time.Second)
	setDefault(&o.MaxLimit, 1000)
	setDefault(&o.DefaultLimit, min(100, o.MaxLimit))
	setDefault(&o.DefaultBlockers, min(100, o.MaxLimit))
	setDefault(&o.MaxPaths, 50)
	setDefault(&o.DefaultPaths, min(5, o.MaxPaths))
	setDefault(&o.MaxBatchIDs, 10_000)
	setDefault(&o.MaxBodyBytes, 1<<20)
	setDefault(&o.MaxTransitionBytes, 16<<20)
	setDefault(&o.MaxHeaderBytes, 256<<10)
	setDefault(&o.TransitionTimeout, 30*time.Second)
	setDefault(&o.ReadHeaderTimeout, 5*time.Second)
	setDefault(&o.ReadTimeout, 15*time.Second)
	setDefault(&o.WriteTimeout, 30*time.Second)
	setDefault(&o.IdleTimeout, 2*time.Minute)
	setDefault(&o.ShutdownTimeout, 5*time.Second)
	setDefault(&o.EventsHeartbeat, 15*time.Second)
	setDefault(&o.EventsWriteTimeout, 10*time.Second)
	setDefault(&o.Version, "0.0.0")
	if o.Observe == nil {
		o.Observe = func(string, string, int, time.Duration) {}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Formulas == nil {
		defaults := DefaultFormulas()
		o.Formulas = func(Scope) Formulas { return defaults }
	}
	return o
}

// following is o for a server that was made with first.
func (o Options) following(first *Options) Options {
	o.Listen, o.ProbeListen, o.Version = first.Listen, first.ProbeListen, first.Version
	o.MaxHeaderBytes, o.ReadHeaderTimeout, o.ReadTimeout = first.MaxHeaderBytes, first.ReadHeaderTimeout, first.ReadTimeout
	o.WriteTimeout, o.IdleTimeout = first.WriteTimeout, first.IdleTimeout
	o.Metrics, o.Observe, o.Logger, o.Clock = first.Metrics, first.Observe, first.Logger, first.Clock
	o.Verify, o.Events, o.Maintenance, o.Transitions = first.Verify, first.Events, first.Maintenance, first.Transitions
	o.Configuration = first.Configuration
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate finds everything that is wrong, with both values of a conflict.
func (o *Options) validate() error {
	var found []error
	bad := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	duration := func(name string, v, low, high time.Duration) {
		if v < low || v > high {
			bad("%s is %v, which is not between %v and %v", name, v, low, high)
		}
	}
	count := func(name string, v, low, high int64) {
		if v < low || v > high {
			bad("%s is %d, which is not between %d and %d", name, v, low, high)
		}
	}
	duration("MaxWait", o.MaxWait, time.Millisecond, 5*time.Minute)
	duration("RetryAfter", o.RetryAfter, time.Second, time.Hour)
	duration("ConnectionsTimeout", o.ConnectionsTimeout, time.Millisecond, time.Minute)
	duration("TransitionTimeout", o.TransitionTimeout, 10*time.Millisecond, time.Hour)
	duration("ReadHeaderTimeout", o.ReadHeaderTimeout, 10*time.Millisecond, time.Hour)
	duration("ReadTimeout", o.ReadTimeout, 10*time.Millisecond, time.Hour)
	duration("WriteTimeout", o.WriteTimeout, 10*time.Millisecond, time.Hour)
	duration("IdleTimeout", o.IdleTimeout, time.Second, time.Hour)
	duration("ShutdownTimeout", o.ShutdownTimeout, time.Millisecond, 10*time.Minute)
	duration("EventsHeartbeat", o.EventsHeartbeat, 100*time.Millisecond, time.Hour)
	duration("EventsWriteTimeout", o.EventsWriteTimeout, 10*time.Millisecond, time.Hour)
	count("MaxLimit", int64(o.MaxLimit), 1, 100_000)
	count("DefaultLimit", int64(o.DefaultLimit), 1, int64(o.MaxLimit))
	count("DefaultBlockers", int64(o.DefaultBlockers), 1, int64(o.MaxLimit))
	count("MaxPaths", int64(o.MaxPaths), 1, 200)
	count("DefaultPaths", int64(o.DefaultPaths), 1, int64(o.MaxPaths))
	count("MaxBatchIDs", int64(o.MaxBatchIDs), 1, 1_000_000)
	count("MaxBodyBytes", o.MaxBodyBytes, 1<<10, 64<<20)
	count("MaxTransitionBytes", o.MaxTransitionBytes, 1<<10, 256<<20)
	count("MaxHeaderBytes", int64(o.MaxHeaderBytes), 1<<10, 16<<20)
	if o.MaxWait >= o.WriteTimeout {
		bad("MaxWait (%v) must be less than WriteTimeout (%v), or a request that waits is cut off without an answer", o.MaxWait, o.WriteTimeout)
	}
	for _, host := range o.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/:@ \x00") {
			bad("the allowed host %q is not a host name without port", host)
		}
	}
	for _, origin := range o.AllowedOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			bad("the allowed origin %q is not of the form scheme://host or scheme://host:port", origin)
		}
	}
	if _, err := newKeyring(o.Tokens); err != nil {
		found = append(found, err)
	}
	for _, address := range []string{o.Listen, o.ProbeListen} {
		if address == "" {
			continue
		}
		host, _, err := net.SplitHostPort(address)
		switch {
		case err != nil:
			bad("%q is not an address to listen on: host:port is expected, such as %s", address, DefaultListen)
		case len(o.Tokens) == 0 && !loopbackName(host):
			found = append(found, refuseExposed(address))
		}
	}
	return errors.Join(found...)
}

func refuseExposed(address string) error {
	return fmt.Errorf("refusing to listen on %s: it is beyond loopback and no bearer token is configured, so anybody who can connect could ask; make a token and configure its hash, or listen on 127.0.0.1", address)
}

// loopbackName says whether a host to listen on is surely this machine alone.
func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

func newKeyring(tokens []Token) (keyring, error) {
	var found []error
	var names []string
	ring := make(keyring, 0, len(tokens))
	for i, t := range tokens {
		sum, err := parseHash(t.Hash)
		switch {
		case t.Name == "":
			found = append(found, fmt.Errorf("token %d has no name", i+1))
		case slices.Contains(names, t.Name):
			found = append(found, fmt.Errorf("two tokens have the name %q", t.Name))
		case t.Role < Reader || t.Role > Admin:
			found = append(found, fmt.Errorf("the token %q has no role: reader, writer or admin is expected", t.Name))
		case err != nil:
			found = append(found, fmt.Errorf("the token %q: %w", t.Name, err))
		}
		names = append(names, t.Name)
		ring = append(ring, key{t.Name, t.Role, sum})
	}
	return ring, errors.Join(found...)
}
