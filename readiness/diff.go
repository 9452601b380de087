package readiness

import (
	"slices"
	"unsafe"
)

// ChangedTasks lists the tasks about which the view may answer otherwise than
// an earlier one, ascending: those that came, went or were changed, and those
// whose steps have another depth because of steps of others. It takes time in
// proportion to what has changed, as two versions share all the pages that have
// not; only where a name that was known before or the rules were changed it lists all
// tasks. ok
// is false when the views are not of one index, so that everything may differ.
func (v *View) ChangedTasks(since *View) (taskIDs []int64, ok bool) {
	if v.commits != since.commits {
		return nil, false
	}
	if v.rules != since.rules || v.marks.Names != since.marks.Names && v.namesDiffer(since) {
		return v.allTasks(since), true
	}
	changed := map[int64]struct{}{}
	diff(&since.tasks, &v.tasks, func(_ uint64, before, after *taskPage) {
		for i := range after {
			if before[i] == after[i] {
				continue
			}
			for _, t := range []*task{&before[i], &after[i]} {
				if !t.orphan() {
					changed[t.id] = struct{}{}
				}
			}
		}
	})
	if v.marks.Structure != since.marks.Structure {
		v.addDescendants(since, changed)
	}
	taskIDs = make([]int64, 0, len(changed))
	for id := range changed {
		taskIDs = append(taskIDs, id)
	}
	slices.Sort(taskIDs)
	return taskIDs, true
}

// addDescendants adds the tasks of all steps that can have another depth than
// before: those to which edges came or went, that came or went themselves, and
// whatever follows them in either view.
func (v *View) addDescendants(since *View, changed map[int64]struct{}) {
	seen := map[uint32]struct{}{}
	var queue []uint32
	visit := func(n uint32) {
		if _, ok := seen[n]; !ok && n != 0 {
			seen[n] = struct{}{}
			queue = append(queue, n)
		}
	}
	diff(&since.edges, &v.edges, func(_ uint64, before, after *edgePage) {
		for i := range after {
			if a, b := &before[i], &after[i]; a.id != b.id || a.from != b.from || a.to != b.to {
				visit(a.to)
				visit(b.to)
			}
		}
	})
	diff(&since.steps, &v.steps, func(key uint64, before, after *stepPage) {
		for i := range after {
			if a, b := &before[i], &after[i]; a.id != b.id || (a.flags^b.flags)&hasRow != 0 || a.parents != b.parents {
				visit(uint32(key)<<stepBits | uint32(i))
			}
		}
	})
	for i := 0; i < len(queue); i++ {
		for _, view := range []*View{since, v} {
			if queue[i] > view.lastStep {
				continue
			}
			s := view.step(queue[i])
			if s.task != 0 {
				changed[view.task(s.task).id] = struct{}{}
			}
			for e := s.out; e != 0; {
				out := view.edge(e)
				visit(out.to)
				e = out.nextOut
			}
		}
	}
}

// allTasks are those of both views.
func (v *View) allTasks(since *View) []int64 {
	var all []int64
	add := func(id int64, _ uint32) bool {
		all = append(all, id)
		return true
	}
	v.taskIDs.all(add)
	since.taskIDs.all(add)
	slices.Sort(all)
	return slices.Compact(all)
}

// namesDiffer says whether a named step, a named task or a namespace that was
// known before, by its row or because something referred to it, is called
// otherwise, came or went. Nothing can refer to one that was not.
func (v *View) namesDiffer(since *View) bool {
	differ := false
	for _, kind := range [][2]*names{{&since.namedSteps, &v.namedSteps}, {&since.namedTasks, &v.namedTasks}, {&since.namespaces, &v.namespaces}} {
		diff(&kind[0].pages, &kind[1].pages, func(_ uint64, before, after *namePage) {
			for i := range after {
				a, b := before[i], after[i]
				a.uses, b.uses = 0, 0
				differ = differ || a.id != 0 && a != b
			}
		})
	}
	return differ
}

// diff calls f with every page that two versions of a tree do not share, an
// empty one where a version has none.
func diff[P any](before, after *tree[P], f func(key uint64, before, after *P)) {
	a, b, shift := before.root, after.root, after.shift
	// What a lower tree holds is the first part of a higher one, at each level.
	for s := before.shift; s < shift; s += fanBits {
		a = &node{kids: [fan]unsafe.Pointer{unsafe.Pointer(a)}}
	}
	for ; shift < before.shift; shift += fanBits {
		b = &node{kids: [fan]unsafe.Pointer{unsafe.Pointer(b)}}
	}
	diffNodes(a, b, shift, 0, new(P), f)
}

func diffNodes[P any](a, b *node, shift uint8, prefix uint64, empty *P, f func(key uint64, before, after *P)) {
	if a == b {
		return
	}
	var none node
	if a == nil {
		a = &none
	}
	if b == nil {
		b = &none
	}
	for i := range uint64(fan) {
		key := prefix | i<<shift
		switch {
		case a.kids[i] == b.kids[i]:
		case shift > 0:
			diffNodes((*node)(a.kids[i]), (*node)(b.kids[i]), shift-fanBits, key, empty, f)
		default:
			before, after := (*P)(a.kids[i]), (*P)(b.kids[i])
			if before == nil {
				before = empty
			}
			if after == nil {
				after = empty
			}
			f(key, before, after)
		}
	}
}
