package agenda

import (
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Plan is what is to be done about a task, going by the rows alone. Options must
// have their defaults.
func Plan(v *readiness.View, taskID int64, o *Options) []Act {
	facts, ok := v.TaskFacts(taskID)
	if !ok || facts.TotalSteps == 0 || !o.deals(facts.Namespace, facts.Name, facts.Version) {
		return nil
	}
	p := plan{view: v, o: o, task: &facts}
	switch facts.Status {
	case tasker.Pending, tasker.InProgress, tasker.Error:
		if facts.Status == tasker.Error && facts.CompletedSteps < facts.TotalSteps && facts.InProgressSteps == 0 && facts.Ready == 0 && len(facts.ReadyAt) == 0 {
			return nil // it has failed, and that is all
		}
		p.look()
		p.retry()
		p.rescue()
		p.finalize()
		p.enqueue()
	case tasker.Cancelled:
		if facts.PendingSteps > 0 {
			p.look()
			p.cancel()
		}
	}
	return p.acts
}

// plan is a look at one task.
type plan struct {
	view  *readiness.View
	o     *Options
	task  *readiness.TaskFacts
	steps []readiness.StepFacts
	last  tasker.Timestamp // when something happened in it
	on    Act              // the transitions of the task
	acts  []Act
}

func (p *plan) look() {
	p.steps = p.view.AppendStepFacts(nil, p.task.TaskID)
	p.last = p.task.StatusAt
	for i := range p.steps {
		s := &p.steps[i]
		p.last = max(p.last, s.StateSince, s.CreatedAt, s.LastAttemptedAt)
	}
	p.on.quiet = p.o.times(p.task, "").QuietPeriod
	p.on.TaskTransition, p.on.StepsTransition = p.view.TaskTransitions(p.task.TaskID)
}

func (p *plan) quiet() tasker.Timestamp { return p.last.Add(p.on.quiet) }

// aboutStep adds an act about a step.
func (p *plan) aboutStep(service Service, s *readiness.StepFacts, to string, due tasker.Timestamp, reason string, args ...any) {
	a := p.on
	a.Service, a.TaskID, a.WorkflowStepID, a.Name = service, p.task.TaskID, s.WorkflowStepID, s.Name.Or("")
	a.From, a.To, a.Due, a.Reason = s.CurrentState, to, due, fmt.Sprintf(reason, args...)
	// Other steps may go on meanwhile: it is decided on this one alone.
	a.Threshold = p.o.times(p.task, a.Name).Threshold
	a.StepTransition, a.StepsTransition = p.view.StepTransition(s.WorkflowStepID), 0
	p.acts = append(p.acts, a)
}

// aboutTask adds an act about the task itself.
func (p *plan) aboutTask(service Service, to string, due tasker.Timestamp, reason string, args ...any) *Act {
	a := p.on
	a.Service, a.TaskID, a.Name = service, p.task.TaskID, p.task.Name.Or("")
	a.From, a.To, a.Due, a.Reason = p.task.Status, to, due, fmt.Sprintf(reason, args...)
	p.acts = append(p.acts, a)
	return &p.acts[len(p.acts)-1]
}

func (p *plan) off(s Service) bool { return p.o.Modes[s] == Off }

// retry: the functions call a failed step ready once its wait is over, and
// workers take only pending ones.
func (p *plan) retry() {
	if p.off(Retrier) || p.task.FailedSteps == 0 {
		return
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.CurrentState == tasker.Error && s.ReadyAt != tasker.NoTime {
			p.aboutStep(Retrier, s, tasker.Pending, s.ReadyAt, "it failed, its wait is over, and %d of %d attempts are used", s.Attempts.Or(0), s.RetryLimit)
		}
	}
}

// rescue: whoever has taken the step has been silent for longer than its handler
// can take. One that is processed has its result, written before its transition
// in another database: it must not run again.
func (p *plan) rescue() {
	if p.off(Rescuer) || p.task.InProgressSteps == 0 {
		return
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.CurrentState != tasker.InProgress {
			continue
		}
		times := p.o.times(p.task, s.Name.Or(""))
		threshold := times.Threshold
		if threshold == 0 && p.o.Modes[Rescuer] == Observe {
			threshold = times.ObserveAfter
		}
		if threshold > 0 && !s.Processed && s.StateSince.Finite() {
			p.aboutStep(Rescuer, s, tasker.Error, s.StateSince.Add(threshold), "it has been in progress since %s, longer than %s", s.StateSince, threshold)
		}
	}
}

// finalize: everything is done, or what is not can never be.
func (p *plan) finalize() {
	t := p.task
	if p.off(Finalizer) || t.InProgressSteps > 0 {
		return
	}
	if t.CompletedSteps == t.TotalSteps {
		// By the machine's way: only from in_progress a task becomes complete.
		to := map[string]string{tasker.InProgress: tasker.Complete, tasker.Pending: tasker.InProgress, tasker.Error: tasker.Pending}[t.Status]
		reason := "all of its %d steps are done"
		if to != tasker.Complete {
			reason += ", and it becomes complete by way of " + to
		}
		p.aboutTask(Finalizer, to, p.quiet(), reason, t.TotalSteps)
		return
	}
	if t.Status == tasker.Error || t.Ready > 0 || len(t.ReadyAt) > 0 {
		return
	}
	look := p.view.Outlook(t.TaskID)
	if look.Open == 0 && look.Dead() > 0 {
		p.aboutTask(Finalizer, tasker.Error, p.quiet(), "no step of it can run any more: %d are out of attempts, %d not retryable, %d cancelled, %d behind such a one",
			look.Exhausted, look.NotRetryable, look.Cancelled, look.Behind)
	}
}

// enqueue: a step could be taken, and nobody has come for it.
func (p *plan) enqueue() {
	t := p.task
	if p.off(Enqueuer) || t.InProgressSteps > 0 {
		return
	}
	first, ready := tasker.Infinity, 0
	for i := range p.steps {
		s := &p.steps[i]
		if s.CurrentState == tasker.Pending && s.ReadyAt != tasker.NoTime {
			ready++
			first = min(first, max(s.ReadySince, s.ReadyAt))
		}
	}
	if ready == 0 || first == tasker.Infinity {
		return
	}
	to := tasker.Pending // in its place: it is there
	wait := p.on.quiet + p.o.readyDelay(t)
	a := p.aboutTask(Enqueuer, to, max(p.last, first).Add(wait), "%d of its steps can run, and none was taken for %s", ready, wait)
	a.quiet = wait
	a.Announce = true
}

// cancel: the task is given up, and its steps would say for ever that they
// might run.
func (p *plan) cancel() {
	if p.off(Canceller) {
		return
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.CurrentState == tasker.Pending {
			p.aboutStep(Canceller, s, tasker.Cancelled, p.quiet(), "its task was cancelled %s", since(p.task.StatusAt))
		}
	}
}

func since(t tasker.Timestamp) string {
	if !t.Finite() {
		return "at an unknown time"
	}
	return "at " + t.Time().Format(time.RFC3339)
}
