package bench

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// taskLadder is over how many tasks growth is looked at: three decades.
func (l *lab) taskLadder() []int {
	switch l.o.Size {
	case Quick:
		return []int{50, 500}
	case Full:
		return []int{100, 1000, 10_000, 100_000, 1_000_000}
	}
	return []int{100, 1000, 10_000, 100_000}
}

// stepLadder is over how many steps of one task.
func (l *lab) stepLadder() []int { return pick(l, []int{10, 100}, []int{10, 100, 1000, 10_000}) }

// rung is one size of a ladder with what is measured there.
type rung struct {
	set     *dataset
	measure Measure
}

// climb takes the rounds of a ladder, another rung beginning each, and gives a
// result for each size against which growth is looked at.
func (l *lab) climb(ctx context.Context, r Result, y string, sizes []string, rungs []rung) ([]Result, error) {
	samples := make([][]float64, len(rungs))
	for round := range l.o.Rounds + 1 {
		l.round(round, l.o.Rounds)
		one := make([]float64, len(rungs))
		for i := range rungs {
			at := (i + round) % len(rungs)
			var err error
			if one[at], err = rungs[at].measure(ctx); err != nil {
				return nil, err // a round that is not whole has no exponent
			}
		}
		for i, v := range one {
			if round > 0 {
				samples[i] = append(samples[i], v)
			}
		}
	}
	var results []Result
	for _, x := range sizes {
		g := Growth{X: x, Y: y, Unit: r.Unit}
		for i := range rungs {
			g.Points = append(g.Points, Point{X: rungs[i].set.size(x), Samples: samples[i]})
		}
		one := r
		one.Growth, one.Samples = FitGrowth(g)
		one.Unit = "exponent"
		if len(sizes) > 1 {
			one.Name += "-" + x
			one.What += ", against " + x
		}
		first, last := rungs[0].set, rungs[len(rungs)-1].set
		one.Dataset = fmt.Sprintf("%d sizes from %s to %s", len(rungs), first.words, last.words)
		results = append(results, one)
	}
	return results, nil
}

// size is how many of something a data set has.
func (s *dataset) size(of string) float64 {
	return float64(map[string]int{"tasks": s.tasks, "steps": s.steps, "edges": s.edges}[of])
}

// runGrowthOverTasks climbs with tasks of every shape in every state.
func runGrowthOverTasks(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	var sets []*dataset
	for _, tasks := range l.taskLadder() {
		set, err := l.everySet(ctx, tasks)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return l.growths(ctx, c, sets, []string{"tasks"}, map[string][]string{
		matrix.Engine:    {"step-readiness", "task-context", "health-counts", "analytics"},
		matrix.Exact:     {"step-readiness", "task-context", "dag"},
		matrix.InProcess: {"step-readiness", "task-context", "dag", "health-counts", "analytics", "ready-steps", "step-reasons"},
	})
}

// runGrowthOverSteps climbs with single tasks, trees: of a graph with many paths
// the engine would never be done with the levels.
func runGrowthOverSteps(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	var sets []*dataset
	for _, steps := range l.stepLadder() {
		set, err := l.load(ctx, fmt.Sprintf("tree%d", steps), workload.Spec{
			Tasks: 5, Seed: l.o.Seed, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Tree(steps, 2))}},
			Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Started}},
		})
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	questions := []string{"step-readiness", "task-context", "dependency-levels", "dag"}
	return l.growths(ctx, c, sets, []string{"steps", "edges"}, map[string][]string{
		matrix.Engine: questions[:3], matrix.Exact: questions, matrix.InProcess: questions,
	})
}

// growths climbs once for each subject and question.
func (l *lab) growths(ctx context.Context, c *Case, sets []*dataset, sizes []string, questions map[string][]string) ([]Result, error) {
	var results []Result
	for _, name := range []string{matrix.InProcess, matrix.Exact, matrix.Engine} {
		for _, question := range questions[name] {
			got, err := l.growthOf(ctx, c, sets, sizes, name, matrix.QuestionByName(question))
			if results = append(results, got...); err != nil {
				return results, err
			}
		}
	}
	return results, nil
}

func (l *lab) growthOf(ctx context.Context, c *Case, sets []*dataset, sizes []string, name string, q *matrix.Question) ([]Result, error) {
	var rungs []rung
	for _, set := range sets {
		a, err := l.bareArena(ctx, set)
		if err != nil {
			return nil, err
		}
		s, err := a.open(ctx, name)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		one := a.side(s, q)
		one.meter = nil
		warmup := true
		rungs = append(rungs, rung{set, func(ctx context.Context) (float64, error) {
			l.stage(fmt.Sprintf("%s, %s, %s", q.Name, name, set.words))
			if err := one.round(ctx, a, q, l.least()/4, warmup); err != nil {
				return 0, err
			}
			if warmup {
				warmup = false
				return 0, nil
			}
			return one.client[len(one.client)-1], nil
		}})
	}
	r := l.result(c)
	r.Name, r.What = c.Name+"/"+q.Name+"/"+name, q.What+", "+name
	r.Subject, r.Question, r.By, r.Unit = name, q.Name, name, "ns/op"
	return l.climb(ctx, r, "time", sizes, rungs)
}

// runChangeGrowth climbs with tasks of few steps: what is to grow is their
// number.
func runChangeGrowth(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	steps := pick(l, 500, 1500) // each in four transactions of three changes
	var rungs []rung
	for _, tasks := range l.taskLadder() {
		set, err := l.load(ctx, fmt.Sprintf("small%d", tasks), workload.Spec{
			Tasks: tasks, Seed: l.o.Seed,
			Mix:       []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Chain(1))}},
			Scenarios: []workload.Share[workload.Scenario]{{Percent: 100, Of: workload.Fresh}},
		})
		if err != nil {
			return nil, err
		}
		rungs = append(rungs, rung{set, func(ctx context.Context) (float64, error) {
			_, a, err := applyStretch(ctx, set, steps, nil, nil)
			if err != nil {
				return 0, err
			}
			return float64(a.cpu) / float64(a.changes), nil
		}})
	}
	r := l.result(c)
	r.Unit = "ns/op"
	return l.climb(ctx, r, "processor time of a change", []string{"tasks"}, rungs)
}

// runMemoryGrowth has the index count its own bytes, which are the same each
// time.
func runMemoryGrowth(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	var rungs []rung
	for _, tasks := range l.taskLadder() {
		set, err := l.everySet(ctx, tasks)
		if err != nil {
			return nil, err
		}
		a, err := l.bareArena(ctx, set)
		if err != nil {
			return nil, err
		}
		rungs = append(rungs, rung{set, func(context.Context) (float64, error) { return float64(a.view().Stats().Bytes), nil }})
	}
	r := l.result(c)
	r.Unit, r.Notes = "B", []string{"as the index counts its own bytes, which are the same each time"}
	return l.climb(ctx, r, "memory", []string{"steps", "edges", "tasks"}, rungs)
}
