package api

import (
	"context"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// routing answers requests by one set of options, which never change: other
// options make another routing.
type routing struct {
	source  Source
	options Options
	guard   guard
	spec    *huma.OpenAPI
	specDoc []byte
	handler http.Handler // the API with everything around it
	probes  http.Handler // the probes likewise

	// Shared by all routings of a server.
	verifying *atomic.Bool
	closing   context.Context // ended when the server stops: waiting requests give up
}

// build checks the options and makes what answers by them.
func (s *routing) build() error {
	s.options = s.options.WithDefaults()
	if err := s.options.validate(); err != nil {
		return err
	}
	keys, err := newKeyring(s.options.Tokens)
	if err != nil {
		return err
	}
	s.guard = guard{keys: keys, origins: s.options.AllowedOrigins}
	for _, host := range s.options.AllowedHosts {
		s.guard.hosts = append(s.guard.hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	}
	return s.route()
}

// around puts around a mux what every request goes through.
func (s *routing) around(mux *http.ServeMux) http.Handler {
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
