package readiness_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// changed applies changes as one transaction each and returns the index.
func changed(t *testing.T, transactions ...[]tasker.Change) *readiness.Index {
	t.Helper()
	x, err := readiness.NewLoad(readiness.Options{}).Finish(readiness.Position{LSN: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, changes := range transactions {
		x.Begin(uint32(100+i), 0)
		for j := range changes {
			if err := x.Apply(&changes[j]); err != nil {
				t.Fatal(err)
			}
		}
		x.Commit(tasker.LSN(10 * (i + 1)))
	}
	x.Publish()
	return x
}

func stepRow(id, task int64) tasker.Change {
	return tasker.Change{
		Table: tasker.WorkflowSteps, Op: tasker.Insert, Key: id, OldKey: id,
		WorkflowStep: tasker.WorkflowStep{WorkflowStepID: id, TaskID: task, NamedStepID: 1, Retryable: true, LastAttemptedAt: tasker.NoTime},
	}
}

func edgeRow(id, from, to int64) tasker.Change {
	return tasker.Change{
		Table: tasker.WorkflowStepEdges, Op: tasker.Insert, Key: id, OldKey: id,
		WorkflowStepEdge: tasker.WorkflowStepEdge{ID: id, FromStepID: from, ToStepID: to},
	}
}

func stateRow(id, step int64, state string) tasker.Change {
	return tasker.Change{
		Table: tasker.WorkflowStepTransitions, Op: tasker.Insert, Key: id, OldKey: id,
		WorkflowStepTransition: tasker.Transition{ID: id, ToState: state, MostRecent: true, ParentID: step},
	}
}

func TestMarksTellWhichTransactionChangedATask(t *testing.T) {
	x := changed(t,
		[]tasker.Change{stepRow(1, 1), stepRow(2, 2)},
		[]tasker.Change{edgeRow(1, 1, 2)},
		[]tasker.Change{stepRow(3, 3)},
		[]tasker.Change{stateRow(1, 1, tasker.Complete)}, // task 2 waits for it
	)
	v := x.View()
	for task, want := range map[int64]readiness.Mark{1: {40, 103}, 2: {40, 103}, 3: {30, 102}} {
		if got, ok := v.TaskChangedAt(task); !ok || got != want {
			t.Errorf("task %d: %v, want %v", task, got, want)
		}
	}
	if _, ok := v.TaskChangedAt(4); ok {
		t.Error("a task that nobody told of has a mark")
	}
	if got, want := v.ChangedAt(), (readiness.Marks{Any: readiness.Mark{LSN: 40, XID: 103}, Structure: readiness.Mark{LSN: 30, XID: 102}}); got != want {
		t.Errorf("marks %+v, want %+v", got, want)
	}
}

func TestMarksTellOfNamesAndRemovals(t *testing.T) {
	x := changed(t,
		[]tasker.Change{stepRow(1, 1)},
		[]tasker.Change{{Table: tasker.NamedSteps, Op: tasker.Insert, Key: 1, OldKey: 1, NamedStep: tasker.NamedStep{NamedStepID: 1, Name: "a"}}},
		[]tasker.Change{{Table: tasker.WorkflowSteps, Op: tasker.Delete, Key: 1, OldKey: 1}},
		[]tasker.Change{{Table: tasker.TaskNamespaces, Op: tasker.Truncate}},
	)
	want := readiness.Marks{
		Any: readiness.Mark{LSN: 40, XID: 103}, Names: readiness.Mark{LSN: 40, XID: 103},
		Removals: readiness.Mark{LSN: 30, XID: 102}, Structure: readiness.Mark{LSN: 30, XID: 102},
	}
	if got := x.View().ChangedAt(); got != want {
		t.Errorf("marks %+v, want %+v", got, want)
	}
}

func TestPathCountIsThatOfTheEnginesWalk(t *testing.T) {
	diamonds := func(k int64) []tasker.Change {
		rows := []tasker.Change{stepRow(1, 1)}
		edge := int64(0)
		for i := range k {
			top := 3*i + 1
			rows = append(rows, stepRow(top+1, 1), stepRow(top+2, 1), stepRow(top+3, 1))
			for _, e := range [][2]int64{{top, top + 1}, {top, top + 2}, {top + 1, top + 3}, {top + 2, top + 3}} {
				edge++
				rows = append(rows, edgeRow(edge, e[0], e[1]))
			}
		}
		return rows
	}
	// One path that ends at the root; each diamond adds two to its middle and
	// doubles those at its end: 1 + Σ (2·2^i + 2^(i+1)) = 1 + 4·(2^k − 1).
	for k := int64(0); k <= 10; k++ {
		v := changed(t, diamonds(k)).View()
		if got, want := v.PathCount(1, 1<<40), 1+4*(int64(1)<<k-1); got != want {
			t.Errorf("%d diamonds: %d paths, want %d", k, got, want)
		}
	}
	v := changed(t, diamonds(40)).View()
	if got := v.PathCount(1, 1000); got != 1000 {
		t.Errorf("40 diamonds, limit 1000: %d", got)
	}
	loop := append(diamonds(1), edgeRow(99, 4, 2))
	if got := changed(t, loop).View().PathCount(1, 1000); got != 1000 {
		t.Errorf("a root that reaches a loop: %d paths, want the limit", got)
	}
}

func TestFirstCommitLooksBackAtThoseOfTheView(t *testing.T) {
	x := changed(t, []tasker.Change{stepRow(1, 1)}, []tasker.Change{stepRow(2, 1)}, []tasker.Change{stepRow(3, 1)})
	v := x.View()
	x.Begin(200, 0)
	x.Commit(1000) // after the view
	for _, c := range []struct {
		from tasker.LSN
		want readiness.Mark
		ok   bool
	}{{0, readiness.Mark{LSN: 10, XID: 100}, true}, {11, readiness.Mark{LSN: 20, XID: 101}, true}, {30, readiness.Mark{LSN: 30, XID: 102}, true}, {31, readiness.Mark{}, false}} {
		if got, ok := v.FirstCommit(func(m readiness.Mark) bool { return m.LSN >= c.from }); got != c.want || ok != c.ok {
			t.Errorf("from %s: %v, %t", c.from, got, ok)
		}
	}
	// It forgets the oldest, and keeps the order.
	const many = 40_000
	for i := range many {
		x.Begin(uint32(1000+i), 0)
		x.Commit(tasker.LSN(2000 + i))
	}
	x.Publish()
	last := tasker.LSN(0)
	n := 0
	x.View().FirstCommit(func(m readiness.Mark) bool {
		if m.LSN <= last {
			t.Fatalf("%s after %s", m.LSN, last)
		}
		last, n = m.LSN, n+1
		return false
	})
	if n != 16384 || last != 2000+many-1 {
		t.Errorf("%d commits, the last at %s", n, last)
	}
}

func TestRetireWakesNowAndFromThenOn(t *testing.T) {
	x := changed(t, []tasker.Change{stepRow(1, 1)})
	before := x.Changed()
	x.Retire()
	x.Retire()
	for _, c := range []<-chan struct{}{before, x.Changed()} {
		select {
		case <-c:
		default:
			t.Error("whoever waits for a retired index sleeps")
		}
	}
	x.Publish() // the writer may still be at it
	<-x.Changed()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.WaitFor(ctx, 1<<40); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := x.WaitFor(ctx, 10); err != nil {
		t.Error(err)
	}
}
