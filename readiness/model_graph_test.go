package readiness_test

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The model's answers about graphs, and its lists of the slowest.

func (m *model) dag(tasks []int64) []tasker.StepDAGRelationship {
	rows := []tasker.StepDAGRelationship{}
	depth := map[int64]int32{}
	var level []int64
	for id := range m.steps {
		if len(m.parents(id)) == 0 {
			depth[id] = 0
			level = append(level, id)
		}
	}
	for d := int32(1); d <= 50; d++ {
		var next []int64
		for _, id := range level {
			for _, c := range m.children(id) {
				if _, ok := depth[c]; !ok {
					depth[c] = d
					next = append(next, c)
				}
			}
		}
		level = next
	}
	for id, s := range m.steps {
		if tasks != nil && !slices.Contains(tasks, s.TaskID) {
			continue
		}
		r := tasker.StepDAGRelationship{
			WorkflowStepID: id, TaskID: s.TaskID, NamedStepID: s.NamedStepID,
			ParentStepIDs: append([]int64{}, m.parents(id)...), ChildStepIDs: append([]int64{}, m.children(id)...),
		}
		r.ParentCount, r.ChildCount = int64(len(r.ParentStepIDs)), int64(len(r.ChildStepIDs))
		r.IsRootStep, r.IsLeafStep = r.ParentCount == 0, r.ChildCount == 0
		if d, ok := depth[id]; ok {
			r.MinDepthFromRoot = tasker.Some(d)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b tasker.StepDAGRelationship) int { return cmp.Compare(a.WorkflowStepID, b.WorkflowStepID) })
	return rows
}

// cycles are those that one of the steps lies on.
func (m *model) cycles(steps []int64) (list []tasker.Cycle) {
	reach := m.reach(func(int64, int64) bool { return true })
	seen := map[int64]bool{}
	for _, id := range steps {
		if seen[id] || !reach[[2]int64{id, id}] {
			continue
		}
		var c tasker.Cycle
		for pair := range reach {
			if pair[0] == id && reach[[2]int64{pair[1], id}] {
				c.StepIDs = append(c.StepIDs, pair[1])
				seen[pair[1]] = true
				if s, ok := m.steps[pair[1]]; ok {
					c.TaskIDs = append(c.TaskIDs, s.TaskID)
				}
			}
		}
		slices.Sort(c.StepIDs)
		slices.Sort(c.TaskIDs)
		c.TaskIDs = slices.Compact(c.TaskIDs)
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b tasker.Cycle) int { return cmp.Compare(a.StepIDs[0], b.StepIDs[0]) })
	return list
}

// blockers gives of each blocker what is not text: ids, depth, flags, codes.
func (m *model) blockers(rules tasker.Rules, step int64, now tasker.Timestamp) []tasker.Blocker {
	waits := m.reach(func(from, _ int64) bool { return !m.done(from) })
	depth := map[int64]int32{}
	level := []int64{step}
	for d := int32(1); len(level) > 0; d++ {
		var next []int64
		for _, id := range level {
			for _, p := range m.parents(id) {
				if _, ok := depth[p]; !ok && !m.done(p) {
					depth[p] = d
					next = append(next, p)
				}
			}
		}
		level = next
	}
	list := []tasker.Blocker{}
	for id, d := range depth {
		b := tasker.Blocker{
			WorkflowStepID: id, CurrentState: m.state(id), Since: tasker.NoTime, Depth: d, BlockedBy: []int64{},
			OnCycle: waits[[2]int64{id, id}],
		}
		if r, ok := recent(m.stepTransitions, id); ok {
			b.Since = r.CreatedAt
		}
		for _, p := range m.parents(id) {
			if !m.done(p) {
				b.BlockedBy = append(b.BlockedBy, p)
			}
		}
		b.BlockedBy = slices.Compact(b.BlockedBy)
		b.RootCause = b.OnCycle || len(b.BlockedBy) == 0
		var codes []tasker.ReasonCode
		if s, ok := m.steps[id]; ok {
			b.TaskID = s.TaskID
			b.Name = m.namedSteps[int64(s.NamedStepID)].Name
			codes = m.failing(rules, id, now)
		} else {
			codes = []tasker.ReasonCode{tasker.ReasonNoNamedStep}
		}
		b.Reasons = []tasker.Reason{}
		if b.CurrentState != tasker.InProgress {
			for _, code := range codes {
				if code != tasker.ReasonDependenciesNotSatisfied {
					b.Reasons = append(b.Reasons, tasker.Reason{Code: code})
				}
			}
		}
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b tasker.Blocker) int {
		return cmp.Or(cmp.Compare(a.Depth, b.Depth), cmp.Compare(a.WorkflowStepID, b.WorkflowStepID))
	})
	return list
}

// names are those of a task's named task and namespace.
func (m *model) names(task int64) (name, version, namespace string, ok bool) {
	t, okTask := m.tasks[task]
	named, okNamed := m.namedTasks[int64(t.NamedTaskID)]
	ns, okSpace := m.namespaces[named.TaskNamespaceID]
	return named.Name, named.Version, ns.Name, okTask && okNamed && okSpace
}

func (m *model) passes(f tasker.SlowestFilter, task int64) bool {
	name, version, namespace, ok := m.names(task)
	return ok && (!f.TaskName.Valid || f.TaskName.V == name) && (!f.Version.Valid || f.Version.V == version) &&
		(!f.Namespace.Valid || f.Namespace.V == namespace)
}

func took(from, to tasker.Timestamp) tasker.Decimal {
	return rounded(big.NewRat(int64(to)-int64(from), 1e6), 3)
}

func (m *model) slowestTasks(f tasker.SlowestFilter) (rows []tasker.SlowestTask) {
	for id, t := range m.tasks {
		if t.CreatedAt <= f.Since || !m.passes(f, id) || !m.has(id, "complete", "error") {
			continue
		}
		r := tasker.SlowestTask{
			TaskID: id, CreatedAt: t.CreatedAt, CompletedAt: tasker.NoTime, Initiator: t.Initiator, SourceSystem: t.SourceSystem,
		}
		r.TaskName, r.Version, r.NamespaceName, _ = m.names(id)
		for _, step := range m.stepsOf(id) {
			r.StepCount++
			tr, _ := recent(m.stepTransitions, step)
			r.CompletedSteps += one(tr.ToState == "complete")
			r.ErrorSteps += one(tr.ToState == "error")
			if tr.ToState == "complete" || tr.ToState == "error" {
				r.CompletedAt = max(r.CompletedAt, tr.CreatedAt)
			}
		}
		r.DurationSeconds = took(t.CreatedAt, r.CompletedAt)
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b tasker.SlowestTask) int {
		return cmp.Or(cmp.Compare(b.DurationSeconds.Unscaled, a.DurationSeconds.Unscaled), cmp.Compare(a.TaskID, b.TaskID))
	})
	return rows[:min(len(rows), int(f.Limit))]
}

func (m *model) slowestSteps(f tasker.SlowestFilter) (rows []tasker.SlowestStep) {
	for id, s := range m.steps {
		tr, _ := recent(m.stepTransitions, id)
		named, ok := m.namedSteps[int64(s.NamedStepID)]
		if s.CreatedAt <= f.Since || tr.ToState != "complete" || !ok || !m.passes(f, s.TaskID) {
			continue
		}
		r := tasker.SlowestStep{
			WorkflowStepID: id, TaskID: s.TaskID, StepName: named.Name, DurationSeconds: took(s.CreatedAt, tr.CreatedAt),
			Attempts: s.Attempts, CreatedAt: s.CreatedAt, CompletedAt: tr.CreatedAt, Retryable: s.Retryable, StepStatus: "complete",
		}
		r.TaskName, r.Version, r.NamespaceName, _ = m.names(s.TaskID)
		if r.DurationSeconds.Unscaled > 0 {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b tasker.SlowestStep) int {
		return cmp.Or(cmp.Compare(b.DurationSeconds.Unscaled, a.DurationSeconds.Unscaled), cmp.Compare(a.WorkflowStepID, b.WorkflowStepID))
	})
	return rows[:min(len(rows), int(f.Limit))]
}
