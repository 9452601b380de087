package analysis

import (
	"cmp"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// drawTask makes a small task: rows whose values need not fit together, and
// edges that may repeat, run in circles and lead out of the task.
func drawTask(t *rapid.T) ([]tasker.StepReadiness, map[int64][]int64) {
	n := rapid.IntRange(0, 9).Draw(t, "steps")
	acyclic := rapid.Bool().Draw(t, "acyclic")
	rows := make([]tasker.StepReadiness, n)
	for i := range rows {
		rows[i] = tasker.StepReadiness{
			WorkflowStepID:        int64(10 + i),
			CurrentState:          rapid.SampledFrom([]string{tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Error, tasker.ResolvedManually, "odd"}).Draw(t, "state"),
			DependenciesSatisfied: rapid.Bool().Draw(t, "satisfied"),
			RetryEligible:         rapid.Bool().Draw(t, "eligible"),
			ReadyForExecution:     rapid.Bool().Draw(t, "ready"),
			Attempts:              tasker.Null[int32]{V: int32(rapid.IntRange(0, 4).Draw(t, "attempts")), Valid: true},
			RetryLimit:            3,
		}
	}
	children := map[int64][]int64{}
	if n > 0 {
		for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
			from, to := rapid.Int64Range(0, int64(n)-1).Draw(t, "from"), rapid.Int64Range(0, int64(n)).Draw(t, "to")
			if acyclic && from >= to {
				continue
			}
			children[10+from] = append(children[10+from], 10+to) // 10+n is of another task
		}
	}
	return rows, children
}

func drawWeights(t *rapid.T) Weights {
	w := DefaultWeights()
	if rapid.Bool().Draw(t, "default weights") {
		return w
	}
	for _, f := range []*int64{
		&w.DownstreamWeight, &w.BlockedWeight, &w.PathLengthWeight, &w.CompletedPenalty, &w.BlockedPenalty, &w.ErrorPenalty, &w.RetryPenalty,
		&w.RetryInstability, &w.NonRetryable, &w.ExhaustedRetry, &w.BaseStepSeconds, &w.ErrorPenaltySeconds, &w.RetryPenaltySeconds,
	} {
		*f = rapid.Int64Range(0, 200).Draw(t, "weight")
	}
	for _, f := range []*float64{&w.ErrorState, &w.ExhaustedRetryBonus, &w.DependencyIssue} {
		*f = float64(rapid.Int64Range(0, 12).Draw(t, "quarters")) / 4
	}
	w.Medium = rapid.Int64Range(0, 100).Draw(t, "medium")
	w.High = w.Medium + rapid.Int64Range(0, 100).Draw(t, "high")
	w.Critical = w.High + rapid.Int64Range(0, 100).Draw(t, "critical")
	return w
}

// model answers the same by walking.
type model struct {
	rows     map[int64]*tasker.StepReadiness
	children map[int64][]int64 // inside the task, each once
}

func newModel(rows []tasker.StepReadiness, children map[int64][]int64) *model {
	m := &model{map[int64]*tasker.StepReadiness{}, map[int64][]int64{}}
	for i := range rows {
		m.rows[rows[i].WorkflowStepID] = &rows[i]
	}
	for id, list := range children {
		for _, c := range list {
			if m.rows[c] != nil && !slices.Contains(m.children[id], c) {
				m.children[id] = append(m.children[id], c)
			}
		}
	}
	return m
}

// reached is everything that one or more edges lead to.
func (m *model) reached(id int64) map[int64]bool {
	seen := map[int64]bool{}
	var walk func(int64)
	walk = func(at int64) {
		for _, c := range m.children[at] {
			if !seen[c] {
				seen[c] = true
				walk(c)
			}
		}
	}
	walk(id)
	return seen
}

// paths enumerates all paths from a root to a leaf without a step on a cycle.
func (m *model) paths() [][]int64 {
	hasParent := map[int64]bool{}
	for _, list := range m.children {
		for _, c := range list {
			hasParent[c] = true
		}
	}
	var all [][]int64
	var walk func(path []int64)
	walk = func(path []int64) {
		at := path[len(path)-1]
		if m.reached(at)[at] {
			return
		}
		if len(m.children[at]) == 0 {
			all = append(all, slices.Clone(path))
		}
		for _, c := range m.children[at] {
			walk(append(slices.Clip(path), c))
		}
	}
	for id := range m.rows {
		if !hasParent[id] {
			walk([]int64{id})
		}
	}
	return all
}

// score is the formula as the engine has it, of a whole path.
func (m *model) score(path []int64, w *Weights, healthy bool, completion float64) float64 {
	var completed, blocked, failed, retry, seconds float64
	for _, id := range path {
		r := m.rows[id]
		seconds += float64(w.BaseStepSeconds) + float64(r.Attempts.V)*float64(w.RetryPenaltySeconds)
		if r.CurrentState == tasker.Complete || r.CurrentState == tasker.ResolvedManually {
			completed++
		}
		if !r.DependenciesSatisfied {
			blocked++
		}
		if r.CurrentState == tasker.Error {
			failed++
			seconds += float64(w.ErrorPenaltySeconds)
		}
		if r.Attempts.V > 1 {
			retry++
		}
	}
	h := 1.5
	if healthy {
		h = 1
	}
	sum := float64(len(path))*float64(w.PathLengthWeight) - completed*float64(w.CompletedPenalty) +
		(blocked*float64(w.BlockedPenalty)+failed*float64(w.ErrorPenalty))*h + retry*float64(w.RetryPenalty) + 2*seconds/60
	return sum * (1 - 0.3*completion)
}

// The analysis says what a walk over all paths says.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, children := drawTask(t)
		w := drawWeights(t)
		context := tasker.TaskExecutionContext{
			TotalSteps: int64(len(rows)), CompletedSteps: rapid.Int64Range(0, int64(len(rows))).Draw(t, "completed"),
			HealthStatus: rapid.SampledFrom([]string{tasker.Healthy, tasker.Recovering, tasker.Blocked}).Draw(t, "health"),
		}
		k := rapid.IntRange(1, 6).Draw(t, "k")
		got := analyze(newGraph(rows, func(id int64) []int64 { return children[id] }), &context, nil, Options{Weights: w, Paths: k, Rows: len(rows)})
		m := newModel(rows, children)

		var onCycle []int64
		for _, r := range rows {
			if m.reached(r.WorkflowStepID)[r.WorkflowStepID] {
				onCycle = append(onCycle, r.WorkflowStepID)
			}
		}
		if !slices.Equal(onCycle, got.OnCycle) {
			t.Fatalf("on cycles: got %v, want %v", got.OnCycle, onCycle)
		}
		checkPaths(t, m, &w, &context, &got, k)
		checkBottlenecks(t, m, rows, &w, &got)
	})
}

func checkPaths(t *rapid.T, m *model, w *Weights, context *tasker.TaskExecutionContext, got *Analysis, k int) {
	completion := 0.0
	if context.TotalSteps > 0 {
		completion = float64(context.CompletedSteps) / float64(context.TotalSteps)
	}
	score := func(p []int64) float64 { return m.score(p, w, context.HealthStatus == tasker.Healthy, completion) }
	backwards := func(a, b []int64) int { // by the last step, then the one before
		a, b = slices.Clone(a), slices.Clone(b)
		slices.Reverse(a)
		slices.Reverse(b)
		return slices.Compare(a, b)
	}
	all := m.paths()
	slices.SortFunc(all, func(a, b []int64) int {
		if d := score(b) - score(a); math.Abs(d) > 1e-6 { // sums of hundredths differ by more, or not at all
			return cmp.Compare(d, 0)
		}
		return backwards(a, b)
	})
	if got.PathsTotal != int64(len(all)) || len(got.Paths) != min(k, len(all)) {
		t.Fatalf("got %d paths of %d, want %d of %d", len(got.Paths), got.PathsTotal, min(k, len(all)), len(all))
	}
	for i, p := range got.Paths {
		want := max(0, score(all[i]))
		if !slices.Equal(p.StepIDs, all[i]) || math.Abs(p.Score-want) > 0.0051 {
			t.Fatalf("path %d: got %v with %f, want %v with %f", i, p.StepIDs, p.Score, all[i], want)
		}
		if p.Length != int64(len(all[i])) {
			t.Fatalf("path %d: %d steps, want %d", i, p.Length, len(all[i]))
		}
	}
	if (got.Longest == nil) != (len(all) == 0) {
		t.Fatalf("longest: %v of %d", got.Longest, len(all))
	}
	if len(all) > 0 {
		longest := slices.MinFunc(all, func(a, b []int64) int { return cmp.Or(cmp.Compare(len(b), len(a)), backwards(a, b)) })
		if !slices.Equal(longest, got.Longest.StepIDs) {
			t.Fatalf("longest: got %v, want %v", got.Longest.StepIDs, longest)
		}
	}
}

func checkBottlenecks(t *rapid.T, m *model, rows []tasker.StepReadiness, w *Weights, got *Analysis) {
	failed := 0
	for _, r := range rows {
		if r.CurrentState == tasker.Error {
			failed++
		}
	}
	var want []Bottleneck
	for _, r := range rows {
		a := int64(r.Attempts.V)
		if failed > 0 && r.CurrentState != tasker.Error || failed == 0 && r.DependenciesSatisfied && a < 2 && r.RetryEligible {
			continue
		}
		b := Bottleneck{WorkflowStepID: r.WorkflowStepID, CurrentState: r.CurrentState, Attempts: a, Exhausted: a >= 3}
		for id := range m.reached(r.WorkflowStepID) {
			if id == r.WorkflowStepID {
				continue
			}
			b.Downstream++
			if !m.rows[id].DependenciesSatisfied {
				b.BlockedDownstream++
			}
		}
		factor, extra := 1.0, float64(a)*float64(w.RetryInstability)
		if r.CurrentState == tasker.Error {
			factor = w.ErrorState
			if b.Exhausted {
				factor += w.ExhaustedRetryBonus
			}
		} else if r.CurrentState == tasker.Pending && !r.DependenciesSatisfied {
			factor = w.DependencyIssue
		}
		if !r.RetryEligible {
			extra += float64(w.NonRetryable)
		}
		if b.Exhausted {
			extra += float64(w.ExhaustedRetry)
		}
		b.Impact = int64(math.Round((float64(b.Downstream)*float64(w.DownstreamWeight)+float64(b.BlockedDownstream)*float64(w.BlockedWeight))*factor + extra))
		b.Severity = Low
		for _, s := range []struct {
			least int64
			name  Severity
		}{{w.Medium, Medium}, {w.High, High}, {w.Critical, Critical}} {
			if b.Impact >= s.least {
				b.Severity = s.name
			}
		}
		want = append(want, b)
	}
	slices.SortStableFunc(want, func(a, b Bottleneck) int { return cmp.Compare(b.Impact, a.Impact) })
	if diff := gocmp.Diff(append([]Bottleneck{}, want...), got.Bottlenecks); diff != "" {
		t.Fatal(diff)
	}
	if got.FailuresTotal != int64(failed) || got.BottlenecksTotal != int64(len(want)) {
		t.Fatalf("%d failures, %d bottlenecks; want %d, %d", got.FailuresTotal, got.BottlenecksTotal, failed, len(want))
	}
}
