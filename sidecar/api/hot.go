package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The routes that workers ask all the time, decoded and encoded by hand.

// buffers holds what answers are built in.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// largestKept is how large a buffer may be to be kept for the next answer.
const largestKept = 1 << 20

var contentJSON = []string{"application/json"}

func sendBuffer(w http.ResponseWriter, e *Envelope, buffer *[]byte, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	e.setHeaders(h)
	w.Write(body) //nolint:errcheck // nobody is left to be told
	if cap(body) <= largestKept {
		*buffer = body[:0]
		buffers.Put(buffer)
	}
}

// sendValue is the way of answers that are too rare to be written by hand.
func (s *Server) sendValue(w http.ResponseWriter, e *Envelope, v any) {
	body, err := json.Marshal(v)
	if err != nil { // plain data always marshals
		s.options.Logger.Error("an answer cannot be written as JSON", "error", err)
		newProblem(http.StatusInternalServerError, ProblemInternal, "something went wrong inside; the log has the details").write(w)
		return
	}
	h := w.Header()
	h["Content-Type"] = contentJSON
	e.setHeaders(h)
	w.Write(body) //nolint:errcheck // nobody is left to be told
}

func (s *Server) taskSteps(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		taskID, detail := parseID("path.task_id", r.PathValue("task_id"))
		q, queryDetail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if problem := firstInvalid(detail, queryDetail); problem != nil {
			problem.write(w)
			return
		}
		now, problem := s.read(r.Context(), q.minLSN)
		if problem != nil {
			problem.write(w)
			return
		}
		rows := now.StepReadiness(taskID, q.stepIDs, now.now)
		if len(rows) == 0 && !now.HasTask(taskID) {
			notFound("task", taskID).write(w)
			return
		}
		if q.derived {
			s.sendValue(w, &now.Envelope, now.derivedSteps(taskID, rows))
			return
		}
		buffer := buffers.Get().(*[]byte)
		sendBuffer(w, &now.Envelope, buffer, appendStepsAnswer((*buffer)[:0], &now.Envelope, taskID, rows))
	}
}

func (r *reading) derivedSteps(taskID int64, rows []tasker.StepReadiness) *StepsAnswer {
	answer := &StepsAnswer{Envelope: r.Envelope, TaskID: taskID, Steps: make([]StepRow, len(rows)), Derived: deriveSelections(rows)}
	for i := range rows {
		answer.Steps[i] = StepRow{rows[i], r.deriveStep(&rows[i])}
	}
	return answer
}

func appendStepsAnswer(b []byte, e *Envelope, taskID int64, rows []tasker.StepReadiness) []byte {
	b = append(b, '{')
	b = appendEnvelope(b, e)
	b = append(b, `,"task_id":`...)
	b = strconv.AppendInt(b, taskID, 10)
	b = append(b, `,"steps":[`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendStepReadiness(b, &rows[i])
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}

func (s *Server) taskContext(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		taskID, detail := parseID("path.task_id", r.PathValue("task_id"))
		q, queryDetail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if problem := firstInvalid(detail, queryDetail); problem != nil {
			problem.write(w)
			return
		}
		now, problem := s.read(r.Context(), q.minLSN)
		if problem != nil {
			problem.write(w)
			return
		}
		row, ok := now.TaskExecutionContext(taskID, now.now)
		switch {
		case !ok:
			notFound("task", taskID).write(w)
		case q.derived:
			s.sendValue(w, &now.Envelope, ContextAnswer{now.Envelope, ContextRow{row, deriveContext(&row)}})
		default:
			buffer := buffers.Get().(*[]byte)
			sendBuffer(w, &now.Envelope, buffer, appendContextAnswer((*buffer)[:0], &now.Envelope, &row))
		}
	}
}

func appendContextAnswer(b []byte, e *Envelope, row *tasker.TaskExecutionContext) []byte {
	b = append(b, '{')
	b = appendEnvelope(b, e)
	b = append(b, ',')
	b = appendTaskExecutionContext(b, row)
	return append(b, "}\n"...)
}

func (s *Server) contexts(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, detail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if detail == nil && len(q.taskIDs) == 0 {
			detail = fieldError("query.task_id", "", "at least one task is needed, such as task_id=1&task_id=2")
			detail.Value = nil
		}
		if detail != nil {
			invalid(detail).write(w)
			return
		}
		s.answerContexts(w, r, q)
	}
}

func (s *Server) postContexts(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, detail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if detail != nil {
			invalid(detail).write(w)
			return
		}
		body, problem := s.readBody(w, r)
		if problem != nil {
			problem.write(w)
			return
		}
		if q.taskIDs, detail = parseContextsRequest(body, s.options.MaxBatchIDs); detail != nil {
			invalid(detail).write(w)
			return
		}
		s.answerContexts(w, r, q)
	}
}

func (s *Server) answerContexts(w http.ResponseWriter, r *http.Request, q hotQuery) {
	now, problem := s.read(r.Context(), q.minLSN)
	if problem != nil {
		problem.write(w)
		return
	}
	rows := now.TaskExecutionContexts(q.taskIDs, now.now)
	if q.derived {
		answer := &ContextsAnswer{now.Envelope, make([]ContextRow, len(rows))}
		for i := range rows {
			answer.Contexts[i] = ContextRow{rows[i], deriveContext(&rows[i])}
		}
		s.sendValue(w, &now.Envelope, answer)
		return
	}
	buffer := buffers.Get().(*[]byte)
	sendBuffer(w, &now.Envelope, buffer, appendContextsAnswer((*buffer)[:0], &now.Envelope, rows))
}

func appendContextsAnswer(b []byte, e *Envelope, rows []tasker.TaskExecutionContext) []byte {
	b = append(b, '{')
	b = appendEnvelope(b, e)
	b = append(b, `,"contexts":[`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendTaskExecutionContext(b, &rows[i])
		b = append(b, '}')
	}
	return append(b, "]}\n"...)
}
