package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

// Derived values are those of package derive, of the very rows beside them;
// unasked they are absent.
func TestDerived(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	s := started(t, newSource(view, Freshness{AsOfLSN: goldenLSN}), Options{})
	c := client{t, "http://" + s.Addr()}
	now := tasker.TimestampOf(testClock())
	backoff, execution := derive.DefaultBackoff(), derive.DefaultExecution()
	blocked := 0
	for _, r := range goldenTable(t, "tasker_tasks") {
		id := r.id("task_id")
		var steps StepsAnswer
		c.get(fmt.Sprintf("/v1/tasks/%d/steps?derived=true", id), &steps)
		selected := map[derive.Selection][]int64{}
		for _, selection := range derive.Selections() {
			selected[selection] = []int64{}
			for _, row := range selection.Of(view.StepReadiness(id, nil, now)) {
				selected[selection] = append(selected[selection], row.WorkflowStepID)
			}
		}
		if diff := cmp.Diff(selected, steps.Derived); diff != "" {
			t.Errorf("task %d: %s", id, diff)
		}
		for _, row := range steps.Steps {
			d := row.Derived
			want := DerivedStep{
				BlockingReason: derive.BlockingReason(&row.StepReadiness), TimeUntilReady: derive.TimeUntilReady(&row.StepReadiness, now),
				DependencyStatus: derive.DependencyStatus(&row.StepReadiness), RetryStatus: derive.RetryStatus(&row.StepReadiness),
				BackoffType: derive.BackoffType(&row.StepReadiness), EffectiveBackoffSeconds: derive.EffectiveBackoffSeconds(&row.StepReadiness),
				DetailedStatus: derive.DetailedStatusOf(&row.StepReadiness, now), Reasons: []tasker.Reason{},
			}
			if !tasker.Done(row.CurrentState) {
				wait := backoff.After(int64(row.Attempts.Or(0)) + 1)
				want.NextBackoff = &wait
			}
			if reasons, ok := view.Reasons(row.WorkflowStepID, now, 1); ok {
				want.Reasons = reasons.Reasons
			}
			if d == nil || cmp.Diff(want, *d) != "" {
				t.Fatalf("step %d: %s", row.WorkflowStepID, cmp.Diff(&want, d))
			}
			if blocked += len(d.Reasons); row.ReadyForExecution != (len(d.Reasons) == 0) {
				t.Errorf("step %d is ready: %v, for the reasons %v", row.WorkflowStepID, row.ReadyForExecution, d.Reasons)
			}
		}
		var levels LevelsAnswer
		c.get(fmt.Sprintf("/v1/tasks/%d/levels?derived=true", id), &levels)
		if levels.Derived.HighestLevel != derive.HighestLevel(levels.Levels) || len(levels.Derived.LevelByStep) != len(levels.Levels) {
			t.Errorf("task %d: levels %+v", id, levels.Derived)
		}
		for level, ids := range levels.Derived.StepsByLevel {
			if diff := cmp.Diff(derive.StepsAtLevel(levels.Levels, int32(level)), ids); diff != "" {
				t.Errorf("task %d level %d: %s", id, level, diff)
			}
		}
		var context ContextAnswer
		c.get(fmt.Sprintf("/v1/tasks/%d/context?derived=true", id), &context)
		row := &context.TaskExecutionContext
		want := &DerivedContext{
			ContextFlags: derive.ContextFlagsOf(row), WorkflowSummary: derive.WorkflowSummaryOf(row), NextActionDetails: derive.NextActionOf(row),
			ReenqueueDelay: backoff.ReenqueueDelay(row.ExecutionStatus, view.StepReadiness(id, nil, now), now),
		}
		if row.ReadySteps > 0 {
			want.BatchTimeout = tasker.Some(execution.BatchTimeoutSeconds(row.ReadySteps))
		}
		if diff := cmp.Diff(want, context.ContextRow.Derived); diff != "" {
			t.Errorf("task %d: %s", id, diff)
		}
	}
	if blocked == 0 {
		t.Error("no step has a reason")
	}
	var health HealthCountsAnswer
	c.get("/v1/health-counts?derived=true", &health)
	if health.Derived.ConnectionUtilization != tasker.Some(0.03) || !health.Derived.HealthScore.Valid {
		t.Errorf("%+v", health.Derived)
	}
	for _, path := range []string{"/v1/tasks/24/steps?derived=false", "/v1/tasks/24/context", "/v1/tasks/24/levels", "/v1/health-counts", "/v1/steps/1004"} {
		if r := question(t, s, http.MethodGet, path); r.status != http.StatusOK || strings.Contains(r.text, "derived") {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
}

func TestReasonsComeInPages(t *testing.T) {
	view := goldenView(t, tasker.RulesV02)
	s := started(t, newSource(view, Freshness{AsOfLSN: goldenLSN}), Options{})
	c := client{t, "http://" + s.Addr()}
	now := tasker.TimestampOf(testClock())
	several := 0
	for _, r := range goldenTable(t, "tasker_tasks")[:80] {
		id := r.id("task_id")
		var want, got []tasker.StepReasons
		for _, row := range view.StepReadiness(id, nil, now) {
			if !row.ReadyForExecution && !tasker.Done(row.CurrentState) {
				reasons, _ := view.Reasons(row.WorkflowStepID, now, 5)
				tidy(&reasons)
				want = append(want, reasons)
			}
		}
		for after, pages := "", 0; ; pages++ {
			var answer TaskReasonsAnswer
			c.get(fmt.Sprintf("/v1/tasks/%d/reasons?limit=3&blockers=5%s", id, after), &answer)
			got = append(got, answer.Steps...)
			if answer.Next == "" {
				if pages > 0 {
					several++
				}
				break
			}
			after = "&after=" + url.QueryEscape(answer.Next)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("task %d: %s", id, diff)
		}
	}
	if several == 0 {
		t.Error("no task has more than one page")
	}
}

// A step without its named step has no readiness; its reasons say so.
func TestStepWithoutName(t *testing.T) {
	load := readiness.NewLoad(readiness.Options{})
	for _, rows := range []*tasker.Rows{
		{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 7, NamedTaskID: 1}}},
		{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{{WorkflowStepID: 70, TaskID: 7, NamedStepID: 1, Retryable: true, LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime}}},
	} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: goldenLSN})
	if err != nil {
		t.Fatal(err)
	}
	s := started(t, newSource(index.View(), Freshness{AsOfLSN: goldenLSN}), Options{})
	if r := question(t, s, http.MethodGet, "/v1/steps/70"); r.status != http.StatusNotFound || !strings.Contains(r.text, "named step is missing") {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := question(t, s, http.MethodGet, "/v1/steps/70/reasons"); r.status != http.StatusOK || !strings.Contains(r.text, string(tasker.ReasonNoNamedStep)) {
		t.Errorf("%d %s", r.status, r.text)
	}
	r := question(t, s, http.MethodGet, "/v1/tasks/7/reasons")
	if steps, _ := r.body["steps"].([]any); r.status != http.StatusOK || len(steps) != 1 {
		t.Errorf("%d %s", r.status, r.text)
	}
	// The task exists and has no rows: an empty list, as the function gives.
	r = question(t, s, http.MethodGet, "/v1/tasks/7/steps")
	if steps, ok := r.body["steps"].([]any); r.status != http.StatusOK || !ok || len(steps) != 0 {
		t.Errorf("%d %s", r.status, r.text)
	}
}
