package workload

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func collect(spec Spec) []*Instance {
	var all []*Instance
	for b := range Generate(spec) {
		all = append(all, b.Tasks...)
	}
	return all
}

func TestUsualMixAndStatesAreExact(t *testing.T) {
	for _, n := range []int{1, 7, 100, 999, 1000, 2503} {
		kinds, states := map[string]int{}, map[string]int{}
		for _, i := range collect(Spec{Tasks: n, Seed: 5}) {
			kinds[i.Workflow.Name]++
			states[i.State()]++
		}
		want := map[string]int{}
		for _, s := range []struct {
			name    string
			percent int
		}{{"diamond_workflow", 25}, {"parallel_merge_workflow", 20}, {"tree_workflow", 15}, {"mixed_workflow", 10}} {
			want[s.name] = n * s.percent / 100
		}
		left := n
		for k, v := range want {
			if left -= v; v == 0 {
				delete(want, k)
			}
		}
		want["linear_workflow"] = left
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("%d tasks: %s", n, diff)
		}
		complete, failed := n*30/100, n*10/100
		if states["complete"] != complete || states["error"] != failed || states["pending"] != n-complete-failed {
			t.Errorf("%d tasks are in %v", n, states)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	spec := Spec{Tasks: 300, Seed: 9, Mix: everyShape(), Scenarios: everyScenario()}
	a, b := dataset(spec), dataset(spec)
	if diff := cmp.Diff(a.Rows, b.Rows); diff != "" {
		t.Error(diff)
	}
	spec.BatchSteps = 17
	if diff := cmp.Diff(a.Rows, dataset(spec).Rows); diff != "" {
		t.Error("the size of batches changes the data:", diff)
	}
	spec.Seed++
	if cmp.Equal(a.Rows, dataset(spec).Rows) {
		t.Error("another seed gives the same data")
	}
}

// However large a data set is, only the batch at hand is in memory.
func TestGenerateStreams(t *testing.T) {
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, batches := live(), 0
	for range Generate(Spec{Steps: 150_000, Seed: 1, BatchSteps: 2000}) {
		if batches++; batches%25 == 0 {
			if now := live(); now > before+8<<20 {
				t.Fatalf("after %d batches %d bytes are alive", batches, now-before)
			}
		}
	}
	if batches != 75 {
		t.Error(batches)
	}
}

func TestSharesMustBePartsOfAWhole(t *testing.T) {
	for _, shares := range [][]Share[Scenario]{{{60, Fresh}, {50, Completed}}, {{-1, Fresh}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", shares)
				}
			}()
			collect(Spec{Tasks: 1, Scenarios: shares})
		}()
	}
}

func TestBoundBySteps(t *testing.T) {
	steps := 0
	for b := range Generate(Spec{Steps: 25_000, Seed: 1, BatchSteps: 1000}) {
		if n := b.Steps(); n > 1010 {
			t.Errorf("a batch of %d steps", n)
		} else {
			steps += n
		}
	}
	if steps < 25_000 || steps > 25_010 {
		t.Errorf("%d steps", steps)
	}
}

// Every history that is generated is one that the state machines allow, with
// the guards: a step is taken only after its parents are done, a task is
// complete only when its steps are.
func TestHistoriesAreLegal(t *testing.T) {
	now := tasker.TimestampOf(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	for _, s := range Scenarios() {
		for b := range Generate(Spec{Tasks: 400, Seed: 2, Now: now, Mix: everyShape(), Scenarios: []Share[Scenario]{{100, s}}}) {
			for _, i := range b.Tasks {
				if err := i.Check(); err != nil {
					t.Fatalf("%v, %s: %v", s, i.Workflow.Name, err)
				}
				if i.last() > now {
					t.Fatalf("%v: %v lies after now", s, i.last())
				}
			}
			checkGuards(t, s, b)
		}
	}
}

func checkGuards(t *testing.T, s Scenario, b *Batch) {
	t.Helper()
	parents := map[StepRef][]StepRef{}
	for n, i := range b.Tasks {
		for step := range i.Steps {
			for _, p := range i.Workflow.Steps[step].Parents {
				parents[StepRef{n, step}] = append(parents[StepRef{n, step}], StepRef{n, p})
			}
		}
	}
	for _, l := range b.Links {
		parents[l.To] = append(parents[l.To], l.From)
	}
	for n, i := range b.Tasks {
		for step := range i.Steps {
			for _, m := range i.Steps[step].Moves {
				if m.To != tasker.InProgress {
					continue
				}
				for _, p := range parents[StepRef{n, step}] {
					above := b.Tasks[p.Task].Steps[p.Step]
					if !slices.ContainsFunc(above.Moves, func(d Move) bool { return tasker.Done(d.To) && d.At <= m.At }) {
						t.Fatalf("%v, %s: step %s was taken before its parent was done", s, i.Workflow.Name, i.Workflow.Steps[step].Name)
					}
				}
			}
		}
		for _, m := range i.Moves {
			if m.To != tasker.Complete {
				continue
			}
			for step := range i.Steps {
				if !tasker.Done(i.Steps[step].State()) {
					t.Fatalf("%v: %s is complete while a step is %s", s, i.Workflow.Name, i.Steps[step].State())
				}
			}
		}
	}
}

func everyShape() []Share[Source] {
	mix := []Share[Source]{{10, AlwaysFamily(DefaultHierarchy())}}
	for _, s := range Shapes() {
		mix = append(mix, Share[Source]{4, OfShape(s, 1, 30)})
	}
	return mix
}

func everyScenario() []Share[Scenario] {
	var all []Share[Scenario]
	for _, s := range Scenarios() {
		all = append(all, Share[Scenario]{100 / len(Scenarios()), s})
	}
	return all
}

func dataset(spec Spec) *Dataset {
	d := NewDataset(tasker.TimestampOf(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	for b := range Generate(spec) {
		d.Add(b)
	}
	return d
}
