package readiness

import (
	"github.com/tidwall/btree"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// readyKey orders the candidates of all tasks by when they are ready. One set
// serves both those that are and those that wait for the clock: a gate is part
// of since, so that the clock only moves the point up to which the set is read.
type readyKey struct {
	since tasker.Timestamp
	id    int64
}

func (k readyKey) before(o readyKey) bool {
	return k.since < o.since || k.since == o.since && k.id < o.id
}

func newReadySet() *btree.BTreeG[readyKey] {
	return btree.NewBTreeGOptions(readyKey.before, btree.Options{NoLocks: true})
}

// ReadyAfter is where a list of ready steps goes on: behind this step.
type ReadyAfter struct {
	Since          tasker.Timestamp
	WorkflowStepID int64
}

// ReadySteps lists the steps of all tasks that can run at now, longest ready
// first, then by id; at most limit of them, from behind after on (the zero
// value of a pointer, nil, means from the first).
func (v *View) ReadySteps(now tasker.Timestamp, limit int, after *ReadyAfter) []tasker.ReadyStep {
	var list []tasker.ReadyStep
	from := readyKey{tasker.NoTime, 0}
	if after != nil {
		from = readyKey{after.Since, after.WorkflowStepID}
	}
	v.ready.Ascend(from, func(k readyKey) bool {
		if len(list) >= limit {
			return false
		}
		if k.since > now && now >= v.lastSeen {
			return false // nothing behind can be ready yet
		}
		if after != nil && k == from {
			return true
		}
		if s := v.step(v.stepIDs.get(k.id)); s.gate() <= now {
			list = append(list, v.readyStep(s))
		}
		return true
	})
	return list
}

func (v *View) readyStep(s *step) tasker.ReadyStep {
	name, _ := v.nameOf(s)
	r := tasker.ReadyStep{
		WorkflowStepID: s.id,
		TaskID:         v.task(s.task).id,
		Name:           name,
		CurrentState:   v.states[s.state],
		Attempts:       s.attemptsOr0(),
		ReadySince:     s.mark,
	}
	r.TaskName, r.Version, r.NamespaceName, _ = v.taskNames(v.task(s.task))
	return r
}

// taskNames are the names that a task goes by; false where its named task or
// that one's namespace is missing.
func (s *store) taskNames(t *task) (name, version, namespace string, ok bool) {
	if t.named == 0 {
		return "", "", "", false
	}
	m := s.namedTasks.at(t.named)
	if !m.row {
		return "", "", "", false
	}
	ns := s.namespaces.at(m.parent)
	return m.name, m.version, ns.name, ns.row
}

// ReadyBetween calls f with the steps that become ready by what the view knows
// after one instant and not after the other, in that order, until it says
// false.
func (v *View) ReadyBetween(after, until tasker.Timestamp, f func(stepID, taskID int64, since tasker.Timestamp) bool) {
	if after == tasker.Infinity {
		return
	}
	v.ready.Ascend(readyKey{after + 1, -1 << 63}, func(k readyKey) bool {
		return k.since <= until && f(k.id, v.task(v.step(v.stepIDs.get(k.id)).task).id, k.since)
	})
}

// NextInstant is the next instant after now at which a step becomes ready by
// the clock alone, NoTime where there is none.
func (v *View) NextInstant(now tasker.Timestamp) tasker.Timestamp {
	next := tasker.NoTime
	if now == tasker.Infinity {
		return next
	}
	v.ready.Ascend(readyKey{now + 1, -1 << 63}, func(k readyKey) bool {
		if k.since == tasker.Infinity {
			return false
		}
		next = k.since
		return false
	})
	return next
}

// ReadyCount is how many steps can run at now. It takes time in proportion to
// those that wait for the clock.
func (v *View) ReadyCount(now tasker.Timestamp) int {
	waiting := 0
	v.ready.Reverse(func(k readyKey) bool {
		if k.since <= now {
			return false
		}
		if now >= v.lastSeen || v.step(v.stepIDs.get(k.id)).gate() > now {
			waiting++
		}
		return true
	})
	return v.candidates - waiting
}
