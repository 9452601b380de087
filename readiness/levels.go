package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// positions finds where a step stands in its task's list.
type positions struct {
	first  uint32 // where the numbers of the list follow each other
	length uint32
	byStep map[uint32]int32 // where they do not
}

func positionsOf(steps []uint32) positions {
	p := positions{length: uint32(len(steps))} //nolint:gosec // bounded by memory
	if len(steps) == 0 {
		return p
	}
	p.first = steps[0]
	for i, n := range steps {
		if n-p.first != uint32(i) { //nolint:gosec // see above
			p.byStep = make(map[uint32]int32, len(steps))
			for j, m := range steps {
				p.byStep[m] = int32(j) //nolint:gosec // see above
			}
			break
		}
	}
	return p
}

func (p *positions) of(n uint32) (int32, bool) {
	if p.byStep == nil {
		at := n - p.first
		return int32(at), at < p.length //nolint:gosec // see above
	}
	at, ok := p.byStep[n]
	return at, ok
}

// DependencyLevels answers calculate_dependency_levels, by level, then id. It
// takes time in proportion to the task's edges: first what the steps without
// any incoming edge reach, then the longest paths among that in topological
// order. What lies on a loop, or only behind one, never comes up in that order
// and has no row.
func (v *View) DependencyLevels(taskID int64) []tasker.DependencyLevel {
	n := v.taskIDs.get(taskID)
	if n == 0 {
		return nil
	}
	t := v.task(n)
	count := len(t.steps)
	pos := positionsOf(t.steps)
	var (
		scratch = make([]int32, 3*count)
		waits   = scratch[:count]          // edges from reached steps not yet followed
		level   = scratch[count : 2*count] // longest path so far; -1: not reached
		queue   = scratch[2*count : 2*count]
	)
	for i, sn := range t.steps {
		level[i] = -1
		if v.step(sn).parents == 0 {
			level[i] = 0
			queue = append(queue, int32(i)) //nolint:gosec // bounded by memory
		}
	}
	for head := 0; head < len(queue); head++ {
		for e := v.step(t.steps[queue[head]]).out; e != 0; {
			out := v.edge(e)
			if c, ok := pos.of(out.to); ok {
				if waits[c]++; level[c] < 0 {
					level[c] = 0
					queue = append(queue, c)
				}
			}
			e = out.nextOut
		}
	}
	order := queue[:0]
	for i, sn := range t.steps {
		if v.step(sn).parents == 0 {
			order = append(order, int32(i)) //nolint:gosec // see above
		}
	}
	rows := make([]tasker.DependencyLevel, 0, count)
	for head := 0; head < len(order); head++ {
		i := order[head]
		s := v.step(t.steps[i])
		rows = append(rows, tasker.DependencyLevel{WorkflowStepID: s.id, DependencyLevel: level[i]})
		for e := s.out; e != 0; {
			out := v.edge(e)
			if c, ok := pos.of(out.to); ok {
				level[c] = max(level[c], level[i]+1)
				if waits[c]--; waits[c] == 0 {
					order = append(order, c)
				}
			}
			e = out.nextOut
		}
	}
	slices.SortFunc(rows, func(a, b tasker.DependencyLevel) int {
		if c := cmp.Compare(a.DependencyLevel, b.DependencyLevel); c != 0 {
			return c
		}
		return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID)
	})
	return rows
}
