package readiness

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Of the transitions only the most recent one of each step and each task is
// kept: no answer asks for more. So a change of any other one is known by its
// key being unknown.

func (x *Index) applyStepTransition(c *tasker.Change, old int64) error {
	holder := x.stepTransitions.get(old)
	if c.Op == tasker.Delete {
		x.dropState(holder)
		return nil
	}
	if err := only(c, 1<<1); err != nil {
		return err
	}
	row := &c.WorkflowStepTransition
	if !row.MostRecent {
		x.dropState(holder)
		x.dropState(x.stepTransitions.get(c.Key))
		return nil
	}
	var state uint16
	switch {
	case !lacks(c, 1):
		var err error
		if state, err = x.stateTexts.state(row.ToState); err != nil {
			return err
		}
	case holder != 0:
		state = x.step(holder).state
	default:
		return fmt.Errorf("to_state is left out: %w", ErrIncomplete)
	}
	x.dropState(holder)
	x.dropState(x.stepTransitions.get(c.Key))
	n := x.ensureStep(row.ParentID)
	s := x.touchStep(n)
	if s.has(hasState) {
		x.stepTransitions.remove(s.transitionID)
	}
	s.flags |= hasState | restated
	s.transitionID, s.state, s.stateAt = c.Key, state, row.CreatedAt
	x.stepTransitions.set(c.Key, n)
	return nil
}

// dropState takes the most recent transition away from a step; 0 for none.
func (x *Index) dropState(n uint32) {
	if n == 0 {
		return
	}
	s := x.touchStep(n)
	x.stepTransitions.remove(s.transitionID)
	x.clearState(s)
}

func (x *Index) clearState(s *step) {
	s.flags &^= hasState
	s.transitionID, s.state, s.stateAt = 0, statePending, 0
}

func (x *Index) applyTaskTransition(c *tasker.Change, old int64) error {
	holder := x.taskTransitions.get(old)
	if c.Op == tasker.Delete {
		x.dropStatus(holder)
		return nil
	}
	if err := only(c, 1<<1); err != nil {
		return err
	}
	row := &c.TaskTransition
	if !row.MostRecent {
		x.dropStatus(holder)
		x.dropStatus(x.taskTransitions.get(c.Key))
		return nil
	}
	var state uint16
	switch {
	case !lacks(c, 1):
		var err error
		if state, err = x.stateTexts.state(row.ToState); err != nil {
			return err
		}
	case holder != 0:
		state = x.task(holder).state
	default:
		return fmt.Errorf("to_state is left out: %w", ErrIncomplete)
	}
	x.dropStatus(holder)
	x.dropStatus(x.taskTransitions.get(c.Key))
	n := x.ensureTask(row.ParentID)
	t := x.touchTask(n)
	if t.has(hasState) {
		x.taskTransitions.remove(t.transitionID)
	}
	t.flags |= hasState
	t.transitionID, t.state, t.statusAt = c.Key, state, row.CreatedAt
	x.taskTransitions.set(c.Key, n)
	return nil
}

func (x *Index) dropStatus(n uint32) {
	if n == 0 {
		return
	}
	t := x.touchTask(n)
	x.taskTransitions.remove(t.transitionID)
	x.clearStatus(t)
}

func (x *Index) clearStatus(t *task) {
	t.flags &^= hasState
	t.transitionID, t.state, t.statusAt = 0, statePending, 0
}
