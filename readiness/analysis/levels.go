package analysis

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// Level is the steps of a dependency level, which could run side by side.
type Level struct {
	Level     int32  `json:"level"`
	Total     int64  `json:"total_steps"`
	Ready     int64  `json:"ready_steps"`
	Blocked   int64  `json:"blocked_steps" doc:"Those whose dependencies are not satisfied."`
	Failed    int64  `json:"error_steps"`
	Completed int64  `json:"completed_steps"`
	Potential string `json:"potential" enum:"High,Medium,Low" doc:"High with more than one ready step, Medium with one, Low with none."`
	Risk      string `json:"risk" enum:"High,Low" doc:"High when more than half of the steps are blocked."`
}

// parallelism counts by level, and gives the share of levels with more than one
// ready step, 0 without levels. A step without a level, on a cycle or behind one,
// is in none.
func (g *graph) parallelism(of []tasker.DependencyLevel) ([]Level, float64) {
	byStep := make(map[int64]int32, len(of))
	highest := int32(-1)
	for _, l := range of {
		byStep[l.WorkflowStepID] = l.DependencyLevel
		highest = max(highest, l.DependencyLevel)
	}
	levels := make([]Level, highest+1)
	for i := range levels {
		levels[i].Level = int32(i) //nolint:gosec // at most the highest
	}
	for i := range g.steps {
		r := &g.steps[i]
		at, ok := byStep[r.WorkflowStepID]
		if !ok {
			continue
		}
		l := &levels[at]
		l.Total++
		l.Ready += one(r.ReadyForExecution)
		l.Blocked += one(!r.DependenciesSatisfied)
		l.Failed += one(r.CurrentState == tasker.Error)
		l.Completed += one(tasker.Done(r.CurrentState))
	}
	wide := 0
	for i := range levels {
		l := &levels[i]
		l.Potential, l.Risk = "Low", "Low"
		switch {
		case l.Ready > 1:
			l.Potential = "High"
			wide++
		case l.Ready == 1:
			l.Potential = "Medium"
		}
		if 2*l.Blocked > l.Total {
			l.Risk = "High"
		}
	}
	if len(levels) == 0 {
		return levels, 0
	}
	return levels, float64(wide) / float64(len(levels))
}
