package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// manyTasks is an index of tasks with ten steps each in a chain, ids from 1.
func manyTasks(b *testing.B, tasks int64) *readiness.View {
	b.Helper()
	load := readiness.NewLoad(readiness.Options{})
	at := tasker.TimestampOf(testClock())
	all := []*tasker.Rows{
		{Table: tasker.TaskNamespaces, TaskNamespaces: []tasker.TaskNamespace{{TaskNamespaceID: 1, Name: "default"}}},
		{Table: tasker.NamedTasks, NamedTasks: []tasker.NamedTask{{NamedTaskID: 1, Name: "order_process", TaskNamespaceID: 1, Version: "0.1.0"}}},
		{Table: tasker.NamedSteps}, {Table: tasker.Tasks}, {Table: tasker.WorkflowSteps}, {Table: tasker.WorkflowStepEdges}, {Table: tasker.WorkflowStepTransitions},
	}
	for i := range int32(10) {
		all[2].NamedSteps = append(all[2].NamedSteps, tasker.NamedStep{NamedStepID: i + 1, Name: fmt.Sprintf("reserve_stock_%d", i)})
	}
	for task := int64(1); task <= tasks; task++ {
		all[3].Tasks = append(all[3].Tasks, tasker.Task{TaskID: task, NamedTaskID: 1, CreatedAt: at})
		for i := range int64(10) {
			id := task*10 + i
			all[4].WorkflowSteps = append(all[4].WorkflowSteps, tasker.WorkflowStep{
				WorkflowStepID: id, TaskID: task, NamedStepID: int32(i + 1), Retryable: true, RetryLimit: tasker.Some[int32](3),
				Attempts: tasker.Some[int32](0), LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: at,
			})
			if i > 0 {
				all[5].WorkflowStepEdges = append(all[5].WorkflowStepEdges, tasker.WorkflowStepEdge{ID: id, FromStepID: id - 1, ToStepID: id})
			}
			if i < 5 {
				all[6].WorkflowStepTransitions = append(all[6].WorkflowStepTransitions, tasker.Transition{ID: id, ToState: tasker.Complete, MostRecent: true, ParentID: id, CreatedAt: at})
			}
		}
	}
	for _, rows := range all {
		if err := load.Add(rows); err != nil {
			b.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: goldenLSN, Time: at})
	if err != nil {
		b.Fatal(err)
	}
	return index.View()
}

const benchTasks = 1000

func benchServer(b *testing.B) *Server {
	b.Helper()
	return started(b, newSource(manyTasks(b, benchTasks), Freshness{AsOfLSN: goldenLSN}), Options{})
}

// BenchmarkHTTPSteps asks for the readiness of tasks with ten steps over
// loopback, client and server in one process; requests/s is its result.
func BenchmarkHTTPSteps(b *testing.B) {
	for _, route := range []string{"steps", "context", "levels"} { // levels go through huma
		for _, clients := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%s/clients=%d", route, clients), func(b *testing.B) {
				s := benchServer(b)
				transport := &http.Transport{MaxIdleConnsPerHost: clients}
				defer transport.CloseIdleConnections()
				client := &http.Client{Transport: transport}
				var next atomic.Int64
				done := make(chan error, clients)
				b.ReportAllocs()
				b.ResetTimer()
				for range clients {
					go func() {
						for {
							n := next.Add(1)
							if n > int64(b.N) {
								done <- nil
								return
							}
							response, err := client.Get(fmt.Sprintf("http://%s/v1/tasks/%d/%s", s.Addr(), 1+n%benchTasks, route))
							if err != nil {
								done <- err
								return
							}
							if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
								done <- fmt.Errorf("%s %w", response.Status, err)
								return
							}
							response.Body.Close()
						}
					}()
				}
				for range clients {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
			})
		}
	}
}

// BenchmarkHandler is what a request costs without the network and net/http.
func BenchmarkHandler(b *testing.B) {
	s := benchServer(b)
	for _, route := range []string{"steps", "context", "levels"} {
		b.Run(route, func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, "http://localhost/v1/tasks/7/"+route, nil)
			b.ReportAllocs()
			for b.Loop() {
				w := discard{header: http.Header{}}
				s.Handler().ServeHTTP(&w, request)
			}
		})
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkEncode compares the encoder by hand with encoding/json for the
// readiness of ten steps: what the former is kept for.
func BenchmarkEncode(b *testing.B) {
	rows := manyTasks(b, 10).StepReadiness(7, nil, tasker.TimestampOf(testClock()))
	e := Envelope{AsOfLSN: goldenLSN}
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		var body []byte
		for b.Loop() {
			body = appendStepsAnswer(body[:0], &e, 7, rows)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		answer := StepsAnswer{Envelope: e, TaskID: 7, Steps: make([]StepRow, len(rows))}
		for i := range rows {
			answer.Steps[i].StepReadiness = rows[i]
		}
		encoder := json.NewEncoder(io.Discard)
		for b.Loop() {
			if err := encoder.Encode(&answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
