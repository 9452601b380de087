package readiness

import (
	"slices"
	"sync"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Mark is a committed transaction: the position behind its commit record, and
// its number as the log has it. XID 0 stands for the snapshot of the load.
type Mark struct {
	LSN tasker.LSN
	XID uint32
}

// Marks say which transaction last changed something of a kind.
type Marks struct {
	// Any row at all.
	Any Mark
	// Names: a namespace, a named task or a named step.
	Names Mark
	// Removals: a task's or a step's row was removed or got another key.
	Removals Mark
	// Structure: steps came or went, or any edge changed, on which depths and
	// levels of other tasks can hang.
	Structure Mark
}

// ChangedAt says which transactions last changed what.
func (v *View) ChangedAt() Marks { return v.marks }

// TaskChangedAt is the last transaction that changed a row of the task or of
// its steps, an edge at one of them, or whether a parent of one is done, in
// whatever task the parent is. It is false for a task that nothing tells of.
func (v *View) TaskChangedAt(taskID int64) (Mark, bool) {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return Mark{}, false
	}
	return v.task(n).changed, true
}

// note remembers the kinds of change of a transaction.
func (m *changing) note(c *tasker.Change) {
	gone := c.Op == tasker.Delete || c.Op == tasker.Truncate || c.Op == tasker.Update && c.OldKey != c.Key
	switch c.Table {
	case tasker.TaskNamespaces, tasker.NamedTasks, tasker.NamedSteps:
		m.names = true
	case tasker.Tasks:
		m.removals = m.removals || gone
	case tasker.WorkflowSteps:
		m.removals = m.removals || gone
		m.structure = m.structure || gone || c.Op == tasker.Insert
	case tasker.WorkflowStepEdges:
		m.structure = true
	}
	m.any = true
}

// changing are the kinds of change that a transaction has made so far.
type changing struct{ any, names, removals, structure bool }

// mark moves the marks of what has changed, and starts anew.
func (m *changing) mark(marks *Marks, at Mark) {
	for _, kind := range []struct {
		changed bool
		mark    *Mark
	}{{m.any, &marks.Any}, {m.names, &marks.Names}, {m.removals, &marks.Removals}, {m.structure, &marks.Structure}} {
		if kind.changed {
			*kind.mark = at
		}
	}
	*m = changing{}
}

// PathCount is how many paths calculate_dependency_levels of the engine walks
// on a task: those that begin at a step without any incoming edge, of any
// length, along edges inside the task. It stops counting at limit, which it
// then returns, as it does for a task where such a path meets a loop.
func (v *View) PathCount(taskID, limit int64) int64 {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return 0
	}
	levels := v.DependencyLevels(taskID) // topological within the part that has levels
	paths := make(map[uint32]int64, len(levels))
	total := int64(0)
	for _, l := range levels {
		at := v.stepIDs.get(l.WorkflowStepID)
		s := v.step(at)
		if s.parents == 0 {
			paths[at] = 1
		}
		if total += paths[at]; total >= limit {
			return limit
		}
		for e := s.out; e != 0; {
			out := v.edge(e)
			if v.step(out.to).task == n {
				paths[out.to] = min(paths[out.to]+paths[at], limit)
			}
			e = out.nextOut
		}
	}
	// A step that paths lead to and that has no level is on a loop or behind one.
	if len(paths) > len(levels) {
		return limit
	}
	return total
}

// commits are the newest transactions that an index has applied, for its views
// to look back at.
type commits struct {
	mu   sync.Mutex
	ring []Mark
	next int
}

// mostCommits is how far back one can look. It takes 256 KiB.
const mostCommits = 1 << 14

func (c *commits) add(m Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ring) < mostCommits {
		c.ring = append(c.ring, m)
		return
	}
	c.ring[c.next] = m
	c.next = (c.next + 1) % mostCommits
}

// FirstCommit finds the earliest transaction in the view for which f is true,
// among the last 16,384 that came after the load.
func (v *View) FirstCommit(f func(Mark) bool) (Mark, bool) {
	v.commits.mu.Lock()
	ring, next := slices.Clone(v.commits.ring), v.commits.next // the writer does not wait for f
	v.commits.mu.Unlock()
	for i := range ring {
		if m := ring[(next+i)%len(ring)]; m.LSN <= v.lsn && f(m) {
			return m, true
		}
	}
	return Mark{}, false
}
