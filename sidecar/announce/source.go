package announce

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// views are an [events.Source]: what the index knew before a transaction, and
// what it knows after it.
type views struct{ before, after *readiness.View }

// Before implements [events.Source].
func (v views) Before(kind statemachine.Kind, id int64) events.State {
	state := v.before.StepState
	if kind == statemachine.Task {
		state = v.before.TaskState
	}
	name, since, _ := state(id)
	return events.State{Name: name, Since: since}
}

// Task implements [events.Source].
func (v views) Task(id int64) events.Task {
	f, ok := v.after.TaskFacts(id)
	if !ok {
		return events.Task{}
	}
	return events.Task{Name: f.Name, Counts: &events.Counts{
		Total: f.TotalSteps, Completed: f.CompletedSteps, Failed: f.FailedSteps, Pending: f.PendingSteps,
	}}
}

// Step implements [events.Source].
func (v views) Step(id int64) events.Step {
	f, ok := v.after.StepFacts(id)
	if !ok {
		return events.Step{}
	}
	names := v.after.ParentNames(id)
	slices.Sort(names)
	return events.Step{TaskID: tasker.Some(f.TaskID), Name: f.Name, Dependencies: names, Attempt: &events.Attempt{
		Number: f.Attempts.Or(0), Limit: f.RetryLimit, LastAt: f.LastAttemptedAt, ProcessedAt: f.ProcessedAt,
		Retryable: f.Retryable, WaitUntil: max(f.NextRetryAt, f.FailureUntil),
	}}
}

// transaction joins what the log tells of a transaction with what the index
// makes of it at an instant.
func transaction(c *follow.Committed, now tasker.Timestamp) *events.Transaction {
	tx := &events.Transaction{LSN: c.LSN, At: c.At}
	if len(c.Transitions) > 0 {
		tx.Transitions = make([]events.Transition, len(c.Transitions))
	}
	for i := range c.Transitions {
		row, kind := &c.Transitions[i].Row, statemachine.Step
		if c.Transitions[i].Table == tasker.TaskTransitions {
			kind = statemachine.Task
		}
		tx.Transitions[i] = events.Transition{Kind: kind, ID: row.ID, ParentID: row.ParentID, To: row.ToState, At: row.CreatedAt}
	}
	var ready []step
	c.After.BecameReady(c.Before, now, func(stepID, taskID int64) { ready = append(ready, step{taskID, stepID}) })
	tx.Viable = byTask(ready)
	c.After.BecameIdle(c.Before, now, func(taskID int64) { tx.Idle = append(tx.Idle, taskID) })
	slices.Sort(tx.Idle)
	return tx
}

type step struct{ task, id int64 }

// byTask sorts steps and puts those of a task together.
func byTask(steps []step) []events.Viable {
	slices.SortFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.id, b.id)) })
	var list []events.Viable
	for _, s := range steps {
		if n := len(list); n == 0 || list[n-1].TaskID != s.task {
			list = append(list, events.Viable{TaskID: s.task})
		}
		last := &list[len(list)-1]
		last.StepIDs = append(last.StepIDs, s.id)
	}
	return list
}
