package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/readiness/analysis"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

// Formulas are the parameters of what the engine derives and weighs: what an
// application has configured, as far as it means something here. None of them
// has a part in whether a step is ready.
type Formulas struct {
	Backoff   derive.Backoff
	Execution derive.Execution
	Weights   analysis.Weights
}

// DefaultFormulas gives the engine's defaults.
func DefaultFormulas() Formulas {
	return Formulas{derive.DefaultBackoff(), derive.DefaultExecution(), analysis.DefaultWeights()}
}

// Scope is whose formulas are asked for, by the names of the namespace, the named
// task, its version and the named step. A name is empty where there is none, or
// where the formula is not of one.
type Scope struct{ Namespace, Name, Version, Step string }

// formulas are those for a task, or for a step of it.
func (r *reading) formulas(taskID int64, step string) Formulas {
	name, version, namespace := r.TaskNames(taskID)
	return r.options.Formulas(Scope{namespace.Or(""), name.Or(""), version.Or(""), step})
}

// AnalysisAnswer is what the graph of a task tells.
type AnalysisAnswer struct {
	Envelope
	TaskID int64 `json:"task_id"`
	analysis.Analysis
}

type analysisInput struct {
	TaskInput
	Paths int64 `query:"paths" doc:"How many paths at the most, the highest score first."`
	Limit int64 `query:"limit" doc:"How many bottlenecks, and how many failed steps, at the most."`
}

func (s *routing) routeAnalysis(api huma.API) {
	ask(s, api, get("task-analysis", "/v1/tasks/{task_id}/analysis", tagTasks, "What holds a task up, its paths by importance, and what could run side by side"),
		func(_ context.Context, now reading, in *analysisInput) (*AnalysisAnswer, *Problem) {
			found, ok := analysis.Of(now.View, in.TaskID, now.now, analysis.Options{
				Weights: now.formulas(in.TaskID, "").Weights,
				Paths:   int(orDefault(in.Paths, int64(s.options.DefaultPaths))), Rows: s.limit(in.Limit),
			})
			if !ok {
				return nil, notFound("task", in.TaskID)
			}
			return &AnalysisAnswer{now.Envelope, in.TaskID, found}, nil
		})
}
