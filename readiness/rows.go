package readiness

import (
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Changes of the rows of tasks, steps and edges. An update of a primary key is
// a delete and an insert: what refers to the old key goes on doing so.

func (x *Index) applyStep(c *tasker.Change, old int64) error {
	if c.Op == tasker.Delete || old != c.Key {
		if n := x.stepIDs.get(old); n != 0 && x.step(n).has(hasRow) {
			x.dropStepRow(n)
		}
	}
	if c.Op == tasker.Delete {
		return nil
	}
	if err := only(c, 0); err != nil {
		return err
	}
	n := x.ensureStep(c.Key)
	s := x.touchStep(n)
	x.setStepRow(n, s, &c.WorkflowStep)
	return nil
}

// setStepRow gives a touched step its row.
func (x *Index) setStepRow(n uint32, s *step, row *tasker.WorkflowStep) {
	if s.has(hasRow) && x.task(s.task).id != row.TaskID {
		x.leaveTask(s)
		s.task = 0
	}
	if !s.has(hasRow) {
		s.task, s.named = 0, 0
	}
	if s.task == 0 {
		s.task = x.ensureTask(row.TaskID)
		t := x.touchTask(s.task)
		at, _ := x.place(&t.steps, s.id)
		t.steps.insert(at, n)
	}
	if named := x.namedSteps.ensure(int64(row.NamedStepID)); named != s.named {
		if s.named != 0 {
			x.namedSteps.use(s.named, -1)
		}
		s.named = named
		x.namedSteps.use(named, 1)
	}
	s.setColumns(row)
}

// setColumns copies what is kept of a row, but for its references.
func (s *step) setColumns(row *tasker.WorkflowStep) {
	s.createdAt, s.lastAttempt, s.mark = row.CreatedAt, row.LastAttemptedAt, tasker.NoTime
	if row.Processed {
		s.mark = row.ProcessedAt
	}
	s.attempts, s.limit, s.backoff = row.Attempts.V, row.RetryLimit.V, row.BackoffRequestSeconds.V
	s.flags &^= retryable | inProcess | processed | attemptsNull | limitNull | backoffNull
	s.flags |= hasRow |
		flag(row.Retryable, retryable) | flag(row.InProcess, inProcess) | flag(row.Processed, processed) |
		flag(!row.Attempts.Valid, attemptsNull) | flag(!row.RetryLimit.Valid, limitNull) |
		flag(!row.BackoffRequestSeconds.Valid, backoffNull)
}

func flag(set bool, f uint16) uint16 {
	if set {
		return f
	}
	return 0
}

// dropStepRow leaves of a step what else tells of it.
func (x *Index) dropStepRow(n uint32) {
	s := x.touchStep(n)
	x.leaveTask(s)
	x.namedSteps.use(s.named, -1)
	*s = step{
		id: s.id, transitionID: s.transitionID, stateAt: s.stateAt, state: s.state,
		lastAttempt: tasker.NoTime, createdAt: tasker.NoTime, mark: tasker.NoTime,
		parents: s.parents, doneParents: s.doneParents, in: s.in, out: s.out,
		flags: s.flags & (hasState | countedDone | touched | restated),
	}
}

func (x *Index) leaveTask(s *step) {
	t := x.touchTask(s.task)
	if at, found := x.place(&t.steps, s.id); found {
		t.steps.remove(at)
	}
}

func (x *Index) applyTask(c *tasker.Change, old int64) error {
	moved := old != c.Key
	var before task
	if n := x.taskIDs.get(old); n != 0 {
		before = *x.task(n)
		if before.has(hasRow) && (moved || c.Op == tasker.Delete) {
			x.dropTaskRow(n)
		}
	}
	if c.Op == tasker.Delete {
		return nil
	}
	const large = 1<<3 | 1<<4 // initiator, source_system
	if err := only(c, large); err != nil {
		return err
	}
	if c.Unchanged != 0 && !before.has(hasRow) {
		return only(c, 0)
	}
	row, t := &c.Task, x.touchTask(x.ensureTask(c.Key))
	named := x.namedTasks.ensure(int64(row.NamedTaskID))
	if !t.has(hasRow) || t.named != named {
		if t.has(hasRow) {
			x.namedTasks.use(t.named, -1)
		}
		x.namedTasks.use(named, 1)
		t.named = named
	}
	t.createdAt = row.CreatedAt
	t.flags = t.flags&^taskComplete | hasRow | flag(row.Complete, taskComplete)
	t.initiator, t.source = before.initiator, before.source
	if !lacks(c, 3) {
		t.initiator = x.otherTexts.nullable(row.Initiator)
	}
	if !lacks(c, 4) {
		t.source = x.otherTexts.nullable(row.SourceSystem)
	}
	return nil
}

func (x *Index) dropTaskRow(n uint32) {
	t := x.touchTask(n)
	x.namedTasks.use(t.named, -1)
	t.flags &^= hasRow | taskComplete
	t.createdAt, t.named, t.initiator, t.source = tasker.NoTime, 0, 0, 0
}

func (x *Index) applyEdge(c *tasker.Change, old int64) error {
	if c.Op != tasker.Delete {
		if err := only(c, 0); err != nil {
			return err
		}
	}
	x.removeEdge(old)
	if c.Op == tasker.Delete {
		return nil
	}
	x.removeEdge(c.Key)
	from, to := x.ensureStep(c.WorkflowStepEdge.FromStepID), x.ensureStep(c.WorkflowStepEdge.ToStepID)
	x.touchStep(from)
	x.touchStep(to)
	n := x.edgeNumber.next()
	x.edgeIDs.set(c.Key, n)
	x.link(n, c.Key, from, to)
	return nil
}

// link adds an edge to the lists of both its steps, which are writable.
func (x *Index) link(n uint32, id int64, from, to uint32) {
	parent, child := x.editStep(from), x.editStep(to)
	*x.editEdge(n) = edge{id: id, from: from, to: to, nextIn: child.in, nextOut: parent.out}
	child.in, parent.out = n, n
	child.parents++
	if parent.has(countedDone) {
		child.doneParents++
	}
}

func (x *Index) removeEdge(id int64) {
	n := x.edgeIDs.get(id)
	if n == 0 {
		return
	}
	e := *x.edge(n)
	parent, child := x.touchStep(e.from), x.touchStep(e.to)
	if parent.out == n {
		parent.out = e.nextOut
	} else {
		before := parent.out
		for x.edge(before).nextOut != n {
			before = x.edge(before).nextOut
		}
		x.editEdge(before).nextOut = e.nextOut
	}
	if child.in == n {
		child.in = e.nextIn
	} else {
		before := child.in
		for x.edge(before).nextIn != n {
			before = x.edge(before).nextIn
		}
		x.editEdge(before).nextIn = e.nextIn
	}
	child.parents--
	if parent.has(countedDone) {
		child.doneParents--
	}
	x.edgeIDs.remove(id)
	*x.editEdge(n) = edge{}
	x.edgeNumber.giveBack(n)
}
