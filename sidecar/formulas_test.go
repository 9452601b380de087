package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/readiness/analysis"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The engine's defaults are the same as those of the formulas.
func TestFormulasOfDefaults(t *testing.T) {
	c := config.Default()
	if diff := cmp.Diff(api.DefaultFormulas(), formulasOf(&c)(api.Scope{})); diff != "" {
		t.Error(diff)
	}
}

// Every option of the engine that is said to have a use here changes an answer,
// and no other does.
func TestEngineOptionsChangeAnswers(t *testing.T) {
	view := troubledTasks(t)
	before := answers(t, view, nil)
	used := 0
	for _, o := range config.Options() {
		if o.Section() != "engine" || strings.HasSuffix(o.Key, "_file") {
			continue
		}
		changed := before != answers(t, view, []string{o.Env + "=" + another(t, o)})
		if changed != (o.Use != "") {
			t.Errorf("%s = %s changes an answer: %v; it is said to be used for %q", o.Key, another(t, o), changed, o.Use)
		}
		if changed {
			used++
		}
	}
	if used != 37 {
		t.Errorf("%d options are used", used)
	}
}

// What is said for a workflow or a step counts for it, and for nothing else.
func TestFormulasByWorkflow(t *testing.T) {
	payments, charge := config.Selector{Namespace: "payments"}, config.Selector{Namespace: "payments", Name: "order", Step: "charge"}
	loaded, err := new(config.Builder).
		For(payments, "engine.backoff.reenqueue_delays.has_ready_steps", 9*time.Second).
		For(payments, "engine.dependency_graph.impact_multipliers.downstream_weight", 7).
		For(charge, "engine.backoff.max_backoff_seconds", 60).
		Build()
	if err != nil {
		t.Fatal(err)
	}
	of, delay := formulasOf(&loaded.Config), readyDelay(&loaded.Config)
	for _, c := range []struct {
		scope           api.Scope
		longest, weight int64
	}{
		{api.Scope{}, 300, 5},
		{api.Scope{Namespace: "other", Name: "order", Version: "1", Step: "charge"}, 300, 5},
		{api.Scope{Namespace: "payments", Name: "order", Version: "1"}, 300, 7},
		{api.Scope{Namespace: "payments", Name: "order", Version: "1", Step: "charge"}, 60, 7},
	} {
		for range 2 { // the second time it is known
			if f := of(c.scope); f.Backoff.MaxBackoffSeconds != c.longest || f.Weights.DownstreamWeight != c.weight {
				t.Errorf("%+v: %+v", c.scope, f)
			}
		}
	}
	if d := delay("payments", "order", "1"); d != 9*time.Second {
		t.Errorf("the delay is %s", d)
	}
	if d := delay("other", "order", "1"); d != 0 {
		t.Errorf("elsewhere the delay is %s", d)
	}
}

// another is a value that an option does not have by default, and may.
func another(t *testing.T, o *config.Option) string {
	t.Helper()
	if special, ok := map[string]string{
		"engine.auth.authentication_enabled":                    "true", // with authenticator_class, see answers
		"engine.auth.current_user_method":                       "someone",
		"engine.auth.authenticate_user_method":                  "someone!",
		"engine.engine.identity_strategy":                       "hash",
		"engine.telemetry.log_level":                            "warn",
		"engine.telemetry.log_format":                           "logfmt",
		"engine.telemetry.metrics_format":                       "json",
		"engine.telemetry.prometheus.compression":               "gzip",
		"engine.telemetry.prometheus.endpoint":                  "https://metrics.example/write",
		"engine.execution.connection_health_log_level":          "warn",
		"engine.dependency_graph.severity_thresholds.critical":  "60",
		"engine.dependency_graph.severity_thresholds.high":      "40",
		"engine.dependency_graph.severity_thresholds.medium":    "5",
		"engine.execution.connection_pressure_factors.moderate": "0.1",
	}[o.Key]; ok {
		return special
	}
	switch o.Kind {
	case "true or false":
		return strconv.FormatBool(o.Default == "false")
	case "whole number":
		n, err := strconv.Atoi(o.Default)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(n + 4)
	case "number":
		f, err := strconv.ParseFloat(o.Default, 64)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatFloat(f/2, 'g', -1, 64)
	case "duration":
		d, err := time.ParseDuration(o.Default)
		if err != nil {
			t.Fatal(err)
		}
		return (d + 7*time.Second).String()
	case "list of whole numbers":
		return "3,5"
	}
	return "Another" // of texts and lists of them
}

// answers are what the API derives of tasks in trouble, as it is configured, and
// when the enqueuer would announce one.
func answers(t *testing.T, view *readiness.View, environ []string) string {
	t.Helper()
	loaded, err := config.Load(config.Sources{Environ: append(environ, "TASKER_SIDECAR_ENGINE__AUTH__AUTHENTICATOR_CLASS=Some")})
	if err != nil {
		t.Fatal(err)
	}
	options, err := apiOptions(&loaded.Config, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	f := options.Formulas(api.Scope{})
	now := tasker.TimestampOf(began.Add(time.Hour))
	var all []any
	for n := range int64(30) {
		all = append(all, f.Backoff.After(n), f.Execution.BatchTimeoutSeconds(n))
	}
	for _, status := range []string{tasker.HasReadySteps, tasker.Processing, tasker.WaitingForDependencies, tasker.AllComplete} {
		all = append(all, f.Backoff.ReenqueueDelay(status, nil, now))
	}
	waiting := []tasker.StepReadiness{{CurrentState: tasker.Error, RetryLimit: 3, NextRetryAt: now.Add(20 * time.Second)}}
	all = append(all, f.Backoff.ReenqueueDelay(tasker.Processing, waiting, now))
	for active := range int64(100) {
		counts := tasker.SystemHealthCounts{ActiveConnections: tasker.Some(active), MaxConnections: tasker.Some[int64](100)}
		for _, connections := range []int64{25, 100} {
			counts.MaxConnections = tasker.Some(connections)
			all = append(all, f.Execution.ConcurrencyOf(&counts))
		}
	}
	for task := int64(1); task <= 2; task++ {
		found, ok := analysis.Of(view, task, now, analysis.Options{Weights: f.Weights, Paths: 9, Rows: 9})
		if !ok {
			t.Fatalf("task %d is unknown", task)
		}
		all = append(all, found)
	}
	all = append(all, readyDelay(&loaded.Config)("", "", ""))
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// troubledTasks are two: a chain of which the first step is done, with one that
// was tried twice beside it; and one with failed steps.
func troubledTasks(t *testing.T) *readiness.View {
	t.Helper()
	load := readiness.NewLoad(readiness.Options{Rules: tasker.RulesV02})
	step := func(id, task int64, attempts int32) tasker.WorkflowStep {
		return tasker.WorkflowStep{WorkflowStepID: id, TaskID: task, NamedStepID: 1, Retryable: true, Attempts: tasker.Some(attempts),
			RetryLimit: tasker.Some[int32](3), LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: tasker.TimestampOf(began)}
	}
	edge := func(id, from, to int64) tasker.WorkflowStepEdge {
		return tasker.WorkflowStepEdge{ID: id, FromStepID: from, ToStepID: to}
	}
	state := func(id, parent int64, to string) tasker.Transition {
		return tasker.Transition{ID: id, ParentID: parent, ToState: to, MostRecent: true, CreatedAt: tasker.TimestampOf(began)}
	}
	for _, rows := range []*tasker.Rows{
		{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "step"}}},
		{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 1, NamedTaskID: 1}, {TaskID: 2, NamedTaskID: 1}}},
		{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{
			step(10, 1, 1), step(11, 1, 0), step(12, 1, 0), step(13, 1, 0), step(14, 1, 0), step(15, 1, 0), step(16, 1, 2),
			step(20, 2, 1), step(21, 2, 0), step(22, 2, 3), step(23, 2, 0),
		}},
		{Table: tasker.WorkflowStepEdges, WorkflowStepEdges: []tasker.WorkflowStepEdge{
			edge(1, 10, 11), edge(2, 11, 12), edge(3, 12, 13), edge(4, 13, 14), edge(5, 14, 15), edge(6, 20, 21), edge(7, 22, 23),
		}},
		{Table: tasker.WorkflowStepTransitions, WorkflowStepTransitions: []tasker.Transition{
			state(1, 10, tasker.Complete), state(2, 20, tasker.Error), state(3, 22, tasker.Error),
		}},
	} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: 1})
	if err != nil {
		t.Fatal(err)
	}
	return index.View()
}
