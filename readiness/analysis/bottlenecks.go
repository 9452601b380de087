package analysis

import (
	"cmp"
	"math"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Severity grades a bottleneck by its impact, or a whole task.
type Severity string

// The grades of a bottleneck.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// The grades of a task: of the bottlenecks three are critical, or more than half
// of the steps have failed; one is critical or three are high; one is high or
// there are five; there are any; there are none.
const (
	OverallSevere Severity = "Severe"
	OverallHigh   Severity = "High"
	OverallMedium Severity = "Medium"
	OverallLow    Severity = "Low"
	OverallNone   Severity = "None"
)

// Bottleneck is a step that holds up what waits for it.
type Bottleneck struct {
	WorkflowStepID    int64    `json:"workflow_step_id"`
	Name              string   `json:"name"`
	CurrentState      string   `json:"current_state"`
	Downstream        int64    `json:"downstream_steps" doc:"Steps of the task that wait for it, directly or not."`
	BlockedDownstream int64    `json:"blocked_downstream_steps" doc:"Those of them whose dependencies are not satisfied."`
	Attempts          int64    `json:"attempts"`
	Exhausted         bool     `json:"exhausted" doc:"It is out of attempts."`
	Impact            int64    `json:"impact_score"`
	Severity          Severity `json:"severity" enum:"critical,high,medium,low"`
}

// Failure is a step in error and what hangs on it.
type Failure struct {
	WorkflowStepID    int64  `json:"workflow_step_id"`
	Name              string `json:"name"`
	Downstream        int64  `json:"downstream_steps"`
	BlockedDownstream int64  `json:"blocked_downstream_steps"`
	Attempts          int64  `json:"attempts"`
	Exhausted         bool   `json:"exhausted" doc:"It is out of attempts."`
	Impact            int64  `json:"impact_score"`
}

// bottlenecks are the failed steps; without any, those with unmet dependencies,
// more than one attempt, or no right to another. The greatest impact comes
// first, then the lower id.
func (g *graph) bottlenecks(w *Weights, reach []behind) []Bottleneck {
	failed := slices.ContainsFunc(g.steps, func(r tasker.StepReadiness) bool { return r.CurrentState == tasker.Error })
	found := []Bottleneck{}
	for i := range g.steps {
		r := &g.steps[i]
		if failed && r.CurrentState != tasker.Error || !failed && r.DependenciesSatisfied && !retried(r) && r.RetryEligible {
			continue
		}
		impact := w.impact(r, reach[i])
		found = append(found, Bottleneck{
			WorkflowStepID: r.WorkflowStepID, Name: r.Name, CurrentState: r.CurrentState,
			Downstream: reach[i].downstream, BlockedDownstream: reach[i].blocked,
			Attempts: attempts(r), Exhausted: exhausted(r), Impact: impact, Severity: w.severity(impact),
		})
	}
	slices.SortStableFunc(found, func(a, b Bottleneck) int { return cmp.Compare(b.Impact, a.Impact) })
	return found
}

// impact is (downstream × its weight + blocked × its weight) × m + p, rounded.
func (w *Weights) impact(r *tasker.StepReadiness, b behind) int64 {
	factor := 1.0
	switch {
	case r.CurrentState == tasker.Error:
		if factor = w.ErrorState; exhausted(r) {
			factor += w.ExhaustedRetryBonus
		}
	case r.CurrentState == tasker.Pending && !r.DependenciesSatisfied:
		factor = w.DependencyIssue
	}
	penalty := attempts(r) * w.RetryInstability
	if !r.RetryEligible {
		penalty += w.NonRetryable
	}
	if exhausted(r) {
		penalty += w.ExhaustedRetry
	}
	return int64(math.Round(float64(b.downstream*w.DownstreamWeight+b.blocked*w.BlockedWeight)*factor + float64(penalty)))
}

func (w *Weights) severity(impact int64) Severity {
	switch {
	case impact >= w.Critical:
		return Critical
	case impact >= w.High:
		return High
	case impact >= w.Medium:
		return Medium
	}
	return Low
}

// failures tells of all steps in error, the greatest impact first, then the
// lower id.
func (g *graph) failures(w *Weights, reach []behind) []Failure {
	found := []Failure{}
	for i := range g.steps {
		r := &g.steps[i]
		if r.CurrentState != tasker.Error {
			continue
		}
		impact := reach[i].blocked*w.BlockedWeight + reach[i].downstream*w.DownstreamWeight + attempts(r)*w.RetryInstability
		if exhausted(r) {
			impact += w.ExhaustedRetry
		}
		found = append(found, Failure{
			WorkflowStepID: r.WorkflowStepID, Name: r.Name, Downstream: reach[i].downstream, BlockedDownstream: reach[i].blocked,
			Attempts: attempts(r), Exhausted: exhausted(r), Impact: impact,
		})
	}
	slices.SortStableFunc(found, func(a, b Failure) int { return cmp.Compare(b.Impact, a.Impact) })
	return found
}

func overall(found []Bottleneck, failed, steps int) Severity {
	by := map[Severity]int{}
	for i := range found {
		by[found[i].Severity]++
	}
	switch {
	case by[Critical] >= 3 || 2*failed > steps:
		return OverallSevere
	case by[Critical] >= 1 || by[High] >= 3:
		return OverallHigh
	case by[High] >= 1 || len(found) >= 5:
		return OverallMedium
	case len(found) > 0:
		return OverallLow
	}
	return OverallNone
}
