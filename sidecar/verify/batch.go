package verify

import (
	"context"
	"errors"
	"maps"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// answers are the database's about one batch of tasks.
type answers struct {
	readiness, readinessBatch []tasker.StepReadiness
	contexts, contextsBatch   []tasker.TaskExecutionContext
	dag                       []tasker.StepDAGRelationship
	levels                    map[int64][]tasker.DependencyLevel
	// missing are the tasks about which a question has no answer: its function
	// fails or takes too long.
	missing map[string]map[int64]bool
}

func (a *answers) miss(question string, ids ...int64) {
	if a.missing[question] == nil {
		a.missing[question] = map[int64]bool{}
	}
	for _, id := range ids {
		a.missing[question][id] = true
	}
}

// batch compares everything that is asked about single tasks.
func (v *Verifier) batch(ctx context.Context, ids []int64, report *Report) error {
	a := answers{missing: map[string]map[int64]bool{}, levels: map[int64][]tasker.DependencyLevel{}}
	ask := func(s *session) error { return v.askTasks(ctx, s, ids, &a) }
	return v.inSnapshot(ctx, report, ask, func(s *session, view *readiness.View) error {
		decided := s.decide(view, ids)
		if err := v.askLevels(ctx, s, view, ids, decided, &a); err != nil {
			return err
		}
		report.Compared += len(decided)
		report.Undecided += len(ids) - len(decided)
		v.compareTasks(view, s, ids, decided, &a)
		return nil
	})
}

// decide gives the tasks that are the same on both sides.
func (s *session) decide(view *readiness.View, ids []int64) map[int64]bool {
	decided := make(map[int64]bool, len(ids))
	changed := view.ChangedAt()
	if !s.settled(changed.Names) { // a name is in every row of its tasks
		return decided
	}
	for _, id := range ids {
		mark, known := view.TaskChangedAt(id)
		if !known {
			mark = changed.Removals
		}
		if s.settled(mark) {
			decided[id] = true
		}
	}
	return decided
}

// askTasks puts the questions about a batch of tasks, but for the levels.
func (v *Verifier) askTasks(ctx context.Context, s *session, ids []int64, a *answers) error {
	together := func(question string, put func() error) error {
		answered, err := s.noted(question, put())
		if !answered {
			a.miss(question, ids...)
		}
		return err
	}
	each := func(question string, put func(id int64) error) error {
		for i, id := range ids {
			err := put(id)
			if errors.Is(err, engine.ErrTimedOut) { // and so would the others
				a.miss(question, ids[i:]...)
				_, err = s.noted(question, err)
				return err
			}
			answered, err := s.noted(question, err)
			if err != nil {
				return err
			}
			if !answered {
				a.miss(question, id)
			}
		}
		return nil
	}
	for _, put := range []func() error{
		func() error {
			return together(qReadinessB, func() (err error) {
				a.readinessBatch, err = s.StepReadinessBatch(ctx, ids)
				return err
			})
		},
		func() error {
			return each(qReadiness, func(id int64) error {
				rows, err := s.StepReadiness(ctx, id, nil)
				a.readiness = append(a.readiness, rows...)
				return err
			})
		},
		func() error {
			return together(qContexts, func() (err error) {
				a.contextsBatch, err = s.TaskExecutionContexts(ctx, ids)
				return err
			})
		},
		func() error {
			return each(qContext, func(id int64) error {
				row, err := s.TaskExecutionContext(ctx, id)
				if errors.Is(err, tasker.ErrNotFound) {
					return nil
				}
				if err == nil {
					a.contexts = append(a.contexts, row)
				}
				return err
			})
		},
		func() error {
			return together(qDAG, func() (err error) {
				a.dag, err = s.StepDAGRelationships(ctx, ids)
				return err
			})
		},
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}

// askLevels leaves out the tasks on which the engine's function would walk too
// many paths, or never end; so it asks only where the view has the task as the
// snapshot does.
func (v *Verifier) askLevels(ctx context.Context, s *session, view *readiness.View, ids []int64, decided map[int64]bool, a *answers) error {
	for _, id := range ids {
		switch {
		case !decided[id]:
			continue
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
	for question, database := range map[string][]tasker.StepReadiness{qReadiness: a.readiness, qReadinessB: a.readinessBatch} {
		among := without(decided, a.missing[question])
		report.add(keep, compareRows(question, only(database, among, readinessKey), only(readinessRows, among, readinessKey), readinessKey))
	}
	for question, database := range map[string][]tasker.TaskExecutionContext{qContext: a.contexts, qContexts: a.contextsBatch} {
		among := without(decided, a.missing[question])
		report.add(keep, compareRows(question, only(database, among, contextKey), only(contexts, among, contextKey), contextKey))
	}
	among := without(shaped, a.missing[qDAG])
	report.add(keep, compareRows(qDAG, only(a.dag, among, dagKey), only(dag, among, dagKey), dagKey))
}

// without gives the tasks of one set that are not in another.
func without(set, other map[int64]bool) map[int64]bool {
	if len(other) == 0 {
		return set
	}
	rest := maps.Clone(set)
	for id := range other {
		delete(rest, id)
	}
	return rest
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
