package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// adapter puts huma's operations on the mux, each behind the checks that huma
// does not do, and in the place of some of them a handler written by hand.
type adapter struct {
	server *routing
	huma.Adapter
	mux *http.ServeMux
}

// byHand, under this key of an operation's metadata, is a
// func(parameters) http.HandlerFunc that serves it instead of huma.
const byHand = "by-hand"

// Handle implements [huma.Adapter].
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	pattern := op.Method + " " + op.Path
	a.server.bound(op)
	known := parametersOf(op)
	if make, ok := op.Metadata[byHand].(func(parameters) http.HandlerFunc); ok {
		a.mux.HandleFunc(pattern, make(known))
		return
	}
	var ids []string
	for _, p := range op.Parameters {
		if p.In == "path" {
			ids = append(ids, p.Name) // all that stands in our paths are ids
		}
	}
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range ids {
			if _, detail := parseID("path."+name, r.PathValue(name)); detail != nil {
				invalid(detail).write(w)
				return
			}
		}
		if detail := known.each(r.URL.RawQuery, func(string, string) *huma.ErrorDetail { return nil }); detail != nil {
			invalid(detail).write(w)
			return
		}
		handler(humago.NewContext(op, r, w))
	})
}

// Consistency is the part of the input that all questions to the index have.
// (It is exported, like the other parts of inputs, because huma reads no
// others.)
type Consistency struct {
	MinLSN string `query:"min_lsn" doc:"Wait until this position of the log is in the index; 503 (not-yet-applied) when it is not within the configured time." pattern:"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$" example:"16/B374D848"`
}

func (c *Consistency) minimum() string { return c.MinLSN }

// output is what huma writes: a body and, from its envelope, headers.
type output[B any] struct {
	AsOfLSN    string `header:"Tasker-As-Of-Lsn" doc:"The log position that the whole answer reflects."`
	Staleness  int64  `header:"Tasker-Staleness-Ms" doc:"How old the answer may be, in milliseconds."`
	Stale      string `header:"Tasker-Stale" doc:"true when the sidecar cannot vouch for the answer; else absent."`
	StaleCause string `header:"Tasker-Stale-Cause" doc:"Why it cannot."`
	Body       B
}

type enveloped interface{ envelope() Envelope }

func outputOf[B enveloped](body B) *output[B] {
	e := body.envelope()
	out := &output[B]{AsOfLSN: e.AsOfLSN.String(), Staleness: e.StalenessMS, Body: body}
	if e.Stale {
		out.Stale, out.StaleCause = "true", headerText(e.StaleCause)
	}
	return out
}

// ask registers a question to the index: answer gets the request's view.
func ask[I any, PI interface {
	*I
	minimum() string
}, B enveloped](s *routing, api huma.API, op huma.Operation, answer func(ctx context.Context, now reading, in PI) (B, *Problem)) {
	huma.Register(api, op, func(ctx context.Context, in *I) (*output[B], error) {
		var minLSN tasker.LSN
		if text := PI(in).minimum(); text != "" {
			var detail *huma.ErrorDetail
			if minLSN, detail = parseLSN(text); detail != nil {
				return nil, invalid(detail)
			}
		}
		now, problem := s.read(ctx, minLSN)
		if problem != nil {
			return nil, withHeaders(problem)
		}
		body, problem := answer(ctx, now, in)
		if problem != nil {
			return nil, withHeaders(problem)
		}
		return outputOf(body), nil
	})
}

// withHeaders lets huma send the problem's headers, too.
func withHeaders(p *Problem) error {
	if headers := p.GetHeaders(); headers != nil {
		return huma.ErrorWithHeaders(p, headers)
	}
	return p
}

// firstInvalid makes a problem of those details that are there.
func firstInvalid(details ...*huma.ErrorDetail) *Problem {
	details = slices.DeleteFunc(details, func(d *huma.ErrorDetail) bool { return d == nil })
	if len(details) == 0 {
		return nil
	}
	return invalid(details...)
}

// fallbacks answers what no route does as a problem: other methods on known
// paths, and unknown paths. The paths are on a mux of their own, because
// patterns with and without a method exclude each other on one.
func fallbacks(mux *http.ServeMux, paths map[string][]string) {
	others := http.NewServeMux()
	for path, methods := range paths {
		allowed := strings.Join(methods, ", ")
		others.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allowed)
			newProblem(http.StatusMethodNotAllowed, ProblemMethodNotAllowed, "%s is not possible here; possible are %s", quoted(r.Method), allowed).write(w)
		})
	}
	others.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		newProblem(http.StatusNotFound, ProblemNotFound, "there is no route %s; %s lists all", quoted(r.URL.Path), pathOpenAPI).write(w)
	})
	mux.Handle("/", others)
}
