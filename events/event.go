package events

import (
	"strconv"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Event is something that the engine would have published.
type Event struct {
	// ID names it for ever: whoever has seen it knows it again by this.
	ID string `json:"id"`
	// Name is the engine's.
	Name string `json:"name"`
	// LSN is the position behind the commit of the transaction that it tells of.
	// Zero, and left out, where that is not known: of a recovered event, and of
	// what the clock alone did.
	LSN tasker.LSN `json:"lsn,omitzero"`
	// Recovered says that it was read from the transition tables afterwards.
	Recovered bool `json:"recovered"`
	// Payload is a [TaskPayload], a [StepPayload] or a [ViablePayload].
	Payload any `json:"payload"`

	// TaskID is the task that it is about; NULL where that is not known.
	TaskID tasker.Null[int64] `json:"-"`
}

// The names of events that are no transition's.
const (
	TaskStarted     = "workflow.task_started"
	TaskCompleted   = "workflow.task_completed"
	TaskFailed      = "workflow.task_failed"
	StepCompleted   = "workflow.step_completed"
	StepFailed      = "workflow.step_failed"
	ViableSteps     = "workflow.viable_steps_discovered"
	NoViableSteps   = "workflow.no_viable_steps"
	Backoff         = "observability.step.backoff"
	RetriesExceeded = "observability.step.max_retries_reached"
)

// Names are those of all events that [Derive] gives, and no others. The caller
// may change the slice.
func Names() []string {
	var names []string
	for _, kind := range statemachine.Kinds() {
		for _, to := range statemachine.States() {
			name, _ := statemachine.Of(kind).Event(statemachine.None, to)
			names = append(names, name)
		}
		name, _ := statemachine.Of(kind).Event(tasker.Error, tasker.Pending)
		names = append(names, name)
	}
	return append(names, TaskStarted, TaskCompleted, TaskFailed, StepCompleted, StepFailed, ViableSteps, NoViableSteps, Backoff, RetriesExceeded)
}

// Match says whether a pattern means a name: the name itself, or its beginning
// up to a point and a star, such as step.*.
func Match(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(prefix, ".") {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// TransitionID names the event of a transition row.
func TransitionID(kind statemachine.Kind, id int64) string {
	return kind.String() + "-transition-" + strconv.FormatInt(id, 10)
}

func derivedID(base, name string) string { return base + "/" + name }

// momentID names what is known by its task and a moment: a position or an instant.
func momentID(taskID int64, moment, name string) string {
	return derivedID("task-"+strconv.FormatInt(taskID, 10)+"@"+moment, name)
}
