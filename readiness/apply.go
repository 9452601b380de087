package readiness

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Apply takes in one change of the transaction that Begin started. A row that
// is inserted twice replaces the first; deleting one that is not there does
// nothing. After an error (see ErrIncomplete, ErrTooManyStates) the index is
// of no more use; what was published stays valid.
func (x *Index) Apply(c *tasker.Change) error {
	x.changing.note(c)
	if c.Op == tasker.Truncate {
		x.truncate(c.Table)
		return nil
	}
	old := c.Key
	if c.Op == tasker.Update {
		old = c.OldKey
	}
	var err error
	switch c.Table {
	case tasker.WorkflowStepTransitions:
		err = x.applyStepTransition(c, old)
	case tasker.TaskTransitions:
		err = x.applyTaskTransition(c, old)
	case tasker.WorkflowSteps:
		err = x.applyStep(c, old)
	case tasker.WorkflowStepEdges:
		err = x.applyEdge(c, old)
	case tasker.Tasks:
		err = x.applyTask(c, old)
	case tasker.NamedSteps:
		err = x.applyNamedStep(c, old)
	case tasker.NamedTasks:
		err = x.applyNamedTask(c, old)
	case tasker.TaskNamespaces:
		err = x.applyNamespace(c, old)
	}
	if err != nil {
		return fmt.Errorf("%s of row %d of %s: %w", c.Op, old, c.Table, err)
	}
	return nil
}

// lacks says whether the log left out the i-th followed column.
func lacks(c *tasker.Change, i uint) bool { return c.Unchanged>>i&1 != 0 }

// only checks that the log left out nothing but the columns of the mask, which
// can be large; no other is ever stored out of line.
func only(c *tasker.Change, mask uint32) error {
	if c.Unchanged&^mask != 0 {
		return fmt.Errorf("columns %b are left out: %w", c.Unchanged&^mask, ErrIncomplete)
	}
	return nil
}

func (x *Index) truncate(t tasker.Table) {
	switch t {
	case tasker.WorkflowStepTransitions:
		x.stepTransitions.all(func(id int64, n uint32) bool {
			x.clearState(x.touchStep(n))
			return true
		})
		x.stepTransitions = ids{}
	case tasker.TaskTransitions:
		x.taskTransitions.all(func(id int64, n uint32) bool {
			x.clearStatus(x.touchTask(n))
			return true
		})
		x.taskTransitions = ids{}
	case tasker.WorkflowSteps:
		for n := uint32(1); n <= x.stepNumber.last; n++ {
			if x.step(n).has(hasRow) {
				x.dropStepRow(n)
			}
		}
	case tasker.WorkflowStepEdges:
		for n := uint32(1); n <= x.stepNumber.last; n++ {
			if s := x.step(n); s.in|s.out != 0 {
				s = x.touchStep(n)
				s.in, s.out, s.parents, s.doneParents = 0, 0, 0, 0
			}
		}
		x.edges, x.edgeIDs, x.edgeNumber = tree[edgePage]{}, ids{}, numbers{}
	case tasker.Tasks:
		for n := uint32(1); n <= x.taskNumber.last; n++ {
			if x.task(n).has(hasRow) {
				x.dropTaskRow(n)
			}
		}
	case tasker.NamedSteps:
		x.namedSteps.each(func(n uint32, _ *name) { x.setStepName(n, "", false) })
	case tasker.NamedTasks:
		x.namedTasks.each(func(n uint32, _ *name) { x.dropNamedTask(n) })
	case tasker.TaskNamespaces:
		x.namespaces.each(func(n uint32, _ *name) { x.setNamespace(n, "", false) })
	}
}
