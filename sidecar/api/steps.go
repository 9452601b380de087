package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

type stepInput struct {
	Consistency
	Derivable
	StepID int64 `path:"workflow_step_id" doc:"The step's id."`
}

type stepReasonsInput struct {
	BlockersInput
	StepID int64 `path:"workflow_step_id" doc:"The step's id."`
}

type readyInput struct {
	Consistency
	Limit int64  `query:"limit" doc:"How many steps at the most."`
	After string `query:"after" doc:"Go on behind this place: what an answer gave as next." pattern:"^-?[0-9]{1,19}\\.-?[0-9]{1,19}$"`
}

type slowestInput struct {
	Consistency
	Since     string `query:"since" doc:"Only what was created after this time (RFC 3339). Default: 24 hours ago." format:"date-time"`
	Limit     int64  `query:"limit" doc:"How many rows at the most."`
	Namespace string `query:"namespace" doc:"Only of this namespace."`
	TaskName  string `query:"task_name" doc:"Only of named tasks with this name."`
	Version   string `query:"version" doc:"Only of this version."`
}

func (s *routing) routeSteps(api huma.API) {
	ask(s, api, get("step", "/v1/steps/{workflow_step_id}", tagSteps, "Readiness of one step"),
		func(_ context.Context, now reading, in *stepInput) (*StepAnswer, *Problem) {
			row, ok := now.Step(in.StepID, now.now)
			if !ok {
				problem := notFound("step", in.StepID)
				if _, nameless := now.Reasons(in.StepID, now.now, -1); nameless {
					problem.Detail = fmt.Sprintf("step %d has no readiness, because its named step is missing; its reasons tell more", in.StepID)
				}
				return nil, problem
			}
			answer := &StepAnswer{now.Envelope, StepRow{row, nil}}
			if in.Derived {
				answer.Derived = now.deriveStep(&row)
			}
			return answer, nil
		})
	ask(s, api, get("step-reasons", "/v1/steps/{workflow_step_id}/reasons", tagSteps, "Every reason why a step cannot run, and the steps it waits for"),
		func(_ context.Context, now reading, in *stepReasonsInput) (*StepReasonsAnswer, *Problem) {
			reasons, ok := now.Reasons(in.StepID, now.now, s.blockers(in.Blockers))
			if !ok {
				return nil, notFound("step", in.StepID)
			}
			tidy(&reasons)
			return &StepReasonsAnswer{now.Envelope, reasons}, nil
		})
	ask(s, api, get("ready-steps", "/v1/steps/ready", tagSteps, "Steps of all tasks that can run now, longest ready first"), s.readySteps)
	ask(s, api, get("slowest-steps", "/v1/steps/slowest", tagSteps, "The slowest steps (get_slowest_steps_v01, working)"),
		func(_ context.Context, now reading, in *slowestInput) (*SlowestStepsAnswer, *Problem) {
			filter, problem := s.slowestFilter(in)
			if problem != nil {
				return nil, problem
			}
			return &SlowestStepsAnswer{now.Envelope, notNil(now.SlowestSteps(filter, now.now))}, nil
		})
}

// readySteps gives one page. The place where a page ends is the last row's
// own place in the order, so that steps which come and go meanwhile neither
// repeat nor hide others.
func (s *routing) readySteps(_ context.Context, now reading, in *readyInput) (*ReadyStepsAnswer, *Problem) {
	limit := s.limit(in.Limit)
	var after *readiness.ReadyAfter
	if in.After != "" {
		var detail *huma.ErrorDetail
		if after, detail = parsePlace(in.After); detail != nil {
			return nil, invalid(detail)
		}
	}
	steps := now.ReadySteps(now.now, limit+1, after)
	answer := &ReadyStepsAnswer{Envelope: now.Envelope, Steps: notNil(steps)}
	if len(steps) > limit {
		last := &steps[limit-1]
		answer.Steps, answer.Next = steps[:limit], place(last.ReadySince, last.WorkflowStepID)
	}
	return answer, nil
}

// place writes a place in the order of ready steps: microseconds, a point, the id.
func place(since tasker.Timestamp, stepID int64) string {
	return strconv.FormatInt(int64(since), 10) + "." + strconv.FormatInt(stepID, 10)
}

func parsePlace(text string) (*readiness.ReadyAfter, *huma.ErrorDetail) {
	since, id, _ := strings.Cut(text, ".")
	micros, err := strconv.ParseInt(since, 10, 64)
	stepID, idErr := strconv.ParseInt(id, 10, 64)
	if err != nil || idErr != nil {
		return nil, fieldError("query.after", text, "not a place in the list: give what an answer had under next")
	}
	return &readiness.ReadyAfter{Since: tasker.Timestamp(micros), WorkflowStepID: stepID}, nil
}

func (s *routing) slowestFilter(in *slowestInput) (tasker.SlowestFilter, *Problem) {
	filter := tasker.SlowestFilter{Since: tasker.NoTime, Limit: int32(in.Limit)} //nolint:gosec // bounded by MaxLimit
	if in.Limit == 0 {
		filter.Limit = int32(min(defaultSlowest, s.options.MaxLimit)) //nolint:gosec // likewise
	}
	if in.Since != "" {
		since, detail := parseTime("query.since", in.Since)
		if detail != nil {
			return filter, invalid(detail)
		}
		filter.Since = since
	}
	for _, f := range []struct {
		to   *tasker.Null[string]
		from string
	}{{&filter.Namespace, in.Namespace}, {&filter.TaskName, in.TaskName}, {&filter.Version, in.Version}} {
		if f.from != "" {
			*f.to = tasker.Some(f.from)
		}
	}
	return filter, nil
}

// defaultSlowest is the default of the functions' limit_count.
const defaultSlowest = 10

// taskReasons collects the reasons of a task's steps that are neither ready
// nor done, a page of them.
func (s *routing) taskReasons(now *reading, in *taskReasonsInput) (*TaskReasonsAnswer, *Problem) {
	after, started := int64(0), in.After == ""
	if !started {
		var detail *huma.ErrorDetail
		if after, detail = parseID("query.after", in.After); detail != nil {
			return nil, invalid(detail)
		}
	}
	steps := now.StepDAGRelationships([]int64{in.TaskID}) // by id, those without a name too
	if len(steps) == 0 && !now.hasTask(in.TaskID) {
		return nil, notFound("task", in.TaskID)
	}
	answer := &TaskReasonsAnswer{Envelope: now.Envelope, TaskID: in.TaskID, Steps: []tasker.StepReasons{}}
	limit, blockers := s.limit(in.Limit), s.blockers(in.Blockers)
	for i := range steps {
		id := steps[i].WorkflowStepID
		if !started && id <= after {
			continue
		}
		reasons, ok := now.Reasons(id, now.now, blockers)
		if !ok || reasons.ReadyForExecution || tasker.Done(reasons.CurrentState) {
			continue
		}
		if len(answer.Steps) == limit {
			answer.Next = strconv.FormatInt(answer.Steps[limit-1].WorkflowStepID, 10)
			break
		}
		tidy(&reasons)
		answer.Steps = append(answer.Steps, reasons)
	}
	return answer, nil
}

// tidy makes empty lists of missing ones.
func tidy(s *tasker.StepReasons) {
	s.Reasons, s.Blockers = notNil(s.Reasons), notNil(s.Blockers)
	for i := range s.Blockers {
		b := &s.Blockers[i]
		b.BlockedBy, b.Reasons = notNil(b.BlockedBy), notNil(b.Reasons)
	}
}
