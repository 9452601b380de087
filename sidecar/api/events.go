package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
)

const pathEvents = "/v1/events"

type eventsInput struct {
	Names       []string `query:"name,explode" doc:"Only events of these names, such as step.failed, or step.* for all that begin so; may be repeated."`
	TaskIDs     []int64  `query:"task_id,explode" doc:"Only events about these tasks; may be repeated."`
	LastEventID string   `header:"Last-Event-ID" doc:"Go on behind this event: the id of the last one received. Without it, from now on." example:"16/B374D848-3-81234.7312345678901234567"`
}

type eventsOutput struct{}

// routeEvents adds the stream of events (text/event-stream).
func (s *routing) routeEvents(api huma.API) {
	op := get("events", pathEvents, tagSystem, "Events as they are committed, as Server-Sent Events")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "A stream without end. event: the event's name; id: its place, for Last-Event-ID; data: a JSON object with id, name, lsn, recovered, payload. " +
			"An event named gap says that events are missing before it, one named dropped why the stream ends.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	handled[eventsInput, eventsOutput](api, op, s.events)
	delete(op.Responses, "204")
}

// events streams to one reader until it goes, is too slow, or the server stops.
func (s *routing) events(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.options.Events == nil {
			newProblem(http.StatusNotFound, ProblemNotFound, "this server gives no events: events.enabled is false").write(w)
			return
		}
		filter, last, problem := s.parseEvents(known, r)
		if problem != nil {
			problem.write(w)
			return
		}
		stream := &eventStream{to: w, control: http.NewResponseController(w), patience: s.options.EventsWriteTimeout}
		if r.Method == http.MethodHead {
			stream.headers()
			return
		}
		reader, err := s.options.Events.Subscribe(last.after, filter)
		if err != nil {
			p := newProblem(http.StatusServiceUnavailable, ProblemBusy, "%s", err)
			p.retryAfter = s.options.RetryAfter
			p.write(w)
			return
		}
		defer reader.Close()
		s.stream(r.Context(), reader, stream, filter, last)
	}
}

func (s *routing) parseEvents(known parameters, r *http.Request) (filter announce.Filter, last lastEvent, problem *Problem) {
	detail := known.each(r.URL.RawQuery, func(name, value string) (detail *huma.ErrorDetail) {
		switch name {
		case "name":
			filter.Names = append(filter.Names, value)
			if err := (announce.Filter{Names: []string{value}}).Check(); err != nil {
				detail = fieldError("query.name", value, "no event has this name: step.failed is one, step.* are all that begin so")
			}
		case "task_id":
			filter.TaskIDs, detail = appendID(filter.TaskIDs, "query.task_id", value, s.options.MaxBatchIDs)
		}
		return detail
	})
	if detail != nil {
		return filter, last, invalid(detail)
	}
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		if last, detail = parseLastEvent(text); detail != nil {
			return filter, last, invalid(detail)
		}
	}
	return filter, last, nil
}

// stream sends what a reader reads.
func (s *routing) stream(ctx context.Context, reader *announce.Reader, to *eventStream, filter announce.Filter, last lastEvent) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	to.headers()
	if to.recovery = s.options.EventsRecovery; to.recovery != nil && last.token != "" && reader.Missing() {
		s.recover(ctx, reader, to, filter, last)
	}
	for to.err == nil {
		waiting, stop := context.WithTimeout(ctx, s.options.EventsHeartbeat)
		entries, err := reader.Next(waiting)
		stop()
		switch {
		case err == nil:
			for i := range entries {
				to.event(&entries[i])
			}
		case errors.Is(err, announce.ErrBehind):
			to.dropped(err.Error())
			return
		case s.closing.Err() != nil:
			to.dropped("the sidecar is stopping")
			return
		case ctx.Err() != nil:
			return // it is gone
		default:
			to.comment("nothing new")
		}
		if to.flush(); to.err != nil {
			if errors.Is(to.err, os.ErrDeadlineExceeded) {
				reader.Drop()
				s.options.Logger.Info("a reader of events is dropped: it has not taken what it was sent within events.write_timeout")
			}
			return
		}
	}
}

// eventStream writes Server-Sent Events. Nothing may take longer than its
// patience; after an error nothing more is written.
type eventStream struct {
	to       http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	recovery EventsRecovery // nil: ids have no token
	buffer   []byte
	err      error
}

func (e *eventStream) headers() {
	e.to.Header().Set("Content-Type", "text/event-stream")
	e.to.Header().Set("X-Accel-Buffering", "no") // proxies are not to collect events
	// A stream outlives what other requests may take; each write has its own time.
	if err := e.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.err = err
		return
	}
	e.comment("tasker-sidecar")
	e.flush()
}

func (e *eventStream) comment(text string) {
	e.buffer = append(append(append(e.buffer, ": "...), text...), "\n\n"...)
}

func (e *eventStream) event(entry *announce.Entry) {
	e.write(e.id(entry.Position), entry.Name, entry.Data)
}

// id is a place with its token, if there is one.
func (e *eventStream) id(p announce.Position) string {
	if e.recovery != nil {
		if token := e.recovery.Token(p.LSN); token != "" {
			return p.String() + "-" + token
		}
	}
	return p.String()
}

// dropped says why the stream ends.
func (e *eventStream) dropped(reason string) {
	data, _ := json.Marshal(map[string]string{"reason": reason}) // a string always marshals
	e.write("", "dropped", data)
	e.flush()
}

func (e *eventStream) write(id, name string, data []byte) {
	if id != "" {
		e.buffer = append(append(append(e.buffer, "id: "...), id...), '\n')
	}
	if name != "" { // otherwise the id alone
		e.buffer = append(append(append(e.buffer, "event: "...), name...), '\n')
		e.buffer = append(append(append(e.buffer, "data: "...), data...), '\n')
	}
	e.buffer = append(e.buffer, '\n')
}

func (e *eventStream) flush() {
	if e.err != nil {
		return
	}
	if err := e.control.SetWriteDeadline(time.Now().Add(e.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.err = err
		return
	}
	if _, e.err = e.to.Write(e.buffer); e.err == nil {
		e.err = e.control.Flush()
	}
	if e.buffer = e.buffer[:0]; cap(e.buffer) > largestKept {
		e.buffer = nil
	}
}
