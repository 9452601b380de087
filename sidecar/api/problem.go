package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The types of problems, as the member "type" gives them.
const (
	ProblemInvalidRequest   = "invalid-request"    // 400: a parameter or the body, named in errors
	ProblemUnauthorized     = "unauthorized"       // 401: no token, or an unknown one
	ProblemForbidden        = "forbidden"          // 403: the token's role, or the page's origin
	ProblemNotFound         = "not-found"          // 404: no such task, step or route
	ProblemMethodNotAllowed = "method-not-allowed" // 405
	ProblemBusy             = "busy"               // 409: a verification runs already; 503: too many read events
	ProblemNotAllowed       = "not-allowed"        // 409: the machine has no such transition from the state that is
	ProblemGuardFailed      = "guard-failed"       // 409: parents of the step, or steps of the task, are not done
	ProblemUnexpected       = "unexpected-state"   // 409: the state or the transition is not the expected one
	ProblemNotOurs          = "not-ours"           // 409: the step is the workers' to take
	ProblemContradictory    = "contradictory"      // 409: its history contradicts itself
	ProblemVetoed           = "vetoed"             // 409: a check has refused it
	ProblemAbandoned        = "abandoned"          // 409: others of its batch were refused
	ProblemLost             = "lost"               // 409: others were faster at every attempt
	ProblemBatchRefused     = "batch-refused"      // 409: all or nothing, and so nothing
	ProblemTooLarge         = "too-large"          // 413: the body
	ProblemMisdirected      = "misdirected"        // 421: the Host is none of ours
	ProblemKeyReused        = "key-reused"         // 422: another request had the Idempotency-Key
	ProblemInternal         = "internal"           // 500
	ProblemNotYetApplied    = "not-yet-applied"    // 503: min_lsn was not reached in time
	ProblemNotReady         = "not-ready"          // 503: nothing has been loaded yet
	ProblemStale            = "stale"              // 503, of /readyz alone
	ProblemVerifyFailed     = "verify-failed"      // 503: the database could not be asked
	ProblemWriteFailed      = "write-failed"       // 503: the database did not take a change
	ProblemNoRights         = "no-rights"          // 503: the sidecar's role may not write, or read histories
	ProblemInDoubt          = "in-doubt"           // 503: it is not known whether it was committed
	ProblemClosing          = "closing"            // 503: the server stops
)

// Problem is an error as an answer tells it (RFC 9457).
type Problem struct {
	Type   string `json:"type" doc:"What kind of problem it is: invalid-request, unauthorized, forbidden, not-found, method-not-allowed, busy, not-allowed, guard-failed, unexpected-state, not-ours, contradictory, vetoed, abandoned, lost, batch-refused, key-reused, too-large, misdirected, internal, not-yet-applied, not-ready, stale, verify-failed, write-failed, no-rights, in-doubt or closing."`
	Title  string `json:"title" doc:"The same in words."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail" doc:"What is wrong this time, and what to do."`
	// Errors names each field that is wrong.
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"Each field that is wrong: location (path, query or body, and its name), value, message."`

	// Of not-yet-applied and stale: how far the index is.
	MinLSN      *tasker.LSN `json:"min_lsn,omitempty" doc:"The position that was asked for."`
	AsOfLSN     *tasker.LSN `json:"as_of_lsn,omitempty" doc:"The position that the index reflects."`
	BytesBehind *uint64     `json:"bytes_behind,omitempty" doc:"How many bytes of log lie between them."`
	StalenessMS *int64      `json:"staleness_ms,omitempty" doc:"How old the index is."`

	// Of refused transitions.
	Refusal  *writer.Refusal `json:"refusal,omitempty" doc:"Why a transition was refused, and what is instead: reason, state, what is allowed, what is undone."`
	Outcomes []OutcomeRow    `json:"outcomes,omitempty" doc:"Of a batch that was refused as a whole: what there is to say of each."`

	retryAfter time.Duration
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes every problem application/problem+json.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders gives Retry-After, where there is sense in asking again.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter == 0 {
		return nil
	}
	return http.Header{"Retry-After": {retryAfter(p.retryAfter)}}
}

// retryAfter is the header's value: whole seconds, rounded up.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

func newProblem(status int, kind, format string, args ...any) *Problem {
	return &Problem{Type: kind, Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// invalid is the problem of a request with bad fields.
func invalid(details ...*huma.ErrorDetail) *Problem {
	texts := make([]string, len(details))
	for i, d := range details {
		texts[i] = fmt.Sprintf("%s: %s", d.Location, d.Message)
		if d.Value != nil {
			texts[i] += fmt.Sprintf(" (%v given)", quoted(d.Value))
		}
	}
	p := newProblem(http.StatusBadRequest, ProblemInvalidRequest, "%s", strings.Join(texts, "; "))
	p.Errors = details
	return p
}

// quoted shows a value so that one sees where it begins and ends, cut where it
// is too long to be read.
func quoted(v any) string {
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	return strconv.QuoteToASCII(shortened(s))
}

const shownBytes = 100

func shortened(s string) string {
	if len(s) > shownBytes {
		return strings.ToValidUTF8(s[:shownBytes], "") + "…"
	}
	return s
}

// fieldError is one bad field, such as ("query.limit", "-1", "must be …").
func fieldError(location, value, format string, args ...any) *huma.ErrorDetail {
	return &huma.ErrorDetail{
		Location: location, Value: strings.ToValidUTF8(shortened(value), "\uFFFD"), Message: fmt.Sprintf(format, args...),
	}
}

func notFound(what string, id int64) *Problem {
	return newProblem(http.StatusNotFound, ProblemNotFound, "there is no %s %d at this position of the log", what, id)
}

// write sends the problem.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(p) //nolint:errcheck // plain data; and nobody is left to be told
}

// installProblems makes huma write its own errors as ours: bad input is 400,
// the details name the fields. The hook belongs to huma's package, so it is
// set once for the process.
var installProblems = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		details := make([]*huma.ErrorDetail, 0, len(errs))
		for _, err := range errs {
			if err == nil {
				continue
			}
			detailer, ok := err.(huma.ErrorDetailer)
			if !ok {
				details = append(details, &huma.ErrorDetail{Message: err.Error(), Location: "request"})
				continue
			}
			detail := *detailer.ErrorDetail()
			if text, ok := detail.Value.(string); ok {
				detail.Value = strings.ToValidUTF8(shortened(text), "\uFFFD")
			}
			details = append(details, &detail)
		}
		switch {
		case status == http.StatusUnprocessableEntity || status == http.StatusBadRequest:
			if len(details) == 0 {
				details = append(details, &huma.ErrorDetail{Message: message, Location: "request"})
			}
			return invalid(details...)
		case status >= http.StatusInternalServerError:
			// What went wrong inside is for the log.
			return newProblem(status, ProblemInternal, "%s", message)
		}
		return newProblem(status, strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-"), "%s", message)
	}
})
