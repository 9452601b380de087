package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// positions finds where a step stands in its task.
type positions struct {
	members *members
	byStep  map[uint32]int32 // where the numbers do not follow each other
}

func positionsOf(m *members) positions {
	p := positions{members: m}
	if m.list != nil {
		p.byStep = make(map[uint32]int32, m.count)
		for i, n := range m.all() {
			p.byStep[n] = int32(i)
		}
	}
	return p
}

func (p *positions) of(n uint32) (int32, bool) {
	if p.byStep == nil {
		at := n - p.members.first
		return int32(at), at < p.members.count
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
	count := t.steps.len()
	pos := positionsOf(&t.steps)
	var (
		scratch = make([]int32, 3*count)
		waits   = scratch[:count]          // edges from reached steps not yet followed
		level   = scratch[count : 2*count] // longest path so far; -1: not reached
		queue   = scratch[2*count : 2*count]
	)
	for i, sn := range t.steps.all() {
		level[i] = -1
		if v.step(sn).parents == 0 {
			level[i] = 0
			queue = append(queue, int32(i))
		}
	}
	for head := 0; head < len(queue); head++ {
		for e := v.step(t.steps.at(int(queue[head]))).out; e != 0; {
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
	for i, sn := range t.steps.all() {
		if v.step(sn).parents == 0 {
			order = append(order, int32(i))
		}
	}
	rows := make([]tasker.DependencyLevel, 0, count)
	for head := 0; head < len(order); head++ {
		i := order[head]
		s := v.step(t.steps.at(int(i)))
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
