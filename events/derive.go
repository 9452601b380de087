package events

import (
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Derive appends the events of a transaction to dst, in their order. unnamed is
// how many transitions lead to a state that the engine does not know, which have
// no event.
func Derive(dst []Event, tx *Transaction, source Source) (events []Event, unnamed int) {
	d := deriver{tx: tx, source: source, events: dst}
	for i := range tx.Transitions {
		t := &tx.Transitions[i]
		before := d.move(t)
		name, ok := nameOf(t.Kind, before.Name, t.To)
		switch {
		case !ok:
			unnamed++
		case t.Kind == statemachine.Task:
			d.task(t, name, before)
		default:
			d.step(t, name, before)
		}
	}
	for _, v := range tx.Viable {
		d.viable(v.TaskID, v.StepIDs, tx.LSN.String())
	}
	for _, id := range tx.Idle {
		d.idle(id)
	}
	return d.events, unnamed
}

// DeriveDue appends the events of steps that the clock alone lets run at an
// instant.
func DeriveDue(dst []Event, at tasker.Timestamp, viable []Viable, source Source) []Event {
	d := deriver{tx: &Transaction{At: at}, source: source, events: dst}
	for _, v := range viable {
		d.viable(v.TaskID, v.StepIDs, at.String())
	}
	return d.events
}

// nameOf is the event of a transition. One that no machine allows is named by
// its target: the row is there, whoever wrote it.
func nameOf(kind statemachine.Kind, from, to string) (string, bool) {
	machine := statemachine.Of(kind)
	if name, ok := machine.Event(from, to); ok {
		return name, true
	}
	return machine.Event(statemachine.None, to)
}

type deriver struct {
	tx     *Transaction
	source Source
	events []Event
	moved  map[entity]State // by the transitions so far
}

type entity struct {
	kind statemachine.Kind
	id   int64
}

// move gives the state that a transition left, and notes the one it made. Only
// a transaction that moves something twice needs to remember anything.
func (d *deriver) move(t *Transition) State {
	key := entity{t.Kind, t.ParentID}
	before, ok := d.moved[key]
	if !ok {
		before = d.source.Before(t.Kind, t.ParentID)
	}
	if len(d.tx.Transitions) > 1 {
		if d.moved == nil {
			d.moved = make(map[entity]State, len(d.tx.Transitions))
		}
		d.moved[key] = State{t.To, t.At}
	}
	return before
}

func (d *deriver) add(id, name string, taskID tasker.Null[int64], payload any) {
	d.events = append(d.events, Event{
		ID: id, Name: name, LSN: d.tx.LSN, Recovered: d.tx.Recovered, Payload: payload, TaskID: taskID,
	})
}

func (d *deriver) task(t *Transition, name string, before State) {
	facts := d.source.Task(t.ParentID)
	p := TaskPayload{Timestamp: t.At, TaskID: t.ParentID, TaskName: facts.Name}
	derived := ""
	switch t.To {
	case tasker.InProgress:
		derived = TaskStarted
	case tasker.Complete, tasker.Error:
		derived = TaskCompleted
		if t.To == tasker.Error {
			derived = TaskFailed
		}
		p.count(facts.Counts)
		p.CompletedAt = known(t.At)
		if before.Name == tasker.InProgress {
			p.StartedAt, p.TotalDuration = known(before.Since), seconds(before.Since, t.At)
			p.TotalExecuted = p.TotalDuration
		}
	}
	id := TransitionID(t.Kind, t.ID)
	d.add(id, name, tasker.Some(t.ParentID), p)
	if derived != "" {
		d.add(derivedID(id, derived), derived, tasker.Some(t.ParentID), p)
	}
}

func (d *deriver) step(t *Transition, name string, before State) {
	facts := d.source.Step(t.ParentID)
	p := StepPayload{Timestamp: t.At, TaskID: facts.TaskID, StepID: t.ParentID, StepName: facts.Name, EventType: eventType(name)}
	p.attempt(facts.Attempt)
	if before.Name == tasker.InProgress {
		p.ExecutionDuration = seconds(before.Since, t.At)
	}
	if t.To == tasker.InProgress {
		p.StepDependencies = facts.Dependencies
	}
	id := TransitionID(t.Kind, t.ID)
	d.add(id, name, facts.TaskID, p)
	switch t.To {
	case tasker.Complete:
		d.add(derivedID(id, StepCompleted), StepCompleted, facts.TaskID, p)
	case tasker.Error:
		d.add(derivedID(id, StepFailed), StepFailed, facts.TaskID, p)
		if a := facts.Attempt; a != nil {
			d.failed(id, t.At, a, p)
		}
	}
}

// failed tells what comes of a failure: an end, or a wait.
func (d *deriver) failed(id string, at tasker.Timestamp, a *Attempt, p StepPayload) {
	switch {
	case a.Number >= a.Limit:
		d.add(derivedID(id, RetriesExceeded), RetriesExceeded, p.TaskID, p)
	case a.Retryable && a.WaitUntil > at:
		p.NextRetryAt, p.BackoffSeconds = known(a.WaitUntil), seconds(at, a.WaitUntil)
		d.add(derivedID(id, Backoff), Backoff, p.TaskID, p)
	}
}

func (d *deriver) viable(taskID int64, steps []int64, moment string) {
	d.add(momentID(taskID, moment, ViableSteps), ViableSteps, tasker.Some(taskID),
		ViablePayload{d.tx.At, taskID, d.source.Task(taskID).Name, steps, len(steps)})
}

func (d *deriver) idle(taskID int64) {
	facts := d.source.Task(taskID)
	p := TaskPayload{Timestamp: d.tx.At, TaskID: taskID, TaskName: facts.Name}
	p.count(facts.Counts)
	d.add(momentID(taskID, d.tx.LSN.String(), NoViableSteps), NoViableSteps, tasker.Some(taskID), p)
}
