package analysis

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func steps(n int, edit func(i int, r *tasker.StepReadiness)) []tasker.StepReadiness {
	rows := make([]tasker.StepReadiness, n)
	for i := range rows {
		rows[i] = tasker.StepReadiness{
			WorkflowStepID: int64(i + 1), Name: fmt.Sprintf("step %d", i+1), CurrentState: tasker.Pending, RetryEligible: true,
			DependenciesSatisfied: i == 0, ReadyForExecution: i == 0, Attempts: tasker.Some[int32](0), RetryLimit: 3,
		}
		if edit != nil {
			edit(i, &rows[i])
		}
	}
	return rows
}

func chain(id int64) []int64 { return []int64{id + 1} }

func of(rows []tasker.StepReadiness, children func(int64) []int64, o Options) Analysis {
	health := tasker.Healthy
	if slices.ContainsFunc(rows, func(r tasker.StepReadiness) bool { return r.CurrentState == tasker.Error }) {
		health = tasker.Recovering
	}
	return analyze(newGraph(rows, children), &tasker.TaskExecutionContext{TotalSteps: int64(len(rows)), HealthStatus: health}, nil, o)
}

// Figures by hand: a chain of four of which the first has failed for good.
func TestFailedChain(t *testing.T) {
	rows := steps(4, func(i int, r *tasker.StepReadiness) {
		if i == 0 {
			r.CurrentState, r.Attempts, r.RetryEligible, r.ReadyForExecution = tasker.Error, tasker.Some[int32](3), false, false
		}
	})
	a := of(rows, chain, Options{Weights: DefaultWeights(), Paths: 3, Rows: 10})
	want := []Bottleneck{{
		WorkflowStepID: 1, Name: "step 1", CurrentState: tasker.Error, Downstream: 3, BlockedDownstream: 3, Attempts: 3, Exhausted: true,
		Impact: 189, Severity: Critical, // (3×5 + 3×15) × 2.5 + 3×3 + 10 + 20
	}}
	if diff := gocmp.Diff(want, a.Bottlenecks); diff != "" {
		t.Error(diff)
	}
	if len(a.Failures) != 1 || a.Failures[0].Impact != 89 { // 3×15 + 3×5 + 20 + 3×3
		t.Errorf("failures: %+v", a.Failures)
	}
	path := Path{
		StepIDs: []int64{1, 2, 3, 4}, Length: 4, Blocked: 3, Failed: 1, Retried: 1,
		EstimatedSeconds: 270,   // 4×30 + 60 + 3×30
		Score:            216.5, // 4×10 + (3×25 + 30)×1.5 + 10 + 2×4.5
	}
	if diff := gocmp.Diff([]Path{path}, a.Paths); diff != "" {
		t.Error(diff)
	}
	if a.Overall != OverallHigh {
		t.Errorf("overall: %s", a.Overall)
	}
}

func TestOverall(t *testing.T) {
	of := func(severities ...Severity) []Bottleneck {
		var list []Bottleneck
		for _, s := range severities {
			list = append(list, Bottleneck{Severity: s})
		}
		return list
	}
	for _, c := range []struct {
		found         []Bottleneck
		failed, steps int
		want          Severity
	}{
		{nil, 0, 0, OverallNone},
		{nil, 1, 2, OverallNone},
		{nil, 2, 3, OverallSevere},
		{of(Critical, Critical, Critical), 0, 9, OverallSevere},
		{of(Critical, Critical), 0, 9, OverallHigh},
		{of(High, High, High), 0, 9, OverallHigh},
		{of(High, High), 0, 9, OverallMedium},
		{of(Low, Low, Medium, Low, Low), 0, 9, OverallMedium},
		{of(Medium, Medium, Medium, Low), 0, 9, OverallLow},
	} {
		if got := overall(c.found, c.failed, c.steps); got != c.want {
			t.Errorf("%v, %d of %d failed: %s, want %s", c.found, c.failed, c.steps, got, c.want)
		}
	}
}

func TestParallelism(t *testing.T) {
	rows := steps(5, func(i int, r *tasker.StepReadiness) {
		r.DependenciesSatisfied, r.ReadyForExecution = i < 2, i < 2
	})
	g := newGraph(rows, func(int64) []int64 { return nil })
	levels, efficiency := g.parallelism([]tasker.DependencyLevel{{WorkflowStepID: 1}, {WorkflowStepID: 2}, {WorkflowStepID: 3, DependencyLevel: 1}, {WorkflowStepID: 4, DependencyLevel: 1}})
	want := []Level{
		{Level: 0, Total: 2, Ready: 2, Potential: "High", Risk: "Low"},
		{Level: 1, Total: 2, Blocked: 2, Potential: "Low", Risk: "High"},
	}
	if diff := gocmp.Diff(want, levels); diff != "" || efficiency != 0.5 {
		t.Errorf("%s efficiency %f", diff, efficiency)
	}
	if levels, efficiency := g.parallelism(nil); len(levels) != 0 || efficiency != 0 {
		t.Errorf("%v, %f", levels, efficiency)
	}
}

// 3,000 diamonds in a row have 2^3000 paths, which nobody enumerates; and no
// recursion goes as deep as they are.
func TestManyPaths(t *testing.T) {
	const diamonds = 3_000
	children := func(id int64) []int64 { // 1 → 2, 3 → 4 → 5, 6 → 7 …
		switch id % 3 {
		case 1:
			return []int64{id + 1, id + 2}
		case 2:
			return []int64{id + 2}
		}
		return []int64{id + 1}
	}
	rows := steps(3*diamonds+1, nil)
	began := time.Now()
	a := of(rows, children, Options{Weights: DefaultWeights(), Paths: 5, Rows: 1})
	t.Logf("%d steps in %s", len(rows), time.Since(began))
	if a.PathsTotal != mostPaths || len(a.Paths) != 5 || a.Longest.Length != 2*diamonds+1 || a.Bottlenecks[0].Downstream != 3*diamonds-2 {
		t.Errorf("%d paths, %d listed, longest %d, first %+v", a.PathsTotal, len(a.Paths), a.Longest.Length, a.Bottlenecks[0])
	}
}

// Extreme attempts and weights stay within what sums can hold.
func TestNoOverflow(t *testing.T) {
	w := DefaultWeights()
	w.RetryPenaltySeconds, w.BaseStepSeconds, w.ErrorPenaltySeconds = 1_000_000, 1_000_000, 1_000_000
	w.PathLengthWeight, w.BlockedPenalty, w.ErrorPenalty, w.RetryPenalty = 1_000_000, 1_000_000, 1_000_000, 1_000_000
	rows := steps(1000, func(_ int, r *tasker.StepReadiness) {
		r.CurrentState, r.Attempts = tasker.Error, tasker.Some[int32](math.MaxInt32)
	})
	a := of(rows, chain, Options{Weights: w, Paths: 1, Rows: 1})
	if p := a.Paths[0]; p.Score <= 0 || p.EstimatedSeconds <= 0 {
		t.Errorf("%+v", p)
	}
}

// A task in an index, with a step of another task in between and a step without
// a name, neither of which has a part in it.
func TestOfView(t *testing.T) {
	load := readiness.NewLoad(readiness.Options{Rules: tasker.RulesV02})
	step := func(id, task, named int64) tasker.WorkflowStep {
		return tasker.WorkflowStep{WorkflowStepID: id, TaskID: task, NamedStepID: int32(named), Retryable: true, LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime}
	}
	for _, rows := range []*tasker.Rows{
		{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "one"}}},
		{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 7, NamedTaskID: 1}, {TaskID: 8, NamedTaskID: 1}}},
		{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{step(70, 7, 1), step(71, 7, 1), step(72, 7, 1), step(73, 7, 2), step(80, 8, 1)}},
		{Table: tasker.WorkflowStepEdges, WorkflowStepEdges: []tasker.WorkflowStepEdge{
			{ID: 1, FromStepID: 70, ToStepID: 71}, {ID: 2, FromStepID: 71, ToStepID: 72}, {ID: 3, FromStepID: 71, ToStepID: 80}, {ID: 4, FromStepID: 70, ToStepID: 73},
		}},
	} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: 1})
	if err != nil {
		t.Fatal(err)
	}
	a, ok := Of(index.View(), 7, tasker.TimestampOf(time.Unix(1_800_000_000, 0)), Options{Weights: DefaultWeights(), Paths: 9, Rows: 9})
	if !ok || a.PathsTotal != 1 || !slices.Equal(a.Paths[0].StepIDs, []int64{70, 71, 72}) || len(a.Levels) != 3 {
		t.Errorf("%v %+v", ok, a)
	}
	if len(a.Bottlenecks) != 2 || a.Bottlenecks[0].WorkflowStepID != 71 || a.Bottlenecks[0].Impact != 24 { // (5 + 15) × 1.2
		t.Errorf("%+v", a.Bottlenecks)
	}
	if _, ok := Of(index.View(), 9, 0, Options{}); ok {
		t.Error("an unknown task was analyzed")
	}
}
