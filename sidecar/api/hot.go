package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The routes that workers ask all the time, decoded and encoded by hand.

// scratch is what an answer is built in.
type scratch struct {
	rows []tasker.StepReadiness
	body []byte
}

var scratches = sync.Pool{New: func() any { return &scratch{body: make([]byte, 0, 8<<10)} }}

// largestKept is how large a body may be for its scratch to be kept.
const largestKept = 1 << 20

var contentJSON = []string{"application/json"}

// send writes the body and gives the scratch back, which must not be used any
// more then.
func (c *scratch) send(w http.ResponseWriter, e *Envelope) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(c.body))}
	e.setHeaders(h)
	w.Write(c.body) //nolint:errcheck // nobody is left to be told
	if cap(c.body) <= largestKept {
		c.body = c.body[:0]
		clear(c.rows) // do not hold on to names
		c.rows = c.rows[:0]
		scratches.Put(c)
	}
}

// sendValue is the way of answers that are too rare to be written by hand.
func (s *routing) sendValue(w http.ResponseWriter, e *Envelope, v any) {
	c := scratches.Get().(*scratch)
	buffer := bytes.NewBuffer(c.body[:0])
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil { // plain data always marshals
		s.options.Logger.Error("an answer cannot be written as JSON", "error", err)
		newProblem(http.StatusInternalServerError, ProblemInternal, "something went wrong inside; the log has the details").write(w)
		return
	}
	c.body = buffer.Bytes()
	c.send(w, e)
}

// sendJSON sends an answer that is not of the index.
func (s *routing) sendJSON(w http.ResponseWriter, v any) {
	w.Header()["Content-Type"] = contentJSON
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v) //nolint:errcheck // plain data; and nobody is left to be told
}

func (s *routing) taskSteps(known parameters) http.HandlerFunc {
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
		c := scratches.Get().(*scratch)
		c.rows = now.AppendStepReadiness(c.rows[:0], taskID, q.stepIDs, now.now)
		switch {
		case len(c.rows) == 0 && !now.hasTask(taskID):
			notFound("task", taskID).write(w)
		case q.derived:
			s.sendValue(w, &now.Envelope, &StepsAnswer{now.Envelope, taskID, now.deriveSteps(c.rows), deriveSelections(c.rows)})
		default:
			c.body = appendStepsAnswer(c.body[:0], &now.Envelope, taskID, c.rows)
			c.send(w, &now.Envelope)
		}
	}
}

func appendStepsAnswer(b []byte, e *Envelope, taskID int64, rows []tasker.StepReadiness) []byte {
	b = append(b, '{')
	b = appendEnvelope(b, e)
	b = append(b, `,"task_id":`...)
	b = strconv.AppendInt(b, taskID, 10)
	return appendSteps(b, rows)
}

func appendSteps(b []byte, rows []tasker.StepReadiness) []byte {
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

// stepsOfTasks answers the batch form.
func (s *routing) stepsOfTasks(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, detail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if problem := firstInvalid(detail, noTasks(detail, q.taskIDs)); problem != nil {
			problem.write(w)
			return
		}
		now, problem := s.read(r.Context(), q.minLSN)
		if problem != nil {
			problem.write(w)
			return
		}
		rows := now.StepReadinessBatch(q.taskIDs, now.now)
		if q.derived {
			s.sendValue(w, &now.Envelope, &StepsOfTasksAnswer{now.Envelope, now.deriveSteps(rows), deriveSelections(rows)})
			return
		}
		c := scratches.Get().(*scratch)
		c.body = appendSteps(appendEnvelope(append(c.body[:0], '{'), &now.Envelope), rows)
		c.send(w, &now.Envelope)
	}
}

// noTasks is the error of a query that parsed and names no task.
func noTasks(parsed *huma.ErrorDetail, ids []int64) *huma.ErrorDetail {
	if parsed != nil || len(ids) > 0 {
		return nil
	}
	return &huma.ErrorDetail{Location: "query.task_id", Message: "at least one task is needed, such as task_id=1&task_id=2"}
}

func (s *routing) taskContext(known parameters) http.HandlerFunc {
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
			s.sendValue(w, &now.Envelope, ContextAnswer{now.Envelope, ContextRow{row, now.deriveContext(&row)}})
		default:
			c := scratches.Get().(*scratch)
			c.body = appendContextAnswer(c.body[:0], &now.Envelope, &row)
			c.send(w, &now.Envelope)
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

func (s *routing) contexts(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, detail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if problem := firstInvalid(detail, noTasks(detail, q.taskIDs)); problem != nil {
			problem.write(w)
			return
		}
		s.answerContexts(w, r, q)
	}
}

func (s *routing) postContexts(known parameters) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, detail := parseHotQuery(known, r.URL.RawQuery, s.options.MaxBatchIDs)
		if detail != nil {
			invalid(detail).write(w)
			return
		}
		body, problem := readBody(w, r, s.options.MaxBodyBytes)
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

func (s *routing) answerContexts(w http.ResponseWriter, r *http.Request, q hotQuery) {
	now, problem := s.read(r.Context(), q.minLSN)
	if problem != nil {
		problem.write(w)
		return
	}
	rows := now.TaskExecutionContexts(q.taskIDs, now.now)
	if q.derived {
		answer := &ContextsAnswer{now.Envelope, make([]ContextRow, len(rows))}
		for i := range rows {
			answer.Contexts[i] = ContextRow{rows[i], now.deriveContext(&rows[i])}
		}
		s.sendValue(w, &now.Envelope, answer)
		return
	}
	c := scratches.Get().(*scratch)
	c.body = appendContextsAnswer(c.body[:0], &now.Envelope, rows)
	c.send(w, &now.Envelope)
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
