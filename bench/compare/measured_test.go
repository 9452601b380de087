package compare

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// chain is an index with one task of some steps, one after another.
func chain(t *testing.T, steps int64) *readiness.View {
	t.Helper()
	load := readiness.NewLoad(readiness.Options{})
	named := &tasker.Rows{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "one"}}}
	tasks := &tasker.Rows{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 1, NamedTaskID: 1}}}
	all, edges := &tasker.Rows{Table: tasker.WorkflowSteps}, &tasker.Rows{Table: tasker.WorkflowStepEdges}
	for id := int64(1); id <= steps; id++ {
		all.WorkflowSteps = append(all.WorkflowSteps, tasker.WorkflowStep{
			WorkflowStepID: id, TaskID: 1, NamedStepID: 1, Retryable: true, LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime,
		})
		if id > 1 {
			edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{ID: id, FromStepID: id - 1, ToStepID: id})
		}
	}
	for _, rows := range []*tasker.Rows{named, tasks, all, edges} {
		if err := load.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	index, err := load.Finish(readiness.Position{LSN: 1})
	if err != nil {
		t.Fatal(err)
	}
	return index.View()
}

// measured is a run of three questions to the index, each beside sorting, which
// is the same in every run. The question named slow is asked ten times where it
// is to be asked once: tests run beside each other, and are to find less than
// that a difference to noise.
func measured(t *testing.T, hour int, slow string) *bench.Report {
	t.Helper()
	v := chain(t, 200)
	now := tasker.TimestampOf(time.Now())
	questions := []struct {
		name string
		ask  func() int
	}{
		{"readiness", func() int { return len(v.StepReadiness(1, nil, now)) }},
		{"context", func() int { return len(v.TaskExecutionContexts([]int64{1}, now)) }},
		{"dag", func() int { return len(v.StepDAGRelationships([]int64{1})) }},
	}
	shuffled := make([]int, 2000)
	for i := range shuffled {
		shuffled[i] = i * 7919 % len(shuffled)
	}
	sorting := bench.PerOperation(5*time.Millisecond, func(_ context.Context, n int) error {
		for range n {
			slices.Sort(slices.Clone(shuffled))
		}
		return nil
	})
	var results []bench.Result
	for _, q := range questions {
		times := 1
		if q.name == slow {
			times = 10
		}
		asking := bench.PerOperation(5*time.Millisecond, func(_ context.Context, n int) error {
			for range n * times {
				if q.ask() == 0 {
					t.Errorf("%s has no answer", q.name)
				}
			}
			return nil
		})
		r := bench.Result{Name: q.name, What: q.name, Unit: "ns/op", Better: bench.Lower, Baseline: "sorting"}
		var err error
		if r.Samples, r.BaselineSamples, err = bench.Interleave(t.Context(), bench.Rounds{Count: 9}, asking, sorting, nil); err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	return report(hour, results...)
}

// TestSlowedSamples slows down one figure of a real run, whose noise is real.
func TestSlowedSamples(t *testing.T) {
	read := func() *bench.Report {
		file, err := os.Open("../results/follow.json")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		r, err := bench.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const name, factor = "levels", 1.3
	before, after := read(), read()
	for i := range after.Results {
		r := &after.Results[i]
		if r.Name != name {
			continue
		}
		for j := range r.Samples {
			r.Samples[j] *= factor
		}
		r.Median *= factor
	}
	c := compareReports(t, before, after, 0.1)
	if f := c.Figures[0]; f.Name != name || f.State != Regression || f.Low > factor || f.High < factor {
		t.Errorf("%+v", f)
	}
	for _, f := range c.Figures[1:] {
		if f.State != Same {
			t.Errorf("%s is %s", f.Name, f.State)
		}
	}
}

// TestMeasured looks at real times: what has been slowed down is found, alone,
// and two runs of the same are not told apart.
func TestMeasured(t *testing.T) {
	first, second, slowed := measured(t, 12, ""), measured(t, 13, ""), measured(t, 14, "readiness")
	same := compareReports(t, first, second, 0.1)
	if err := same.Write(t.Output(), true); err != nil {
		t.Fatal(err)
	}
	for _, f := range same.Figures {
		if f.State != Same {
			t.Errorf("two runs of the same: %s is %s", f.Name, f.State)
		}
	}
	worse := compareReports(t, second, slowed, 0.1)
	if err := worse.Write(t.Output(), true); err != nil {
		t.Fatal(err)
	}
	for _, f := range worse.Figures {
		if want := map[bool]State{true: Regression, false: Same}[f.Name == "readiness"]; f.State != want {
			t.Errorf("readiness was slowed down: %s is %s", f.Name, f.State)
		}
	}
}
