package workload

import "fmt"

// Scenario is what has happened to a task. The zero value is [Fresh].
type Scenario uint8

const (
	// Fresh is a task just created: no transition at all, neither of the task
	// nor of a step.
	Fresh Scenario = iota
	// Started is a task at work: a random share of its steps is done, others
	// run. Failing attempts happen as the workflow says.
	Started
	// Completed is a task whose steps are all complete, each after the
	// failing attempts that the workflow says.
	Completed
	// Flaky is Completed, with one step that needed all the attempts it has.
	Flaky
	// Exhausted has a step in error without an attempt left, and the task in
	// error: the engine's own verdict on blocked_by_failures.
	Exhausted
	// NotRetryable has a step in error that has attempts left but may not be
	// retried; its task hangs in progress for ever.
	NotRetryable
	// InFailureBackoff has a step that failed a second before now and waits
	// for min(2^attempts, 30) seconds.
	InFailureBackoff
	// InRequestedBackoff has a step that failed ten seconds before now and
	// asked for 300 seconds.
	InRequestedBackoff
	// StuckInProgress has a step that was taken an hour before now by a
	// worker that is gone.
	StuckInProgress
	// StepCancelled has a cancelled step: the task can never become complete.
	StepCancelled
	// TaskCancelled is a task cancelled on the way; its steps stay as they are.
	TaskCancelled
	// StepResolved has a step that ran out of attempts and was resolved by
	// hand; then the task was completed.
	StepResolved
	// TaskResolved is Exhausted, and then the task was resolved by hand.
	TaskResolved
	// BranchCancelled takes one conditional branch and cancels the others:
	// what joins them never runs. Without branches it is StepCancelled.
	BranchCancelled
	// BranchResolved takes one conditional branch and resolves the steps of
	// the others by hand, so that the task completes. Without branches it is
	// StepResolved.
	BranchResolved

	numScenarios
)

var scenarioNames = [numScenarios]string{
	"fresh", "started", "completed", "flaky", "exhausted", "not-retryable", "in-failure-backoff",
	"in-requested-backoff", "stuck-in-progress", "step-cancelled", "task-cancelled", "step-resolved",
	"task-resolved", "branch-cancelled", "branch-resolved",
}

// String is the name that [ParseScenario] takes.
func (s Scenario) String() string {
	if s < numScenarios {
		return scenarioNames[s]
	}
	return fmt.Sprintf("scenario %d", uint8(s))
}

// ParseScenario finds a scenario by its name.
func ParseScenario(name string) (Scenario, error) {
	for i, n := range scenarioNames {
		if n == name {
			return Scenario(i), nil
		}
	}
	return 0, fmt.Errorf("no scenario %q; there are %q", name, scenarioNames)
}

// Scenarios are all of them, in order.
func Scenarios() []Scenario {
	all := make([]Scenario, numScenarios)
	for i := range all {
		all[i] = Scenario(i)
	}
	return all
}
