package verify

import (
	"context"
	"errors"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// answers are the database's about one batch of tasks.
type answers struct {
	readiness, readinessBatch []tasker.StepReadiness
	contexts, contextsBatch   []tasker.TaskExecutionContext
	dag                       []tasker.StepDAGRelationship
	levels                    map[int64][]tasker.DependencyLevel
	has                       map[string]bool
}

// batch compares everything that is asked about single tasks.
func (v *Verifier) batch(ctx context.Context, ids []int64, report *Report) error {
	a := answers{levels: map[int64][]tasker.DependencyLevel{}, has: map[string]bool{}}
	s, view, err := v.inSnapshot(ctx, report, func(s *session) error { return v.askTasks(ctx, s, ids, &a) })
	if err != nil {
		return err
	}
	changed := view.ChangedAt()
	if !s.settled(changed.Names) { // a name is in every row of its tasks
		report.Undecided += len(ids)
		return nil
	}
	decided := make(map[int64]bool, len(ids))
	for _, id := range ids {
		mark, known := view.TaskChangedAt(id)
		if !known {
			mark = changed.Removals
		}
		if s.settled(mark) {
			decided[id] = true
		}
	}
	report.Compared += len(decided)
	report.Undecided += len(ids) - len(decided)
	v.compareTasks(view, s, ids, decided, &a)
	return nil
}

// askTasks puts the questions about a batch of tasks.
func (v *Verifier) askTasks(ctx context.Context, s *session, ids []int64, a *answers) error {
	ask := func(name string, put func() error) error {
		answered, err := s.noted(name, put())
		a.has[name] = answered
		return err
	}
	return errors.Join(
		ask(qReadinessB, func() (err error) {
			a.readinessBatch, err = s.StepReadinessBatch(ctx, ids)
			return err
		}),
		ask(qReadiness, func() error {
			for _, id := range ids {
				rows, err := s.StepReadiness(ctx, id, nil)
				if err != nil {
					return err
				}
				a.readiness = append(a.readiness, rows...)
			}
			return nil
		}),
		ask(qContexts, func() (err error) {
			a.contextsBatch, err = s.TaskExecutionContexts(ctx, ids)
			return err
		}),
		ask(qContext, func() error {
			for _, id := range ids {
				row, err := s.TaskExecutionContext(ctx, id)
				if errors.Is(err, tasker.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				a.contexts = append(a.contexts, row)
			}
			return nil
		}),
		ask(qDAG, func() (err error) {
			a.dag, err = s.StepDAGRelationships(ctx, ids)
			return err
		}),
		v.askLevels(ctx, s, ids, a),
	)
}

// askLevels leaves out the tasks on which the engine's function would walk too
// many paths, or never end.
func (v *Verifier) askLevels(ctx context.Context, s *session, ids []int64, a *answers) error {
	view := v.index.View()
	for _, id := range ids {
		switch {
		case len(view.Cycles(id)) > 0:
			s.report.Skipped[qLevels+" of a task with a cycle"]++
			continue
		case view.PathCount(id, v.options.MaxPaths+1) > v.options.MaxPaths:
			s.report.Skipped[qLevels+" of a task with too many paths"]++
			continue
		}
		rows, err := s.DependencyLevels(ctx, id)
		answered, err := s.noted(qLevels, err)
		if err != nil {
			return err
		}
		if answered {
			a.levels[id] = rows
		}
	}
	return nil
}

// compareTasks compares the answers about the tasks that are decided.
func (v *Verifier) compareTasks(view *readiness.View, s *session, ids []int64, decided map[int64]bool, a *answers) {
	report, keep := s.report, v.options.KeepDifferences
	readinessKey := func(r *tasker.StepReadiness) key { return key{r.TaskID, r.WorkflowStepID} }
	contextKey := func(c *tasker.TaskExecutionContext) key { return key{task: c.TaskID} }
	dagKey := func(d *tasker.StepDAGRelationship) key { return key{d.TaskID, d.WorkflowStepID} }

	var readinessRows []tasker.StepReadiness
	var contexts []tasker.TaskExecutionContext
	var dag []tasker.StepDAGRelationship
	structural := s.settled(view.ChangedAt().Structure)
	shaped := make(map[int64]bool, len(decided)) // those whose place in the graph is decided
	for _, id := range ids {
		if !decided[id] {
			continue
		}
		readinessRows = append(readinessRows, view.StepReadiness(id, nil, s.now)...)
		if c, ok := view.TaskExecutionContext(id, s.now); ok {
			contexts = append(contexts, c)
		}
		if place := view.StepDAGRelationships([]int64{id}); structural || !reachesOut(place) {
			shaped[id] = true
			dag = append(dag, place...)
		}
		if levels, ok := a.levels[id]; ok {
			report.add(keep, compareRows(qLevels, levels, view.DependencyLevels(id),
				func(l *tasker.DependencyLevel) key { return key{id, l.WorkflowStepID} }))
		}
	}
	if a.has[qReadinessB] {
		report.add(keep, compareRows(qReadinessB, only(a.readinessBatch, decided, readinessKey), readinessRows, readinessKey))
	}
	if a.has[qReadiness] {
		report.add(keep, compareRows(qReadiness, only(a.readiness, decided, readinessKey), readinessRows, readinessKey))
	}
	if a.has[qContexts] {
		report.add(keep, compareRows(qContexts, only(a.contextsBatch, decided, contextKey), contexts, contextKey))
	}
	if a.has[qContext] {
		report.add(keep, compareRows(qContext, only(a.contexts, decided, contextKey), contexts, contextKey))
	}
	if a.has[qDAG] {
		report.add(keep, compareRows(qDAG, only(a.dag, shaped, dagKey), dag, dagKey))
	}
}

// reachesOut says whether a step of a task has a parent in another one: its
// depth then hangs on edges that are not the task's.
func reachesOut(task []tasker.StepDAGRelationship) bool {
	own := make(map[int64]bool, len(task))
	for i := range task {
		own[task[i].WorkflowStepID] = true
	}
	for i := range task {
		for _, parent := range task[i].ParentStepIDs {
			if !own[parent] {
				return true
			}
		}
	}
	return false
}

// only keeps the rows of tasks that are decided.
func only[T any](rows []T, decided map[int64]bool, keyOf func(*T) key) []T {
	var out []T
	for i := range rows {
		if decided[keyOf(&rows[i]).task] {
			out = append(out, rows[i])
		}
	}
	return out
}
