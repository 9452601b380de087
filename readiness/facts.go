package readiness

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// StepFacts is what get_step_readiness_status answers of a step at any time,
// with what its reasons are told from: where the clock decides there is the
// instant from which on it says yes, NoTime for never and NegativeInfinity for
// always.
type StepFacts struct {
	WorkflowStepID int64
	TaskID         int64
	NamedStepID    int32
	// Name is NULL where the named step is missing: StepReadiness has no row then.
	Name                  tasker.Null[string]
	CurrentState          string
	DependenciesSatisfied bool
	RetryAt               tasker.Timestamp // retry_eligible
	ReadyAt               tasker.Timestamp // ready_for_execution
	// ReadySince orders the steps that can run, NoTime where ReadyAt is: when
	// everything came to let the step run, the clock included.
	ReadySince            tasker.Timestamp
	LastFailureAt         tasker.Timestamp
	NextRetryAt           tasker.Timestamp
	TotalParents          int32
	CompletedParents      int32
	Attempts              tasker.Null[int32]
	RetryLimit            int32
	BackoffRequestSeconds tasker.Null[int32]
	LastAttemptedAt       tasker.Timestamp

	FailureUntil                    tasker.Timestamp // the end of the wait after its failure
	StateSince                      tasker.Timestamp // of the most recent transition, NoTime without one
	ProcessedAt                     tasker.Timestamp // NoTime unless Processed
	CreatedAt                       tasker.Timestamp
	Retryable, InProcess, Processed bool
}

// TaskFacts is what get_task_execution_context answers of a task at any time.
type TaskFacts struct {
	TaskID      int64
	NamedTaskID int32
	// The names that the task goes by, NULL where the named task or its
	// namespace is missing. Equal does not look at them.
	Name, Version, Namespace tasker.Null[string]
	Status                   string
	// StatusAt is when its most recent transition was made, NoTime without one.
	// It is in no answer.
	StatusAt tasker.Timestamp
	// Steps that have a readiness row, and those of them in a state. Exhausted
	// are the failed ones that are out of attempts.
	TotalSteps, PendingSteps, InProgressSteps, CompletedSteps, FailedSteps, ExhaustedSteps int64
	// Ready are the steps that can run whatever the clock says, ReadyAt the
	// instants from which each of the others can, ascending.
	Ready   int64
	ReadyAt []tasker.Timestamp
}

// Equal says whether all answers of get_task_execution_context are the same.
func (f *TaskFacts) Equal(o *TaskFacts) bool {
	a, b := *f, *o
	a.ReadyAt, b.ReadyAt = nil, nil
	return sameTask(&a, &b) && slices.Equal(f.ReadyAt, o.ReadyAt)
}

func sameTask(a, b *TaskFacts) bool {
	return a.TaskID == b.TaskID && a.NamedTaskID == b.NamedTaskID && a.Status == b.Status &&
		a.TotalSteps == b.TotalSteps && a.PendingSteps == b.PendingSteps && a.InProgressSteps == b.InProgressSteps &&
		a.CompletedSteps == b.CompletedSteps && a.FailedSteps == b.FailedSteps && a.ExhaustedSteps == b.ExhaustedSteps && a.Ready == b.Ready
}

// AppendStepFacts appends what is known of a task's steps, by id.
func (v *View) AppendStepFacts(dst []StepFacts, taskID int64) []StepFacts {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return dst
	}
	t := v.task(n)
	for _, sn := range t.steps.all() {
		dst = append(dst, v.stepFacts(v.step(sn), taskID))
	}
	return dst
}

func (v *View) stepFacts(s *step, taskID int64) StepFacts {
	name, hasName := v.nameOf(s)
	var r tasker.StepReadiness
	v.readiness(&r, s, taskID, name, tasker.NegativeInfinity)
	f := StepFacts{
		WorkflowStepID: r.WorkflowStepID, TaskID: taskID, NamedStepID: r.NamedStepID, Name: tasker.Null[string]{V: name, Valid: hasName}, CurrentState: r.CurrentState,
		DependenciesSatisfied: r.DependenciesSatisfied, RetryAt: s.retryAt(v.rules), ReadyAt: tasker.NoTime, ReadySince: tasker.NoTime,
		LastFailureAt: r.LastFailureAt, NextRetryAt: r.NextRetryAt, TotalParents: r.TotalParents, CompletedParents: r.CompletedParents,
		Attempts: r.Attempts, RetryLimit: r.RetryLimit, BackoffRequestSeconds: r.BackoffRequestSeconds, LastAttemptedAt: r.LastAttemptedAt,
		FailureUntil: s.failureUntil(), StateSince: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: s.createdAt,
		Retryable: s.has(retryable), InProcess: s.has(inProcess), Processed: s.has(processed),
	}
	if s.has(hasState) {
		f.StateSince = s.stateAt
	}
	if s.has(processed) {
		f.ProcessedAt = s.mark
	}
	if s.has(candidate) {
		f.ReadySince = s.mark
		if f.ReadyAt = s.gate(); f.ReadyAt == tasker.NoTime {
			f.ReadyAt = tasker.NegativeInfinity
		}
	}
	return f
}

// TaskFacts is what is known of a task, false where there is no such task.
func (v *View) TaskFacts(taskID int64) (TaskFacts, bool) {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return TaskFacts{}, false
	}
	t := v.task(n)
	if !t.has(hasRow) {
		return TaskFacts{}, false
	}
	f := TaskFacts{
		TaskID: taskID, NamedTaskID: int32(v.namedTasks.at(t.named).id), Status: v.states[t.state], StatusAt: tasker.NoTime,
		TotalSteps: int64(t.rows), PendingSteps: int64(t.pending), InProgressSteps: int64(t.inProgress), CompletedSteps: int64(t.done),
		FailedSteps: int64(t.failed), ExhaustedSteps: int64(t.exhausted), Ready: int64(t.open),
	}
	if t.has(hasState) {
		f.StatusAt = t.statusAt
	}
	f.Name, f.Version, f.Namespace = v.namesOf(t)
	if t.gated > 0 {
		f.ReadyAt = make([]tasker.Timestamp, 0, t.gated)
		for _, sn := range t.steps.all() {
			if s := v.step(sn); s.has(gated) {
				f.ReadyAt = append(f.ReadyAt, s.gate())
			}
		}
		slices.Sort(f.ReadyAt)
	}
	return f, true
}

// TaskNames are the names that a task goes by, NULL where the named task or its
// namespace is missing.
func (v *View) TaskNames(taskID int64) (name, version, namespace tasker.Null[string]) {
	if n := v.taskIDs.get(taskID); n != 0 {
		return v.namesOf(v.task(n))
	}
	return name, version, namespace
}

func (v *View) namesOf(t *task) (name, version, namespace tasker.Null[string]) {
	if t.named == 0 {
		return name, version, namespace
	}
	if m := v.namedTasks.at(t.named); m.row {
		name, version = tasker.Some(m.name), tasker.Some(m.version)
		if ns := v.namespaces.at(m.parent); ns.row {
			namespace = tasker.Some(ns.name)
		}
	}
	return name, version, namespace
}

// OldestCandidate is since when the step that is ready first is ready, in
// whatever task; Infinity where no step can ever run by the clock alone.
func (v *View) OldestCandidate() tasker.Timestamp {
	if k, ok := v.ready.Min(); ok {
		return k.since
	}
	return tasker.Infinity
}

// Candidates is how many steps are ready, or will be by the clock alone.
func (v *View) Candidates() int { return v.ready.Len() }
