package analysis

import (
	"cmp"
	"math"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Path leads from a step without parents in the task to one without children.
type Path struct {
	StepIDs   []int64 `json:"step_ids"`
	Length    int64   `json:"length" doc:"Its steps."`
	Completed int64   `json:"completed_steps" doc:"Those that are done."`
	Blocked   int64   `json:"blocked_steps" doc:"Those whose dependencies are not satisfied."`
	Failed    int64   `json:"error_steps" doc:"Those in error."`
	Retried   int64   `json:"retry_steps" doc:"Those with more than one attempt."`
	// EstimatedSeconds is the sum of what the steps are thought to take.
	EstimatedSeconds int64   `json:"estimated_duration_seconds"`
	Score            float64 `json:"score" doc:"How much the path matters, rounded to two places."`
}

// link is the end of a path: its value so far, and where it comes from.
type link struct {
	value  int64
	parent int32 // -1 at a root
	rank   int32 // which of the parent's links
}

func (a link) before(b link) int {
	return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.parent, b.parent), cmp.Compare(a.rank, b.rank))
}

// best finds the k paths with the highest sums of what their steps are worth, in
// that order; of equal ones first that whose last step has the lower id, then
// the step before it, and so on.
func (g *graph) best(k int, worth func(step int32) int64) [][]int32 {
	ends := make([][]link, len(g.steps))
	var last []link // parent is the leaf
	for c := len(g.components) - 1; c >= 0; c-- {
		v := g.components[c][0]
		if g.cyclic[v] {
			continue
		}
		var links []link
		if len(g.parents[v]) == 0 {
			links = []link{{worth(v), -1, 0}}
		}
		for _, p := range g.parents[v] {
			for rank, l := range ends[p] {
				links = append(links, link{l.value + worth(v), p, int32(rank)}) //nolint:gosec // at most k
			}
		}
		slices.SortFunc(links, link.before)
		ends[v] = slices.Clone(links[:min(k, len(links))])
		if len(g.children[v]) == 0 {
			for rank, l := range ends[v] {
				last = append(last, link{l.value, v, int32(rank)}) //nolint:gosec // at most k
			}
		}
	}
	slices.SortFunc(last, link.before)
	paths := make([][]int32, 0, k)
	for _, l := range last[:min(k, len(last))] {
		var path []int32
		for at := l; at.parent >= 0; at = ends[at.parent][at.rank] {
			path = append(path, at.parent)
		}
		slices.Reverse(path)
		paths = append(paths, path)
	}
	return paths
}

// mostPaths is where counting ends: the largest number that every reader of JSON
// takes for what it is.
const mostPaths = 1<<53 - 1

// count is how many paths there are, at most mostPaths.
func (g *graph) count() int64 {
	total, to := int64(0), make([]int64, len(g.steps))
	for c := len(g.components) - 1; c >= 0; c-- {
		v := g.components[c][0]
		if g.cyclic[v] {
			continue
		}
		if len(g.parents[v]) == 0 {
			to[v] = 1
		}
		for _, p := range g.parents[v] {
			to[v] = min(to[v]+to[p], mostPaths)
		}
		if len(g.children[v]) == 0 {
			total = min(total+to[v], mostPaths)
		}
	}
	return total
}

// scoring is how paths of a task are valued.
type scoring struct {
	w          *Weights
	healthy    bool
	completion float64 // the share of the task's steps that are done
}

// mostAttempts bounds the attempts that count, so that no sum overflows.
const mostAttempts = 1_000_000

func (s scoring) seconds(r *tasker.StepReadiness) int64 {
	seconds := s.w.BaseStepSeconds + min(attempts(r), mostAttempts)*s.w.RetryPenaltySeconds
	if r.CurrentState == tasker.Error {
		seconds += s.w.ErrorPenaltySeconds
	}
	return seconds
}

// worth is what a step adds to its paths' scores, before they are scaled, in
// sixtieths: whole numbers, so that no order depends on rounding.
func (s scoring) worth(r *tasker.StepReadiness) int64 {
	sixtieths := 60*s.w.PathLengthWeight + 2*s.seconds(r)
	trouble := int64(90)
	if s.healthy {
		trouble = 60
	}
	if tasker.Done(r.CurrentState) {
		sixtieths -= 60 * s.w.CompletedPenalty
	}
	if !r.DependenciesSatisfied {
		sixtieths += trouble * s.w.BlockedPenalty
	}
	if r.CurrentState == tasker.Error {
		sixtieths += trouble * s.w.ErrorPenalty
	}
	if retried(r) {
		sixtieths += 60 * s.w.RetryPenalty
	}
	return sixtieths
}

func (s scoring) score(sixtieths int64) float64 {
	return math.Round(max(0, float64(sixtieths)/60*(1-0.3*s.completion))*100) / 100
}

// path tells about a path.
func (s scoring) path(g *graph, steps []int32) Path {
	p := Path{StepIDs: make([]int64, len(steps)), Length: int64(len(steps))}
	sum := int64(0)
	for i, at := range steps {
		r := &g.steps[at]
		p.StepIDs[i] = r.WorkflowStepID
		p.Completed += one(tasker.Done(r.CurrentState))
		p.Blocked += one(!r.DependenciesSatisfied)
		p.Failed += one(r.CurrentState == tasker.Error)
		p.Retried += one(retried(r))
		p.EstimatedSeconds += s.seconds(r)
		sum += s.worth(r)
	}
	p.Score = s.score(sum)
	return p
}

func attempts(r *tasker.StepReadiness) int64 { return int64(r.Attempts.Or(0)) }

func retried(r *tasker.StepReadiness) bool { return attempts(r) >= 2 }

func exhausted(r *tasker.StepReadiness) bool { return attempts(r) >= int64(r.RetryLimit) }

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
