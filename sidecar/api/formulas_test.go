package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness/analysis"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

// Formulas are asked for by the names of the task and the step, and what they say
// is what answers are computed with.
func TestFormulasBelongToTheirScope(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	now := tasker.TimestampOf(testClock())
	var asked []Scope
	s := started(t, newSource(view, Freshness{AsOfLSN: goldenLSN}), Options{Formulas: func(of Scope) Formulas {
		asked = append(asked, of)
		f := DefaultFormulas()
		f.Execution.BatchTimeoutBaseSeconds = 77
		f.Execution.MinConcurrentSteps, f.Execution.MaxConcurrentStepsLimit = 7, 7
		f.Backoff = derive.Backoff{DefaultBackoffSeconds: []int64{11, 12, 13, 14, 15, 16, 17, 18, 19}, MaxBackoffSeconds: 1000, DefaultReenqueueDelay: 9,
			ReenqueueDelays: derive.ReenqueueDelays{HasReadySteps: 9, WaitingForDependencies: 9, Processing: 9}}
		f.Weights = analysis.Weights{PathLengthWeight: 1000}
		return f
	}})
	c := client{t, "http://" + s.Addr()}

	task, ready := int64(0), int64(0)
	for _, r := range goldenTable(t, "tasker_tasks") {
		if row, ok := view.TaskExecutionContext(r.id("task_id"), now); ok && row.ReadySteps > 0 && row.FailedSteps == 0 && row.TotalSteps > row.ReadySteps {
			task, ready = row.TaskID, row.ReadySteps
			break
		}
	}
	if task == 0 {
		t.Fatal("the golden data have no such task")
	}
	name, version, namespace := view.TaskNames(task)
	scope := Scope{namespace.V, name.V, version.V, ""}

	var context ContextAnswer
	c.get(fmt.Sprintf("/v1/tasks/%d/context?derived=true", task), &context)
	if d := context.Derived; d.ReenqueueDelay != 9 || d.BatchTimeout != tasker.Some(min(77+5*ready, 120)) {
		t.Errorf("%+v", d)
	}
	if len(asked) != 1 || asked[0] != scope || scope.Name == "" || scope.Namespace == "" || scope.Version == "" {
		t.Errorf("asked for %+v, want %+v", asked, scope)
	}

	asked = nil
	var steps StepsAnswer
	c.get(fmt.Sprintf("/v1/tasks/%d/steps?derived=true", task), &steps)
	waits := 0
	for i, row := range steps.Steps {
		if wait := row.Derived.NextBackoff; wait != nil {
			scope.Step = row.Name
			if asked[waits] != scope {
				t.Errorf("step %d: asked for %+v, want %+v", i, asked[waits], scope)
			}
			waits++
			seconds := int64(10 + row.Attempts.V + 1)
			if diff := cmp.Diff(&derive.Wait{Attempt: int64(row.Attempts.V) + 1, Seconds: seconds, AtLeast: seconds, AtMost: seconds}, wait); diff != "" {
				t.Error(diff)
			}
		}
	}
	if waits == 0 {
		t.Error("no step has a wait")
	}

	var health HealthCountsAnswer
	c.get("/v1/health-counts?derived=true", &health)
	if got := health.Derived.Concurrency; got.Recommended != tasker.Some(int64(7)) || got.ForLoad != 7 {
		t.Errorf("%+v", got)
	}

	var found AnalysisAnswer
	c.get(fmt.Sprintf("/v1/tasks/%d/analysis?paths=2&limit=1", task), &found)
	want, _ := analysis.Of(view, task, now, analysis.Options{Weights: analysis.Weights{PathLengthWeight: 1000}, Paths: 2, Rows: 1})
	if diff := cmp.Diff(want, found.Analysis); diff != "" || found.TaskID != task || len(found.Paths) == 0 || found.Paths[0].Score < 700 {
		t.Errorf("%d: %+v %s", found.TaskID, found.Paths, diff)
	}
}

// Without being told otherwise the engine's defaults count, for every task.
func TestAnalysisOfGoldenTasks(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	s := started(t, newSource(view, Freshness{AsOfLSN: goldenLSN}), Options{})
	c := client{t, "http://" + s.Addr()}
	now := tasker.TimestampOf(testClock())
	seen := map[analysis.Severity]int{}
	for _, r := range goldenTable(t, "tasker_tasks") {
		id := r.id("task_id")
		var got AnalysisAnswer
		c.get(fmt.Sprintf("/v1/tasks/%d/analysis", id), &got)
		want, _ := analysis.Of(view, id, now, analysis.Options{Weights: analysis.DefaultWeights(), Paths: 5, Rows: 100})
		if diff := cmp.Diff(want, got.Analysis); diff != "" {
			t.Errorf("task %d: %s", id, diff)
		}
		seen[got.Overall]++
	}
	if len(seen) < 3 {
		t.Errorf("the golden tasks are all alike: %v", seen)
	}
	for _, path := range []string{"/v1/tasks/999999999/analysis"} {
		if r := question(t, s, http.MethodGet, path); r.status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
	for _, path := range []string{"/v1/tasks/24/analysis?paths=51", "/v1/tasks/24/analysis?paths=0", "/v1/tasks/24/analysis?limit=1001", "/v1/tasks/24/analysis?path=1"} {
		if r := question(t, s, http.MethodGet, path); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
}
