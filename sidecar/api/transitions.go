package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Transitions is what moves tasks and steps, as a [writer.Writer] does. Its
// methods are called from many goroutines at once.
type Transitions interface {
	Transition(ctx context.Context, r writer.Request) (writer.Result, error)
	Batch(ctx context.Context, requests []writer.Request, o writer.BatchOptions) ([]writer.Outcome, error)
	// DryRun says what a batch would become; nothing is written.
	DryRun(ctx context.Context, requests []writer.Request, o writer.BatchOptions) ([]writer.Outcome, error)
	History(ctx context.Context, kind statemachine.Kind, id int64) ([]writer.Entry, error)
}

// ErrNoRights says that the sidecar's role in the database may not do what was
// asked for; the text of an error that wraps it says which rights it lacks.
var ErrNoRights = errors.New("the sidecar only reads here")

// The headers of requests for transitions.
const (
	// HeaderKey makes it safe to send a request again.
	HeaderKey = "Idempotency-Key"
	// HeaderRequestID names a request in the transitions that it makes. It comes
	// back in the answer, made up where it was not given.
	HeaderRequestID = "X-Request-Id"
)

// Told is the input of requests for transitions beside their bodies.
type Told struct {
	Key       string `header:"Idempotency-Key" doc:"Makes it safe to send the request again: it is answered with the first one's result, for as long as the transition's row is there." maxLength:"255"`
	RequestID string `header:"X-Request-Id" doc:"Kept in the transition's metadata, and given back; made up where it is missing." maxLength:"4096"`
}

type taskTransitionInput struct {
	Told
	TaskID int64 `path:"task_id" doc:"The task's id."`
	Body   TransitionBody
}

type stepTransitionInput struct {
	Told
	StepID int64 `path:"workflow_step_id" doc:"The step's id."`
	Body   TransitionBody
}

type batchInput struct {
	Told
	Body BatchBody
}

type taskHistoryInput struct {
	TaskID int64 `path:"task_id" doc:"The task's id."`
}

type stepHistoryInput struct {
	StepID int64 `path:"workflow_step_id" doc:"The step's id."`
}

func (s *routing) routeTransitions(api huma.API) {
	post := func(id, path, summary string) huma.Operation {
		op := get(id, path, tagTransitions, summary)
		op.Method = http.MethodPost
		return op
	}
	handled[taskTransitionInput, output[TransitionAnswer]](api,
		post("move-task", "/v1/tasks/{task_id}/transitions", "Move a task to another state (role writer)"), s.transition(statemachine.Task, "task_id"))
	handled[stepTransitionInput, output[TransitionAnswer]](api,
		post("move-step", "/v1/steps/{workflow_step_id}/transitions", "Move a step to another state (role writer)"), s.transition(statemachine.Step, "workflow_step_id"))
	handled[batchInput, output[BatchAnswer]](api,
		post("move-batch", pathBatch, "Move many tasks and steps, each on its own or all or none (role writer)"), s.batch)
	handled[taskHistoryInput, struct{ Body HistoryAnswer }](api,
		get("task-history", "/v1/tasks/{task_id}/transitions", tagTransitions, "All transitions of a task, oldest first, from the database itself"), s.history(statemachine.Task, "task_id"))
	handled[stepHistoryInput, struct{ Body HistoryAnswer }](api,
		get("step-history", "/v1/steps/{workflow_step_id}/transitions", tagTransitions, "All transitions of a step, oldest first, from the database itself"), s.history(statemachine.Step, "workflow_step_id"))
}

// transition moves one task or step.
func (s *routing) transition(kind statemachine.Kind, name string) func(parameters) http.HandlerFunc {
	return s.moving(func(ctx context.Context, c *call) *Problem {
		id, detail := parseID("path."+name, c.r.PathValue(name))
		if detail != nil {
			return invalid(detail)
		}
		var body TransitionBody
		if detail := decodeTransition(c.body, &body); detail != nil {
			return invalid(detail)
		}
		request := body.Request(kind, id)
		request.Key, request.By, request.RequestID = c.key, c.by, c.requestID
		var result writer.Result
		var err error
		if body.DryRun {
			var outcomes []writer.Outcome
			if outcomes, err = s.options.Transitions.DryRun(ctx, []writer.Request{request}, writer.BatchOptions{}); err == nil {
				result, err = outcomes[0].Result, outcomes[0].Err
			}
		} else {
			result, err = s.options.Transitions.Transition(ctx, request)
		}
		if err != nil {
			return s.refusedAndLogged(err, singleFields(name))
		}
		answer := &TransitionAnswer{Result: result, DryRun: body.DryRun}
		answer.Envelope, answer.Waited = s.reflects(c.r.Context(), result.LSN, body.Wait)
		s.sendValue(c.w, &answer.Envelope, answer)
		return nil
	})
}

// batch moves many.
func (s *routing) batch(known parameters) http.HandlerFunc {
	return s.moving(func(ctx context.Context, c *call) *Problem {
		body, detail := decodeBatch(c.body)
		if detail != nil {
			return invalid(detail)
		}
		requests := make([]writer.Request, len(body.Transitions))
		for i := range body.Transitions {
			b := &body.Transitions[i]
			requests[i] = b.Request(b.Kind, b.ID)
			requests[i].Key, requests[i].By, requests[i].RequestID = cmp.Or(b.Key, c.key), c.by, c.requestID
		}
		carryOut := s.options.Transitions.Batch
		if body.DryRun {
			carryOut = s.options.Transitions.DryRun
		}
		outcomes, err := carryOut(ctx, requests, writer.BatchOptions{AllOrNothing: body.AllOrNothing})
		answer := s.batchAnswer(outcomes)
		answer.DryRun = body.DryRun
		switch {
		case err != nil && answer.Done == 0 && !answer.doubtful:
			return s.refusedAndLogged(err, batchFields)
		case answer.Done == 0 && answer.doubtful:
			p := newProblem(http.StatusServiceUnavailable, ProblemInDoubt, "whether they were carried out could not be found out; look at their histories, or send it again under the same key")
			p.Outcomes, p.retryAfter = answer.Outcomes, s.options.RetryAfter
			return p
		case body.AllOrNothing && answer.Refused > 0:
			p := newProblem(http.StatusConflict, ProblemBatchRefused, "it was all or nothing, and not all of it could be: none was carried out; outcomes tells each")
			p.Outcomes = answer.Outcomes
			return p
		case err != nil:
			s.options.Logger.Warn("a batch was not carried out to its end", "done", answer.Done, "refused", answer.Refused, "error", err)
		}
		answer.Envelope, answer.Waited = s.reflects(c.r.Context(), answer.LSN, body.Wait)
		s.sendValue(c.w, &answer.Envelope, answer)
		return nil
	})(known)
}

// history reads what has become of one.
func (s *routing) history(kind statemachine.Kind, name string) func(parameters) http.HandlerFunc {
	return func(known parameters) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			id, detail := parseID("path."+name, r.PathValue(name))
			if detail == nil {
				detail = known.each(r.URL.RawQuery, nothingKnown)
			}
			if detail != nil {
				invalid(detail).write(w)
				return
			}
			if s.options.Transitions == nil {
				noTransitions().write(w)
				return
			}
			ctx, cancel := s.bounded(w, r)
			defer cancel()
			entries, err := s.options.Transitions.History(ctx, kind, id)
			if err != nil {
				s.refusedAndLogged(err, singleFields(name)).write(w)
				return
			}
			s.sendJSON(w, HistoryAnswer{kind, id, entries})
		}
	}
}

// call is a request for transitions, as far as all of them are alike.
type call struct {
	w                  http.ResponseWriter
	r                  *http.Request
	body               []byte
	key, by, requestID string
}

// moving reads a request for transitions and lets f carry it out, for as long as
// it may take.
func (s *routing) moving(f func(ctx context.Context, c *call) *Problem) func(parameters) http.HandlerFunc {
	return func(known parameters) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			c := &call{w: w, r: r}
			if problem := s.readCall(c, known); problem != nil {
				problem.write(w)
				return
			}
			w.Header().Set(HeaderRequestID, headerText(c.requestID))
			ctx, cancel := s.bounded(w, r)
			defer cancel()
			if problem := f(ctx, c); problem != nil {
				problem.write(w)
			}
		}
	}
}

// bounded gives a request the time that it may take in the database, and time to
// be answered afterwards.
func (s *routing) bounded(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	deadline := time.Now().Add(s.options.TransitionTimeout + s.options.MaxWait + s.options.WriteTimeout)
	http.NewResponseController(w).SetWriteDeadline(deadline) //nolint:errcheck // then the usual one holds
	return context.WithTimeout(r.Context(), s.options.TransitionTimeout)
}

func (s *routing) readCall(c *call, known parameters) *Problem {
	detail := known.each(c.r.URL.RawQuery, nothingKnown)
	if detail == nil {
		c.key, detail = oneHeader(c.r, HeaderKey)
	}
	if detail == nil {
		c.requestID, detail = oneHeader(c.r, HeaderRequestID)
	}
	if detail == nil && c.r.Header.Get("Content-Type") == "" {
		detail = fieldError("header.Content-Type", "", "application/json is expected")
	}
	if detail != nil {
		return invalid(detail)
	}
	if s.options.Transitions == nil {
		return noTransitions()
	}
	if c.requestID == "" {
		c.requestID = newRequestID()
	}
	c.by = s.guard.name(c.r)
	var problem *Problem
	c.body, problem = readBody(c.w, c.r, s.options.MaxTransitionBytes)
	return problem
}

// reflects waits, if that is wanted, until the index has a position, and says
// what it has then.
func (s *routing) reflects(ctx context.Context, lsn tasker.LSN, wanted bool) (Envelope, Waited) {
	var waited Waited
	if wanted && lsn != 0 {
		if problem := s.await(ctx, lsn); problem != nil {
			waited.WaitFailed = problem.Detail
		}
	}
	view, fresh := s.source.Current()
	waited.Applied = lsn != 0 && view != nil && fresh.AsOfLSN >= lsn
	return envelopeOf(fresh), waited
}
