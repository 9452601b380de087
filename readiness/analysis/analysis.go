package analysis

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Analysis is what the graph of a task tells.
type Analysis struct {
	// Overall grades the task by all of its bottlenecks, listed or not.
	Overall          Severity     `json:"overall" enum:"Severe,High,Medium,Low,None"`
	Bottlenecks      []Bottleneck `json:"bottlenecks" doc:"The greatest impact first, then the lower id."`
	BottlenecksTotal int64        `json:"bottlenecks_total" doc:"How many there are, listed or not."`
	Failures         []Failure    `json:"failures" doc:"Steps in error, the greatest impact first, then the lower id."`
	FailuresTotal    int64        `json:"failures_total" doc:"How many there are, listed or not."`
	Paths            []Path       `json:"paths" doc:"From a root to a leaf, the highest score first."`
	PathsTotal       int64        `json:"paths_total" doc:"How many there are, at most 2^53 - 1."`
	Longest          *Path        `json:"longest_path,omitempty" doc:"The one with the most steps. Absent where there is none."`
	Levels           []Level      `json:"levels" doc:"What could run side by side."`
	Efficiency       float64      `json:"parallelism_efficiency" doc:"The share of levels with more than one ready step."`
	OnCycle          []int64      `json:"steps_on_cycles" doc:"Steps that wait for themselves inside the task; they are on no path."`
}

// Options bound the lists.
type Options struct {
	Weights Weights
	Paths   int // how many paths are listed; at least 1
	Rows    int // how many bottlenecks, and how many failures
}

// Of analyzes a task; false where there is no such task.
func Of(v *readiness.View, taskID int64, now tasker.Timestamp, o Options) (Analysis, bool) {
	context, ok := v.TaskExecutionContext(taskID, now)
	if !ok {
		return Analysis{}, false
	}
	rows := v.StepReadiness(taskID, nil, now)
	slices.SortFunc(rows, func(a, b tasker.StepReadiness) int { return compareIDs(a.WorkflowStepID, b.WorkflowStepID) })
	children := map[int64][]int64{}
	for _, r := range v.StepDAGRelationships([]int64{taskID}) {
		children[r.WorkflowStepID] = r.ChildStepIDs
	}
	g := newGraph(rows, func(id int64) []int64 { return children[id] })
	return analyze(g, &context, v.DependencyLevels(taskID), o), true
}

func compareIDs(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func analyze(g *graph, c *tasker.TaskExecutionContext, levels []tasker.DependencyLevel, o Options) Analysis {
	w, reach := &o.Weights, g.reach()
	bottlenecks, failures := g.bottlenecks(w, reach), g.failures(w, reach)
	a := Analysis{
		Overall:     overall(bottlenecks, len(failures), len(g.steps)),
		Bottlenecks: bottlenecks[:min(o.Rows, len(bottlenecks))], BottlenecksTotal: int64(len(bottlenecks)),
		Failures: failures[:min(o.Rows, len(failures))], FailuresTotal: int64(len(failures)),
		Paths: []Path{}, PathsTotal: g.count(), OnCycle: []int64{},
	}
	s := scoring{w: w, healthy: c.HealthStatus == tasker.Healthy}
	if c.TotalSteps > 0 {
		s.completion = float64(c.CompletedSteps) / float64(c.TotalSteps)
	}
	for _, steps := range g.best(o.Paths, func(at int32) int64 { return s.worth(&g.steps[at]) }) {
		a.Paths = append(a.Paths, s.path(g, steps))
	}
	for _, steps := range g.best(1, func(int32) int64 { return 1 }) {
		longest := s.path(g, steps)
		a.Longest = &longest
	}
	for at, on := range g.cyclic {
		if on {
			a.OnCycle = append(a.OnCycle, g.steps[at].WorkflowStepID)
		}
	}
	a.Levels, a.Efficiency = g.parallelism(levels)
	return a
}
