package readiness

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// touchStep makes a step writable and takes its share out of all totals until
// the commit. Every change of a step begins with it.
func (x *Index) touchStep(n uint32) *step {
	s := x.editStep(n)
	if !s.has(touched) {
		x.exclude(s)
		s.flags |= touched
		x.dirtySteps = append(x.dirtySteps, n)
	}
	return s
}

func (x *Index) touchTask(n uint32) *task {
	t := x.editTask(n)
	if !t.has(touched) {
		x.excludeTask(t)
		t.flags |= touched
		x.dirtyTasks = append(x.dirtyTasks, n)
	}
	return t
}

// ensureStep is the number of a step, made where nothing told of it before.
func (x *Index) ensureStep(id int64) uint32 {
	n := x.stepIDs.get(id)
	if n == 0 {
		n = x.stepNumber.next()
		x.stepIDs.set(id, n)
		*x.editStep(n) = step{id: id, lastAttempt: tasker.NoTime, createdAt: tasker.NoTime, mark: tasker.NoTime}
	}
	return n
}

func (x *Index) ensureTask(id int64) uint32 {
	n := x.taskIDs.get(id)
	if n == 0 {
		n = x.taskNumber.next()
		x.taskIDs.set(id, n)
		*x.editTask(n) = task{id: id, createdAt: tasker.NoTime}
	}
	return n
}

func (x *Index) forgetStep(n uint32, s *step) {
	x.stepIDs.remove(s.id)
	x.stepNumber.giveBack(n)
	*s = step{}
}

func (x *Index) forgetTask(n uint32, t *task) {
	x.taskIDs.remove(t.id)
	x.taskNumber.giveBack(n)
	*t = task{}
}

// eachStep calls f with every step, in the order of the numbers.
func (s *store) eachStep(f func(n uint32, s *step)) {
	s.steps.each(func(key uint64, page *stepPage) bool {
		for i := range page {
			if !page[i].orphan() {
				f(uint32(key)<<stepBits|uint32(i), &page[i])
			}
		}
		return true
	})
}
