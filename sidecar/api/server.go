package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Server is the HTTP side of a sidecar. Make it with [New]; its methods are
// safe for concurrent use.
type Server struct {
	source  Source
	options Options
	guard   guard
	spec    *huma.OpenAPI
	specDoc []byte
	handler http.Handler // the API with everything around it
	probes  http.Handler // the probes likewise

	verifying atomic.Bool
	closing   context.Context // ended when the server stops: waiting requests give up
	close     context.CancelFunc

	mu        sync.Mutex
	started   bool
	stopped   bool
	servers   []*http.Server
	addresses [2]atomic.Pointer[string] // of the API, of the probes
	serving   sync.WaitGroup
	failed    chan error
}

// New makes a server that answers from source. Options that are wrong are
// refused, all at once. Nothing listens before [Server.Start].
func New(source Source, options Options) (*Server, error) {
	options = options.WithDefaults()
	if err := options.validate(); err != nil {
		return nil, err
	}
	keys, err := newKeyring(options.Tokens)
	if err != nil {
		return nil, err
	}
	s := &Server{source: source, options: options, failed: make(chan error, 2)}
	s.guard = guard{keys: keys, origins: options.AllowedOrigins}
	for _, host := range options.AllowedHosts {
		s.guard.hosts = append(s.guard.hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	}
	s.closing, s.close = context.WithCancel(context.Background())
	if err := s.route(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler is the API with all checks, without a listener of its own.
func (s *Server) Handler() http.Handler { return s.handler }

// OpenAPI is the description that /openapi.json gives. It is not to be changed.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.spec }

// Start listens and serves until [Server.Stop]. It returns when the listeners
// stand, or with the reason why one cannot; then none is left open.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped {
		return errors.New("the HTTP server was started or stopped before")
	}
	var listeners []net.Listener
	for i, address := range []string{s.options.Listen, s.options.ProbeListen} {
		if address == "" {
			continue
		}
		listener, err := s.listen(ctx, address)
		if err != nil {
			for _, l := range listeners {
				l.Close() //nolint:errcheck // nothing was served on it
			}
			return err
		}
		listeners = append(listeners, listener)
		bound := listener.Addr().String()
		s.addresses[i].Store(&bound)
	}
	s.started = true
	for i, listener := range listeners {
		handler := s.handler
		if i == 1 {
			handler = s.probes
		}
		server := s.newHTTPServer(handler)
		s.servers = append(s.servers, server)
		s.serving.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- fmt.Errorf("serving on %s: %w", listener.Addr(), err)
			}
		})
	}
	return nil
}

// listen opens a listener and makes sure that it is where it may be.
func (s *Server) listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address, or end what listens there", address, err)
	}
	// What localhost means is decided by the machine, so look again.
	if tcp, ok := listener.Addr().(*net.TCPAddr); len(s.guard.keys) == 0 && (!ok || !tcp.IP.IsLoopback()) {
		listener.Close() //nolint:errcheck // nothing was served on it
		return nil, refuseExposed(address)
	}
	return listener, nil
}

func (s *Server) newHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.options.ReadHeaderTimeout,
		ReadTimeout:       s.options.ReadTimeout,
		WriteTimeout:      s.options.WriteTimeout,
		IdleTimeout:       s.options.IdleTimeout,
		MaxHeaderBytes:    s.options.MaxHeaderBytes,
		ErrorLog:          s.options.Logger.StandardLogger(nil),
	}
}

// Addr is the address that the API listens on, with its real port; empty
// before it does.
func (s *Server) Addr() string { return load(&s.addresses[0]) }

// ProbeAddr is the address of the probes' listener; empty where there is none.
func (s *Server) ProbeAddr() string { return load(&s.addresses[1]) }

func load(p *atomic.Pointer[string]) string {
	if v := p.Load(); v != nil {
		return *v
	}
	return ""
}

// Failed delivers the error that ended serving on a listener against our will.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop takes no new requests, tells those that wait for a position that it is
// over, lets the others finish within ShutdownTimeout (or until ctx ends) and
// cuts what is left then, which is an error. Stopping twice, or before
// starting, does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	servers := s.servers
	s.servers, s.stopped = nil, true
	s.mu.Unlock()

	s.close()
	ctx, cancel := context.WithTimeout(ctx, s.options.ShutdownTimeout)
	defer cancel()
	var cut error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			cut = fmt.Errorf("requests were still running and have been cut off: %w", err)
			server.Close() //nolint:errcheck // the last resort
		}
	}
	s.serving.Wait()
	return cut
}

// around puts around a mux what every request goes through.
func (s *Server) around(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorder := &recorder{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause != nil && cause != http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
				s.options.Logger.Error("a request made the server panic", "method", r.Method, "route", r.Pattern, "panic", cause, "stack", string(debug.Stack()))
				if recorder.status == 0 {
					newProblem(http.StatusInternalServerError, ProblemInternal, "something went wrong inside; the log has the details").write(recorder)
					cause = nil
				}
			}
			s.options.Observe(routeOf(r), knownMethod(r.Method), recorder.statusOrOK(), time.Since(started))
			if cause != nil {
				// An answer that has begun must not look as if it were whole.
				panic(http.ErrAbortHandler)
			}
		}()
		setCommonHeaders(w.Header())
		switch done, problem := s.guard.check(recorder, r); {
		case problem != nil:
			problem.write(recorder)
		case !done:
			mux.ServeHTTP(recorder, r)
		}
	})
}

// routeOf is the path of the pattern that a request was given to, none where
// there is none.
func routeOf(r *http.Request) string {
	path := r.Pattern
	if _, after, ok := strings.Cut(path, " "); ok {
		path = after
	}
	if path == "" || path == "/" {
		return "none"
	}
	return path
}

// knownMethod keeps the methods that metrics see to a few.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the writer below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) statusOrOK() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
