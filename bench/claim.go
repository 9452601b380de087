package bench

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// claimSuite is what the project claims: all subjects, all questions, what they
// cost, and how that grows.
func claimSuite() Suite {
	s := Suite{Name: "claim", What: "every question to everybody who can answer it, compared and then measured; costs, and how they grow", Budgeted: true}
	s.Cases = append(s.Cases, Case{Name: "correct", What: "answers compared before anything is timed", form: Share, always: true, run: runCorrect})
	least := func(goals map[string]float64) map[string]Goal {
		all := map[string]Goal{}
		for name, v := range goals {
			all[name] = Goal{AtLeast: v}
		}
		return all
	}
	goals := map[string]map[string]Goal{
		"step-readiness": least(map[string]float64{matrix.InProcess: 200, matrix.Fast: 3, matrix.Exact: 1.1}),
		// With 50,000 rows sent to the client, which takes the same for both, and without.
		"step-readiness-batch":   least(map[string]float64{matrix.Fast: 8}),
		"step-readiness-counted": least(map[string]float64{matrix.Fast: 8}),
		"task-contexts":          least(map[string]float64{matrix.InProcess: 200, matrix.Fast: 30}),
		"dag":                    least(map[string]float64{matrix.InProcess: 1000, matrix.Fast: 1000}),
		"health-counts":          least(map[string]float64{matrix.InProcess: 1000, matrix.Fast: 50}),
		"analytics":              least(map[string]float64{matrix.InProcess: 50}),
		"ready-steps":            least(map[string]float64{matrix.InProcess: 10_000}),
	}
	levels := matrix.QuestionByName("dependency-levels")
	diamonds := func(quick, n int, exact float64) {
		goals := map[string]float64{matrix.InProcess: 1000}
		if exact > 0 {
			goals[matrix.Exact] = exact
		}
		s.Cases = append(s.Cases, Case{
			Name: fmt.Sprintf("%s-%d", levels.Name, n), What: fmt.Sprintf("%s, %d diamonds", levels.What, n), form: Advantage, goals: least(goals), own: true,
			run: func(ctx context.Context, l *lab, _ *Case) ([]Result, error) {
				n := pick(l, quick, n)
				set, err := l.diamondSet(ctx, n)
				if err != nil {
					return nil, err
				}
				a, err := l.bareArena(ctx, set)
				if err != nil {
					return nil, err
				}
				return l.measureCells(ctx, a, cells{question: levels, suffix: fmt.Sprintf("-%d", n), about: fmt.Sprintf(", %d diamonds", n), goals: least(goals)})
			},
		})
	}
	for _, q := range matrix.Questions() {
		s.Cases = append(s.Cases, Case{Name: q.Name, What: q.What, form: Advantage, goals: goals[q.Name], run: runCells(cells{question: q, goals: goals[q.Name]})})
		if q.Name == levels.Name {
			diamonds(8, 16, 200)
			diamonds(10, 20, 1000)
			diamonds(32, 32, 0) // the engine's walk does not end while anybody would wait for it
		}
	}
	for _, c := range costCases() {
		c.own, c.slow = true, !inQuick(c.Name)
		s.Cases = append(s.Cases, c)
	}
	return s
}

// inQuick says of the cases of costs which are run in Quick: others' suites run
// the rest at that size.
func inQuick(name string) bool { return name == "change-growth" || name == "memory-growth" }

// claimSet is 20,000 tasks of ten steps.
func (l *lab) claimSet(ctx context.Context) (*dataset, error) {
	return l.layeredSet(ctx, pick(l, 200, 20_000))
}

// diamondSet is one task that is a chain of diamonds.
func (l *lab) diamondSet(ctx context.Context, n int) (*dataset, error) {
	return l.load(ctx, fmt.Sprintf("diamonds%d", n), workload.Spec{
		Tasks: 1, Seed: l.o.Seed, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Ladder(n))}},
	})
}

// runCells asks about the database that was given, or about the claims' own.
func runCells(c cells) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, _ *Case) ([]Result, error) {
		a, err := l.given(ctx)
		if err == nil && a == nil {
			a, err = l.claimArena(ctx)
		}
		if err != nil {
			return nil, err
		}
		return l.measureCells(ctx, a, c)
	}
}

func (l *lab) claimArena(ctx context.Context) (*arena, error) {
	set, err := l.claimSet(ctx)
	if err != nil {
		return nil, err
	}
	return l.arena(ctx, set)
}
