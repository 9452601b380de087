package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The headers in which an answer repeats its envelope, for clients that do not
// read bodies (and HEAD).
const (
	HeaderAsOfLSN    = "Tasker-As-Of-Lsn"
	HeaderStaleness  = "Tasker-Staleness-Ms"
	HeaderStale      = "Tasker-Stale"       // "true", or absent
	HeaderStaleCause = "Tasker-Stale-Cause" // absent unless stale
)

// Envelope is what every answer says about itself.
type Envelope struct {
	AsOfLSN     tasker.LSN `json:"as_of_lsn" doc:"The log position that the whole answer reflects." example:"16/B374D848"`
	StalenessMS int64      `json:"staleness_ms" doc:"How old the answer may be: milliseconds since that position was the server's newest."`
	Stale       bool       `json:"stale" doc:"True when the sidecar cannot vouch for the answer."`
	StaleCause  string     `json:"stale_cause,omitempty" doc:"Why it cannot."`
}

func (e Envelope) envelope() Envelope { return e }

// setHeaders writes the envelope into headers.
func (e Envelope) setHeaders(h http.Header) {
	// The keys are in canonical form; one array holds all values.
	values := make([]string, 4)
	values[0] = string(appendLSN(make([]byte, 0, 17), e.AsOfLSN))
	values[1] = strconv.FormatInt(e.StalenessMS, 10)
	h[HeaderAsOfLSN], h[HeaderStaleness] = values[0:1:1], values[1:2:2]
	if e.Stale {
		values[2], values[3] = "true", headerText(e.StaleCause)
		h[HeaderStale], h[HeaderStaleCause] = values[2:3:3], values[3:4:4]
	}
}

// headerText makes a text fit for a header: visible ASCII in one line.
func headerText(s string) string {
	clean := []byte(s)
	for i, c := range clean {
		if c < ' ' || c > '~' {
			clean[i] = '?'
		}
	}
	return string(clean)
}

// reading is one request's view of the index, and its clock.
type reading struct {
	*readiness.View
	Envelope
	now     tasker.Timestamp
	options *Options
}

// read takes the view for a request, waiting for minLSN when it is not 0.
func (s *routing) read(ctx context.Context, minLSN tasker.LSN) (reading, *Problem) {
	view, fresh := s.source.Current()
	if minLSN != 0 && (view == nil || fresh.AsOfLSN < minLSN) {
		if problem := s.await(ctx, minLSN); problem != nil {
			return reading{}, problem
		}
		// A reload after a fail-over can have gone back in between.
		if view, fresh = s.source.Current(); view != nil && fresh.AsOfLSN < minLSN {
			return reading{}, s.notYetApplied(minLSN)
		}
	}
	if view == nil {
		return reading{}, s.notReady(fresh)
	}
	return reading{View: view, Envelope: envelopeOf(fresh), now: tasker.TimestampOf(s.options.Clock()), options: &s.options}, nil
}

// hasTask says whether anything is known of a task: its row, or steps of it.
func (r *reading) hasTask(id int64) bool {
	if _, ok := r.TaskExecutionContext(id, r.now); ok {
		return true
	}
	return len(r.StepDAGRelationships([]int64{id})) > 0
}

func envelopeOf(f Freshness) Envelope {
	return Envelope{f.AsOfLSN, max(f.Staleness.Milliseconds(), 0), f.Stale, f.StaleCause}
}

// await waits until minLSN is applied, as long as is allowed and wanted.
func (s *routing) await(ctx context.Context, minLSN tasker.LSN) *Problem {
	ctx, cancel := context.WithTimeout(ctx, s.options.MaxWait)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	err := s.source.WaitFor(ctx, minLSN)
	switch {
	case err == nil:
		return nil
	case s.closing.Err() != nil:
		p := newProblem(http.StatusServiceUnavailable, ProblemClosing, "the sidecar is stopping; ask another one, or ask again when it is back")
		p.retryAfter = s.options.RetryAfter
		return p
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return s.notYetApplied(minLSN)
	}
	s.options.Logger.Error("waiting for a log position failed", "lsn", minLSN, "error", err)
	return s.notYetApplied(minLSN)
}

func (s *routing) notYetApplied(minLSN tasker.LSN) *Problem {
	view, fresh := s.source.Current()
	if view == nil {
		p := s.notReady(fresh)
		p.Type, p.MinLSN = ProblemNotYetApplied, &minLSN
		return p
	}
	behind := uint64(minLSN - min(fresh.AsOfLSN, minLSN))
	staleness := max(fresh.Staleness.Milliseconds(), 0)
	p := newProblem(http.StatusServiceUnavailable, ProblemNotYetApplied,
		"%s was not applied within %v: the index reflects %s, %d bytes before it", minLSN, s.options.MaxWait, fresh.AsOfLSN, behind)
	if fresh.Stale {
		p.Detail += "; " + fresh.StaleCause
	}
	p.MinLSN, p.AsOfLSN, p.BytesBehind, p.StalenessMS = &minLSN, &fresh.AsOfLSN, &behind, &staleness
	p.retryAfter = s.options.RetryAfter
	return p
}

func (s *routing) notReady(fresh Freshness) *Problem {
	cause := fresh.StaleCause
	if cause == "" {
		cause = "the first load is not done"
	}
	p := newProblem(http.StatusServiceUnavailable, ProblemNotReady, "there is nothing to answer from yet: %s", cause)
	p.retryAfter = s.options.RetryAfter
	return p
}
