package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// runCorrect has everybody answer everything before anything is timed. A
// difference ends the run.
func runCorrect(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	arenas, err := l.compared(ctx)
	if err != nil {
		return nil, err
	}
	r := l.result(c)
	r.Unit, r.Better = "answers", Higher
	compared := 0
	for _, a := range arenas {
		if err := l.check(ctx, a); err != nil {
			return nil, err
		}
		compared += a.findings.Compared
		r.Dataset += a.words + "; "
		r.Notes = append(r.Notes, a.notes...)
		if n := a.findings.Undecided; n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%d answers were undecided: the data changed while they were given, or no row tells of a task that was finished long ago", n))
		}
	}
	if err := enough(arenas, compared); err != nil {
		return nil, err
	}
	r.Samples = []float64{float64(compared)}
	return []Result{r}, nil
}

// enough refuses that nothing was compared although there was somebody to
// compare with.
func enough(arenas []*arena, compared int) error {
	if compared > 0 || !slices.ContainsFunc(arenas, func(a *arena) bool { return len(a.names) > 1 }) {
		return nil
	}
	return errors.New("no answer could be compared, so nothing is timed: all were undecided, or failed")
}

// compared are the databases on which answers are compared.
func (l *lab) compared(ctx context.Context) (all []*arena, err error) {
	if a, err := l.given(ctx); a != nil || err != nil {
		return []*arena{a}, err
	}
	every, err := l.everySet(ctx, pick(l, 100, 2000))
	if err != nil {
		return nil, err
	}
	ofEvery, err := l.arena(ctx, every)
	if err != nil {
		return nil, err
	}
	claim, err := l.claimArena(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, ofEvery, claim)
	for _, n := range []int{pick(l, 8, 16), pick(l, 10, 20), 32} {
		set, err := l.diamondSet(ctx, n)
		if err != nil {
			return nil, err
		}
		a, err := l.bareArena(ctx, set)
		if err != nil {
			return nil, err
		}
		a.only = "dependency-levels" // it is what the set is for; the engine's view does not end there, either
		all = append(all, a)
	}
	return all, nil
}

// everySpec is tasks of every shape at about ten steps, in every state that the
// engine's users have.
func (l *lab) everySpec(tasks int) workload.Spec {
	spec := workload.Spec{Tasks: tasks, Seed: l.o.Seed}
	shapes := workload.Shapes()
	for _, s := range shapes {
		spec.Mix = append(spec.Mix, workload.Share[workload.Source]{Percent: 100 / len(shapes), Of: workload.OfShape(s, 10, 10)})
	}
	scenarios := workload.Scenarios()
	for _, s := range scenarios {
		spec.Scenarios = append(spec.Scenarios, workload.Share[workload.Scenario]{Percent: 100 / len(scenarios), Of: s})
	}
	return spec
}

func (l *lab) everySet(ctx context.Context, tasks int) (*dataset, error) {
	return l.load(ctx, fmt.Sprintf("every%d", tasks), l.everySpec(tasks))
}

// check puts every question to all subjects, as often as fits into a while.
func (l *lab) check(ctx context.Context, a *arena) error {
	subjects, err := a.openAll(ctx, a.names)
	if err != nil {
		return err
	}
	if l.o.double != nil {
		subjects = append(subjects, l.o.double(subjects[0]))
	}
	defer a.closeAll(subjects)
	if err := a.ready(ctx); err != nil {
		return err
	}
	for _, q := range matrix.Questions() {
		if a.only != "" && q.Name != a.only {
			continue
		}
		l.stage("compare the answers: " + q.Name)
		questions := 1
		if q.Form == matrix.Single {
			questions = min(pick(l, 20, 200), len(a.tasks))
		}
		start := time.Now()
		for i := 0; i < questions && (i == 0 || time.Since(start) < pick(l, time.Second, 4*time.Second)); i++ {
			if err := a.pace(ctx); err != nil {
				return err
			}
			err := matrix.Check(ctx, q, a.can(q, subjects), []*matrix.Args{a.args(i)}, &a.findings)
			var d *matrix.Difference
			switch {
			case errors.As(err, &d):
				return fmt.Errorf("answers differ, so nothing is timed: %w", d)
			case err != nil:
				return fmt.Errorf("answers could not be compared, so nothing is timed: %w", err)
			}
		}
	}
	return nil
}
