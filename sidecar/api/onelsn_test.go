package api

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// live is a source over an index that changes.
type live struct {
	*settableSource
	index *readiness.Index
}

func (l *live) Current() (*readiness.View, Freshness) {
	view := l.index.View()
	return view, Freshness{AsOfLSN: view.LSN()}
}

// TestAnswersAreOfOnePosition writes transactions that set the attempts of all
// steps of all tasks to the same number, which the transaction's position
// gives, while clients ask. Every row of every answer has to have the number
// that the answer's own position stands for.
func TestAnswersAreOfOnePosition(t *testing.T) {
	const tasks, stepsEach, questions = 5, 8, 60
	load := readiness.NewLoad(readiness.Options{})
	named := &tasker.Rows{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "a"}}}
	taskRows, stepRows := &tasker.Rows{Table: tasker.Tasks}, &tasker.Rows{Table: tasker.WorkflowSteps}
	for task := range int64(tasks) {
		taskRows.Tasks = append(taskRows.Tasks, tasker.Task{TaskID: task + 1})
		for i := range int64(stepsEach) {
			stepRows.WorkflowSteps = append(stepRows.WorkflowSteps, tasker.WorkflowStep{
				WorkflowStepID: (task+1)*100 + i, TaskID: task + 1, NamedStepID: 1, Retryable: true, RetryLimit: tasker.Some[int32](math.MaxInt32),
				Attempts: tasker.Some[int32](0), LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime,
			})
		}
	}
	for _, rows := range []*tasker.Rows{named, taskRows, stepRows} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: goldenLSN})
	if err != nil {
		t.Fatal(err)
	}
	s := started(t, &live{newSource(nil, Freshness{}), index}, Options{})

	done := make(chan struct{})
	var clients sync.WaitGroup
	var asked atomic.Int64
	clients.Go(func() {
		var all strings.Builder
		for task := range tasks {
			fmt.Fprintf(&all, "&task_id=%d", task+1)
		}
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, path := range []string{"/v1/steps?" + all.String()[1:], "/v1/tasks/3/steps", "/v1/steps/ready"} {
				r := question(t, s, http.MethodGet, path)
				text, _ := r.body["as_of_lsn"].(string)
				lsn, err := tasker.ParseLSN(text)
				if err != nil || r.header.Get(HeaderAsOfLSN) != text {
					t.Errorf("%s: %d %v %s", path, r.status, err, r.header.Get(HeaderAsOfLSN))
					return
				}
				steps := r.body["steps"].([]any)
				if len(steps) < stepsEach && !strings.HasSuffix(path, "ready") {
					t.Errorf("%s: %d steps", path, len(steps))
				}
				for _, step := range steps {
					if got := step.(map[string]any)["attempts"]; got != float64(lsn-goldenLSN) {
						t.Errorf("%s as of %s: a step has %v attempts", path, lsn, got)
						return
					}
				}
				asked.Add(1)
			}
		}
	})
	for k := 1; asked.Load() < questions && !t.Failed(); k++ {
		index.Begin(uint32(k), tasker.Timestamp(k))
		for i := range stepRows.WorkflowSteps {
			row := stepRows.WorkflowSteps[i]
			row.Attempts = tasker.Some(int32(k))
			if err := index.Apply(&tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Update, Key: row.WorkflowStepID, OldKey: row.WorkflowStepID, WorkflowStep: row}); err != nil {
				t.Fatal(err)
			}
		}
		index.Commit(goldenLSN + tasker.LSN(k))
		index.Publish()
	}
	close(done)
	clients.Wait()
}
