package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Waited says how far the index is with a change.
type Waited struct {
	Applied    bool   `json:"applied" doc:"Whether the index has the change, so that every answer from now on reflects it; false of a dry run."`
	WaitFailed string `json:"wait_failed,omitempty" doc:"Why it has not, though that was to be waited for. The change is made all the same."`
}

// TransitionAnswer is a transition that was made. What the envelope says is true
// of the index.
type TransitionAnswer struct {
	Envelope
	writer.Result
	DryRun bool `json:"dry_run,omitempty" doc:"Nothing was written: this is what would be."`
	Waited
}

// BatchAnswer is what became of each of a batch.
type BatchAnswer struct {
	Envelope
	Done     int          `json:"done" doc:"How many were carried out, those that had been before under the same key included."`
	Refused  int          `json:"refused" doc:"How many were not."`
	LSN      tasker.LSN   `json:"lsn" doc:"Whoever has applied the log up to here has all of them."`
	DryRun   bool         `json:"dry_run,omitempty" doc:"Nothing was written: this is what would be."`
	Outcomes []OutcomeRow `json:"outcomes" doc:"In the order of the request."`
	Waited

	doubtful bool // some may have been carried out
}

// OutcomeRow is what became of one of a batch: a result or a problem.
type OutcomeRow struct {
	Result  *writer.Result `json:"result,omitempty" doc:"The transition that was made."`
	Problem *Problem       `json:"problem,omitempty" doc:"Why none was, as a single request would be answered."`
}

// HistoryAnswer is all transitions of a task or step.
type HistoryAnswer struct {
	Kind        statemachine.Kind `json:"kind" doc:"task or step."`
	ID          int64             `json:"id" doc:"Its id."`
	Transitions []writer.Entry    `json:"transitions" doc:"Oldest first; none of what was never touched, which is pending."`
}

// refusals are the problems that refusals of the writer's become.
var refusals = map[writer.Reason]struct {
	status int
	kind   string
}{
	writer.NotFound:      {http.StatusNotFound, ProblemNotFound},
	writer.NotAllowed:    {http.StatusConflict, ProblemNotAllowed},
	writer.GuardFailed:   {http.StatusConflict, ProblemGuardFailed},
	writer.Unexpected:    {http.StatusConflict, ProblemUnexpected},
	writer.NotOurs:       {http.StatusConflict, ProblemNotOurs},
	writer.KeyReused:     {http.StatusUnprocessableEntity, ProblemKeyReused},
	writer.Contradictory: {http.StatusConflict, ProblemContradictory},
	writer.Vetoed:        {http.StatusConflict, ProblemVetoed},
	writer.Abandoned:     {http.StatusConflict, ProblemAbandoned},
	writer.Lost:          {http.StatusConflict, ProblemLost},
	writer.InDoubt:       {http.StatusServiceUnavailable, ProblemInDoubt},
}

// refused makes a problem of what a writer has answered; location says where the
// field of a request is in ours.
func (s *routing) refused(err error, location func(field string) string) *Problem {
	var bad *writer.Invalid
	var refusal *writer.Refusal
	switch {
	case errors.As(err, &bad):
		details := make([]*huma.ErrorDetail, len(bad.Problems))
		for i, p := range bad.Problems {
			details[i] = &huma.ErrorDetail{Location: location(p.Field), Message: p.Detail}
		}
		return invalid(details...)
	case errors.As(err, &refusal):
		as := refusals[refusal.Reason]
		p := newProblem(as.status, as.kind, "%s", refusal)
		p.Refusal = refusal
		if refusal.Reason == writer.Lost || refusal.Reason == writer.InDoubt {
			p.retryAfter = s.options.RetryAfter
		}
		return p
	case errors.Is(err, ErrNoRights):
		return newProblem(http.StatusServiceUnavailable, ProblemNoRights, "%s", err)
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		p := newProblem(http.StatusServiceUnavailable, ProblemWriteFailed, "it was given up, because it could not be done within %v", s.options.TransitionTimeout)
		p.retryAfter = s.options.RetryAfter
		return p
	}
	return newProblem(http.StatusServiceUnavailable, ProblemWriteFailed, "the database did not carry it out: %s", err)
}

// refusedAndLogged is refused, and what is not about the request is for the log,
// too.
func (s *routing) refusedAndLogged(err error, location func(string) string) *Problem {
	p := s.refused(err, location)
	if p.Status >= http.StatusInternalServerError {
		s.options.Logger.Warn("a request about transitions was not carried out", "error", err)
	}
	return p
}

// batchAnswer counts what became of each.
func (s *routing) batchAnswer(outcomes []writer.Outcome) *BatchAnswer {
	a := &BatchAnswer{Outcomes: make([]OutcomeRow, len(outcomes))}
	for i := range outcomes {
		o := &outcomes[i]
		if o.Err != nil {
			a.Refused++
			a.doubtful = a.doubtful || errors.Is(o.Err, writer.InDoubt)
			a.Outcomes[i].Problem = s.refused(o.Err, singleFields("id"))
			continue
		}
		a.Done++
		a.LSN = max(a.LSN, o.Result.LSN)
		a.Outcomes[i].Result = &o.Result
	}
	return a
}

// singleFields are where the fields of a single request are; its id is in the
// path under a name.
func singleFields(name string) func(string) string {
	return func(field string) string {
		switch field {
		case "id":
			return "path." + name
		case "key":
			return "header." + HeaderKey
		case "request_id":
			return "header." + HeaderRequestID
		}
		return "body." + field
	}
}

// batchFields are where those of a batch are, which the writer calls requests.
func batchFields(field string) string {
	if rest, ok := strings.CutPrefix(field, "requests"); ok {
		if strings.HasSuffix(rest, ".request_id") {
			return "header." + HeaderRequestID
		}
		return "body.transitions" + rest
	}
	return "body." + field
}

func noTransitions() *Problem {
	return newProblem(http.StatusNotFound, ProblemNotFound, "this server was started without a way to write, or to read histories")
}
