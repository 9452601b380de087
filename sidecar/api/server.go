package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
)

// Server is the HTTP side of a sidecar. Make it with [New]; its methods are
// safe for concurrent use.
type Server struct {
	options Options                 // those it was made with
	current atomic.Pointer[routing] // what requests are given to that come now
	close   context.CancelFunc      // ends routing.closing

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
	s := &Server{failed: make(chan error, 2)}
	first := &routing{source: source, options: options, verifying: new(atomic.Bool)}
	first.closing, s.close = context.WithCancel(context.Background())
	if err := first.build(); err != nil {
		s.close()
		return nil, err
	}
	s.options = first.options
	s.current.Store(first)
	return s, nil
}

// Prepare checks options that are to hold from now on, and gives what puts them
// into force: a request is answered by the options that held when it came, from
// its first check to its last byte. Addresses, and what net/http is told of time
// and sizes, stay as they were, and so does whom it asks and tells.
func (s *Server) Prepare(o Options) (apply func(), err error) {
	before := s.current.Load()
	next := &routing{source: before.source, options: o.following(&s.options), verifying: before.verifying, closing: before.closing}
	if err := next.build(); err != nil {
		return nil, err
	}
	return func() { s.current.Store(next) }, nil
}

// Handler is the API with all checks, without a listener of its own.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().handler.ServeHTTP(w, r) })
}

func (s *Server) probes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().probes.ServeHTTP(w, r) })
}

// OpenAPI is the description that /openapi.json gives. It is not to be changed.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.current.Load().spec }

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
		handler := s.Handler()
		if i == 1 {
			handler = s.probes()
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
	if tcp, ok := listener.Addr().(*net.TCPAddr); len(s.options.Tokens) == 0 && (!ok || !tcp.IP.IsLoopback()) {
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
	ctx, cancel := context.WithTimeout(ctx, s.current.Load().options.ShutdownTimeout)
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
