package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// BecameReady calls f with the steps that can run at now in the view and could
// not at now in an earlier one of the same index: those that changes let run,
// not those that the clock did. It takes time in proportion to what has changed;
// the order is none to rely on.
func (v *View) BecameReady(since *View, now tasker.Timestamp, f func(stepID, taskID int64)) {
	diff(&since.steps, &v.steps, func(_ uint64, _, after *stepPage) {
		for i := range after {
			s := &after[i]
			if s.readyAt(now) && !since.canRun(s.id, now) {
				f(s.id, v.task(s.task).id)
			}
		}
	})
}

// BecameIdle calls f with the tasks of which no step runs or can run at now in
// the view, and of which one did or could at now in an earlier one of the same
// index. Like BecameReady it takes time in proportion to what has changed.
func (v *View) BecameIdle(since *View, now tasker.Timestamp, f func(taskID int64)) {
	diff(&since.tasks, &v.tasks, func(_ uint64, _, after *taskPage) {
		for i := range after {
			t := &after[i]
			if !t.has(hasRow) || v.busy(t, now) {
				continue
			}
			if n := since.taskIDs.get(t.id); n != 0 && since.busy(since.task(n), now) {
				f(t.id)
			}
		}
	})
}

// readyAt says whether the step can run at now.
func (s *step) readyAt(now tasker.Timestamp) bool { return s.has(candidate) && s.gate() <= now }

// canRun is readyAt of a step by its id.
func (v *View) canRun(id int64, now tasker.Timestamp) bool {
	n := v.stepIDs.get(id)
	return n != 0 && v.step(n).readyAt(now)
}

// busy says whether a step of the task runs, or can at now.
func (v *View) busy(t *task, now tasker.Timestamp) bool {
	return t.has(hasRow) && t.inProgress+t.open+v.gatesPassed(t, now) > 0
}

// StepFacts is what is known of one step; false where it has no row.
func (v *View) StepFacts(stepID int64) (StepFacts, bool) {
	n := v.stepIDs.get(stepID)
	if n == 0 || !v.step(n).has(hasRow) {
		return StepFacts{}, false
	}
	s := v.step(n)
	return v.stepFacts(s, v.task(s.task).id), true
}

// StepState is the most recent transition of a step: its state, and when it was
// made. It is false where there is none.
func (v *View) StepState(stepID int64) (state string, at tasker.Timestamp, ok bool) {
	if n := v.stepIDs.get(stepID); n != 0 {
		if s := v.step(n); s.has(hasState) {
			return v.states[s.state], s.stateAt, true
		}
	}
	return "", tasker.NoTime, false
}

// TaskState is the same of a task.
func (v *View) TaskState(taskID int64) (state string, at tasker.Timestamp, ok bool) {
	if n := v.taskIDs.get(taskID); n != 0 {
		if t := v.task(n); t.has(hasState) {
			return v.states[t.state], t.statusAt, true
		}
	}
	return "", tasker.NoTime, false
}

// ParentNames are the names of the steps that a step depends on, one for each
// edge, in no particular order; those without a named step are left out.
func (v *View) ParentNames(stepID int64) []string {
	n := v.stepIDs.get(stepID)
	if n == 0 {
		return nil
	}
	var parents []string
	for e := v.step(n).in; e != 0; {
		edge := v.edge(e)
		if name, ok := v.nameOf(v.step(edge.from)); ok {
			parents = append(parents, name)
		}
		e = edge.nextIn
	}
	return parents
}
