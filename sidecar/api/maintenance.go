package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Maintenance is what the maintenance services are reached by. Its methods are
// called from many goroutines at once.
type Maintenance interface {
	// List tells how the services are and the first acts of each that are due, no
	// more than limit of them; fewer where that is less than what is configured.
	List(ctx context.Context, limit int) MaintenanceReport
	// Set pauses a service (to paused) or resumes it (to running). An error that
	// wraps ErrNoService is about the request.
	Set(ctx context.Context, service, state, reason string) error
}

// ErrNoService says that there is no service of a name.
var ErrNoService = errors.New("there is no such service")

// MaintenanceReport is how the services are, and what they would do.
type MaintenanceReport struct {
	Leading  bool            `json:"leading" doc:"Whether this sidecar leads; what is due is known to the leader alone."`
	Leader   string          `json:"leader" doc:"The sidecar that leads."`
	Complete bool            `json:"complete" doc:"Whether every task has been looked at since it leads."`
	Refused  string          `json:"refused" doc:"Why nobody can lead here, as far as the database is the reason; empty otherwise."`
	Services []ServiceReport `json:"services"`
}

// ServiceReport is how one is, and what it would do.
type ServiceReport struct {
	ServiceStatus
	Acts []Act `json:"acts" doc:"What is due, the most urgent first, or would be if it acted."`
}

// Act is something to be done about a task or a step.
type Act struct {
	TaskID         int64              `json:"task_id" doc:"The task."`
	WorkflowStepID tasker.Null[int64] `json:"workflow_step_id" doc:"The step; null: it is about the task itself."`
	Name           string             `json:"name" doc:"The name of the named step or task."`
	From           string             `json:"from" doc:"The state."`
	To             string             `json:"to" doc:"What it is to become; the same where the task is only announced."`
	Announce       bool               `json:"announce" doc:"Whether the task is to be announced."`
	Due            tasker.Timestamp   `json:"due" doc:"Since when it may be done."`
	Reason         string             `json:"reason" doc:"Why."`
}

// MaintenanceAnswer is a report with what it reflects.
type MaintenanceAnswer struct {
	Envelope
	MaintenanceReport
}

// MaintenanceChange pauses or resumes a service.
type MaintenanceChange struct {
	Service string `json:"service" enum:"retrier,rescuer,canceller,finalizer,enqueuer" doc:"The service."`
	State   string `json:"state" enum:"paused,running" doc:"paused: it does nothing more, whoever leads. running: it goes on."`
	Reason  string `json:"reason,omitempty" maxLength:"1000" doc:"Why, for people."`
}

type maintenanceInput struct {
	Limit int64 `query:"limit" doc:"How many acts of each service at the most."`
}

type maintenanceChangeInput struct {
	Body MaintenanceChange
}

func (s *routing) routeMaintenance(api huma.API) {
	huma.Register(api, get("maintenance", pathMaintenance, tagMaintenance, "What the maintenance services do, and what each would do now"),
		func(ctx context.Context, in *maintenanceInput) (*output[*MaintenanceAnswer], error) {
			if s.options.Maintenance == nil {
				return nil, noMaintenance()
			}
			return s.maintenanceAnswer(ctx, s.limit(in.Limit)), nil
		})
	change := get("change-maintenance", pathMaintenance, tagMaintenance, "Pause or resume a maintenance service, for whichever sidecar leads (role writer)")
	change.Method = http.MethodPatch
	huma.Register(api, change, func(ctx context.Context, in *maintenanceChangeInput) (*output[*MaintenanceAnswer], error) {
		if s.options.Maintenance == nil {
			return nil, noMaintenance()
		}
		if strings.ContainsRune(in.Body.Reason, 0) {
			return nil, invalid(fieldError("body.reason", in.Body.Reason, "must not contain a zero character"))
		}
		switch err := s.options.Maintenance.Set(ctx, in.Body.Service, in.Body.State, in.Body.Reason); {
		case errors.Is(err, ErrNoService):
			return nil, invalid(fieldError("body.service", in.Body.Service, "%s", err))
		case err != nil:
			s.options.Logger.Warn("a maintenance service could not be set", "service", in.Body.Service, "state", in.Body.State, "error", err)
			return nil, newProblem(http.StatusServiceUnavailable, ProblemWriteFailed, "nothing was changed: %s", err)
		}
		return s.maintenanceAnswer(ctx, s.limit(0)), nil
	})
}

func (s *routing) maintenanceAnswer(ctx context.Context, limit int) *output[*MaintenanceAnswer] {
	_, fresh := s.source.Current()
	return outputOf(&MaintenanceAnswer{envelopeOf(fresh), s.options.Maintenance.List(ctx, limit)})
}

func noMaintenance() error {
	return newProblem(http.StatusNotFound, ProblemNotFound, "this server was started without maintenance: projection.mode is off, and only a leader does it")
}
