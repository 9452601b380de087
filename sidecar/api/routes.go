package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// The paths that are treated specially.
const (
	pathHealthz = "/healthz"
	pathReadyz  = "/readyz"
	pathMetrics = "/metrics"
	pathOpenAPI = "/openapi.json"
	pathVerify  = "/v1/verify"

	pathMaintenance = "/v1/maintenance"
	pathContexts    = "/v1/contexts"
	pathBatch       = "/v1/transitions/batch"
)

// Groups of routes in the description.
const (
	tagTasks  = "Tasks"
	tagSteps  = "Steps"
	tagSystem = "System"
	tagProbes = "Probes"

	tagMaintenance = "Maintenance"
	tagTransitions = "Transitions"
)

// route builds the muxes and the description.
func (s *routing) route() error {
	installProblems()
	mux := http.NewServeMux()
	config := huma.Config{
		OpenAPI:       s.description(),
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	api := huma.NewAPI(config, &adapter{s, humago.NewAdapter(mux, ""), mux})
	s.spec = api.OpenAPI()

	s.routeTasks(api)
	s.routeAnalysis(api)
	s.routeSteps(api)
	s.routeSystem(api)
	s.routeEvents(api)
	s.routeMaintenance(api)
	s.routeTransitions(api)
	s.routeConfiguration(api)
	s.routeProbes(api)
	s.describeLimits()

	doc, err := json.MarshalIndent(s.spec, "", " ")
	if err != nil {
		return fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	s.specDoc = doc
	paths := map[string][]string{}
	for path, item := range s.spec.Paths {
		for _, m := range []struct {
			op      *huma.Operation
			methods []string
		}{{item.Get, []string{http.MethodGet, http.MethodHead}}, {item.Post, []string{http.MethodPost}}, {item.Patch, []string{http.MethodPatch}}} {
			if m.op != nil {
				paths[path] = append(paths[path], m.methods...)
			}
		}
	}
	fallbacks(mux, paths)
	s.handler = s.around(mux)

	probes := http.NewServeMux()
	probePaths := map[string][]string{}
	for _, path := range []string{pathHealthz, pathReadyz, pathMetrics} {
		probes.Handle("GET "+path, mux)
		probePaths[path] = []string{http.MethodGet, http.MethodHead}
	}
	fallbacks(probes, probePaths)
	s.probes = s.around(probes)
	return nil
}

func (s *routing) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Write(s.specDoc) //nolint:errcheck // nobody is left to be told
}

func (s *routing) metrics(w http.ResponseWriter, r *http.Request) {
	if s.options.Metrics == nil {
		newProblem(http.StatusNotFound, ProblemNotFound, "this server was started without metrics").write(w)
		return
	}
	s.options.Metrics.ServeHTTP(w, r)
}

// get is the operation of a GET route.
func get(id, path, tag, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{tag}, Summary: summary}
}

// handled makes an operation whose handler is written by hand. Its description
// comes from the types all the same.
func handled[I, O any](api huma.API, op huma.Operation, handler func(parameters) http.HandlerFunc) {
	op.Metadata = map[string]any{byHand: handler}
	huma.Register(api, op, func(context.Context, *I) (*O, error) { return nil, nil }) //nolint:nilnil // never called
}

// Derivable is the input of questions whose answers can have derived values.
type Derivable struct {
	Derived bool `query:"derived" doc:"Also give the values that the engine derives, under the key derived."`
}

// TaskInput is the input of questions about one task.
type TaskInput struct {
	Consistency
	TaskID int64 `path:"task_id" doc:"The task's id."`
}

// DerivableTaskInput is both.
type DerivableTaskInput struct {
	TaskInput
	Derivable
}

type stepsInput struct {
	DerivableTaskInput
	StepIDs []int64 `query:"step_id,explode" doc:"Only these steps; may be repeated. Steps of other tasks are left out."`
}

type contextsInput struct {
	Consistency
	Derivable
	TaskIDs []int64 `query:"task_id,explode" required:"true" doc:"The tasks; may be repeated. Unknown ones are left out."`
}

type postContextsInput struct {
	Consistency
	Derivable
	Body ContextsRequest
}

// BlockersInput is the input of questions why.
type BlockersInput struct {
	Consistency
	Blockers int64 `query:"blockers" doc:"How many blocking steps to list at the most, nearest first; the rest is counted."`
}

type taskReasonsInput struct {
	BlockersInput
	TaskID int64  `path:"task_id" doc:"The task's id."`
	Limit  int64  `query:"limit" doc:"How many steps at the most."`
	After  string `query:"after" doc:"Go on behind this step: what an answer gave as next." pattern:"^-?[0-9]{1,19}$"`
}

func (s *routing) routeTasks(api huma.API) {
	handled[stepsInput, output[StepsAnswer]](api,
		get("task-steps", "/v1/tasks/{task_id}/steps", tagTasks, "Readiness of a task's steps (get_step_readiness_status)"), s.taskSteps)
	handled[DerivableTaskInput, output[ContextAnswer]](api,
		get("task-context", "/v1/tasks/{task_id}/context", tagTasks, "Execution context of a task (get_task_execution_context)"), s.taskContext)
	handled[contextsInput, output[StepsOfTasksAnswer]](api,
		get("steps-of-tasks", "/v1/steps", tagSteps, "Readiness of the steps of several tasks (get_step_readiness_status_batch)"), s.stepsOfTasks)
	handled[contextsInput, output[ContextsAnswer]](api,
		get("contexts", pathContexts, tagTasks, "Execution contexts of several tasks (get_task_execution_contexts_batch)"), s.contexts)
	post := get("contexts-by-body", pathContexts, tagTasks, "The same for more tasks than fit into an address")
	post.Method = http.MethodPost
	handled[postContextsInput, output[ContextsAnswer]](api, post, s.postContexts)

	ask(s, api, get("task-levels", "/v1/tasks/{task_id}/levels", tagTasks, "Dependency levels of a task (calculate_dependency_levels), and its cycles"),
		func(_ context.Context, now reading, in *DerivableTaskInput) (*LevelsAnswer, *Problem) {
			if !now.hasTask(in.TaskID) {
				return nil, notFound("task", in.TaskID)
			}
			answer := &LevelsAnswer{Envelope: now.Envelope, TaskID: in.TaskID,
				Levels: notNil(now.DependencyLevels(in.TaskID)), Cycles: notNil(now.Cycles(in.TaskID))}
			if in.Derived {
				answer.Derived = deriveLevels(answer.Levels)
			}
			return answer, nil
		})
	ask(s, api, get("task-reasons", "/v1/tasks/{task_id}/reasons", tagTasks, "Why each step of a task that is neither ready nor done cannot run"),
		func(_ context.Context, now reading, in *taskReasonsInput) (*TaskReasonsAnswer, *Problem) {
			return s.taskReasons(&now, in)
		})
	ask(s, api, get("slowest-tasks", "/v1/tasks/slowest", tagTasks, "The slowest tasks (get_slowest_tasks_v01, working)"),
		func(_ context.Context, now reading, in *slowestInput) (*SlowestTasksAnswer, *Problem) {
			filter, problem := s.slowestFilter(in)
			if problem != nil {
				return nil, problem
			}
			return &SlowestTasksAnswer{now.Envelope, notNil(now.SlowestTasks(filter, now.now))}, nil
		})
	ask(s, api, get("dag", "/v1/dag", tagTasks, "Parents, children and depth of steps (tasker_step_dag_relationships)"),
		func(_ context.Context, now reading, in *dagInput) (*DAGAnswer, *Problem) {
			if len(in.TaskIDs) > s.options.MaxBatchIDs {
				return nil, invalid(fieldError("query.task_id", "", "more than %d ids; ask in several requests", s.options.MaxBatchIDs))
			}
			return &DAGAnswer{now.Envelope, notNil(now.StepDAGRelationships(in.TaskIDs))}, nil
		})
}

type dagInput struct {
	Consistency
	TaskIDs []int64 `query:"task_id,explode" required:"true" doc:"The tasks whose steps are meant; may be repeated."`
}

// notNil makes an empty list of a missing one, so that JSON has [] and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// blockers is how many blocking steps to list; huma has checked the range.
func (s *routing) blockers(asked int64) int {
	return int(orDefault(asked, int64(s.options.DefaultBlockers)))
}

// limit likewise is how many rows.
func (s *routing) limit(asked int64) int { return int(orDefault(asked, int64(s.options.DefaultLimit))) }

func orDefault(asked, byDefault int64) int64 {
	if asked == 0 {
		return byDefault
	}
	return asked
}
