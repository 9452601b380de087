package readiness_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func oneStep(state string, at tasker.Timestamp) []*tasker.Rows {
	return []*tasker.Rows{
		{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "only"}}},
		{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 1, CreatedAt: base}}},
		{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{{
			WorkflowStepID: 1, TaskID: 1, NamedStepID: 1, Retryable: true, Attempts: tasker.Some(int32(1)),
			LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: base,
		}}},
		{Table: tasker.WorkflowStepTransitions, WorkflowStepTransitions: []tasker.Transition{
			{ID: 1, ToState: state, MostRecent: true, ParentID: 1, CreatedAt: at},
		}},
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTickWakesWhenAGatePasses(t *testing.T) {
	failed := base.Add(time.Minute)
	x := load(t, oneStep(tasker.Error, failed), tasker.RulesV02, readiness.Position{LSN: 1, Time: failed})
	gate := failed.Add(2 * time.Second)
	changed := x.Changed()
	if next := x.Tick(failed); next != gate {
		t.Errorf("next instant %s, want %s", next, gate)
	}
	if next := x.Tick(gate - 1); next != gate {
		t.Errorf("just before the gate: next instant %s, want %s", next, gate)
	}
	if closed(changed) {
		t.Error("woken before the gate")
	}
	if n := len(x.View().ReadySteps(gate-1, 9, nil)); n != 0 {
		t.Errorf("%d steps are ready before the gate", n)
	}
	if next := x.Tick(gate); next != tasker.NoTime {
		t.Errorf("at the gate: next instant %s, want none", next)
	}
	if !closed(changed) {
		t.Error("not woken at the gate")
	}
	if n := len(x.View().ReadySteps(gate, 9, nil)); n != 1 {
		t.Errorf("%d steps are ready at the gate, want 1", n)
	}
	var passed []int64
	x.View().ReadyBetween(failed, gate, func(step, _ int64, since tasker.Timestamp) bool {
		if since != gate {
			t.Errorf("ready since %s, want %s", since, gate)
		}
		passed = append(passed, step)
		return true
	})
	if fmt.Sprint(passed) != "[1]" {
		t.Errorf("became ready: %v, want step 1", passed)
	}
	changed = x.Changed()
	x.Tick(gate.Add(time.Second))
	if closed(changed) {
		t.Error("woken without a gate")
	}
}

// TestSinceFollowsAParent dates a parent's completion anew: its child is ready
// since then, though it was ready all along.
func TestSinceFollowsAParent(t *testing.T) {
	rows := oneStep(tasker.Complete, base)
	child := rows[2].WorkflowSteps[0]
	child.WorkflowStepID = 2
	rows[2].WorkflowSteps = append(rows[2].WorkflowSteps, child)
	rows = append(rows, &tasker.Rows{Table: tasker.WorkflowStepEdges, WorkflowStepEdges: []tasker.WorkflowStepEdge{
		{ID: 1, FromStepID: 1, ToStepID: 2},
	}})
	x := load(t, rows, tasker.RulesV02, readiness.Position{LSN: 1, Time: base.Add(time.Hour)})
	since := func() tasker.Timestamp {
		ready := x.View().ReadySteps(base.Add(time.Hour), 9, nil)
		if len(ready) != 1 || ready[0].WorkflowStepID != 2 {
			t.Fatalf("ready steps: %+v, want step 2", ready)
		}
		return ready[0].ReadySince
	}
	if got := since(); got != base {
		t.Errorf("ready since %s, want %s", got, base)
	}
	later := base.Add(time.Minute)
	x.Begin(1, base.Add(time.Hour))
	if err := x.Apply(&tasker.Change{
		Table: tasker.WorkflowStepTransitions, Op: tasker.Update, Key: 1, OldKey: 1,
		WorkflowStepTransition: tasker.Transition{ID: 1, ToState: tasker.ResolvedManually, MostRecent: true, ParentID: 1, CreatedAt: later},
	}); err != nil {
		t.Fatal(err)
	}
	x.Commit(2)
	x.Publish()
	if got := since(); got != later {
		t.Errorf("ready since %s, want %s", got, later)
	}
}

func TestWaitFor(t *testing.T) {
	x := load(t, nil, tasker.RulesV02, readiness.Position{LSN: 10})
	if err := x.WaitFor(t.Context(), 10); err != nil {
		t.Errorf("waiting for what is there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.WaitFor(ctx, 11); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var waiting sync.WaitGroup
	for lsn := tasker.LSN(11); lsn <= 30; lsn++ {
		waiting.Go(func() {
			if err := x.WaitFor(t.Context(), lsn); err != nil {
				t.Error(err)
			}
			if got := x.View().LSN(); got < lsn {
				t.Errorf("waited for %s, got %s", lsn, got)
			}
		})
	}
	for lsn := tasker.LSN(12); lsn <= 30; lsn += 2 {
		x.Begin(1, base)
		x.Commit(lsn - 1)
		if lsn%4 == 0 {
			x.Publish()
		}
		x.Advance(lsn)
	}
	waiting.Wait()
}

func TestPositions(t *testing.T) {
	x := load(t, oneStep(tasker.Pending, base), tasker.RulesV02, readiness.Position{LSN: 10, Time: base})
	x.Advance(9)
	if got := x.View().LSN(); got != 10 {
		t.Errorf("after going back: %s", got)
	}
	x.Begin(1, base+1)
	if err := x.Apply(&tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Delete, Key: 1}); err != nil {
		t.Fatal(err)
	}
	x.Publish()
	x.Advance(11)
	if v := x.View(); v.LSN() != 10 || v.Stats().Steps != 1 {
		t.Errorf("in the middle of a transaction: at %s, %d steps", v.LSN(), v.Stats().Steps)
	}
	x.Commit(12)
	if v := x.View(); v.LSN() != 10 || v.Stats().Steps != 1 {
		t.Errorf("before it is published: at %s, %d steps", v.LSN(), v.Stats().Steps)
	}
	x.Advance(13)
	if v := x.View(); v.LSN() != 13 || v.Stats().Steps != 0 || v.CommitTime() != base+1 {
		t.Errorf("advanced: at %s, %d steps, committed at %s", v.LSN(), v.Stats().Steps, v.CommitTime())
	}
	if s := x.View().Stats(); s.StepsWithoutRow != 1 || s.Bytes == 0 {
		t.Errorf("the transition is an orphan: %+v", s)
	}
}

func TestIncomplete(t *testing.T) {
	for _, c := range []tasker.Change{
		{Table: tasker.WorkflowStepTransitions, Unchanged: 2, WorkflowStepTransition: tasker.Transition{ParentID: 1, MostRecent: true}},
		{Table: tasker.TaskTransitions, Unchanged: 2, TaskTransition: tasker.Transition{ParentID: 1, MostRecent: true}},
		{Table: tasker.WorkflowStepTransitions, Unchanged: 8},
		{Table: tasker.TaskTransitions, Unchanged: 8},
		{Table: tasker.WorkflowSteps, Unchanged: 4},
		{Table: tasker.WorkflowStepEdges, Unchanged: 4},
		{Table: tasker.Tasks, Unchanged: 1 << 3},
		{Table: tasker.Tasks, Unchanged: 1},
		{Table: tasker.NamedSteps, Unchanged: 2},
		{Table: tasker.NamedTasks, Unchanged: 2},
		{Table: tasker.NamedTasks, Unchanged: 8},
		{Table: tasker.TaskNamespaces, Unchanged: 2},
	} {
		x := load(t, nil, tasker.RulesV02, readiness.Position{})
		c.Op, c.Key, c.OldKey = tasker.Update, 99, 99
		x.Begin(1, base)
		if err := x.Apply(&c); !errors.Is(err, readiness.ErrIncomplete) {
			t.Errorf("%s without columns %b: %v, want ErrIncomplete", c.Table, c.Unchanged, err)
		}
	}
}

func TestTooManyStates(t *testing.T) {
	rows := &tasker.Rows{Table: tasker.WorkflowStepTransitions}
	for i := range int64(1 << 16) {
		rows.WorkflowStepTransitions = append(rows.WorkflowStepTransitions, tasker.Transition{
			ID: i, ToState: fmt.Sprint(i), ParentID: i, MostRecent: true,
		})
	}
	l := readiness.NewLoad(readiness.Options{})
	if err := l.Add(rows); !errors.Is(err, readiness.ErrTooManyStates) {
		t.Errorf("65,536 states: %v, want ErrTooManyStates", err)
	}
}

// TestLoadConcurrently adds the golden rows in small batches side by side.
func TestLoadConcurrently(t *testing.T) {
	l := readiness.NewLoad(readiness.Options{})
	var adding sync.WaitGroup
	for _, rows := range goldenRows(t) {
		adding.Go(func() {
			reused := &tasker.Rows{Table: rows.Table}
			for i := range rows.Len() {
				cut(reused, rows, i)
				if err := l.Add(reused); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adding.Wait()
	x, err := l.Finish(readiness.Position{LSN: 1, Time: goldenNow})
	if err != nil {
		t.Fatal(err)
	}
	matchesGolden(t, x.View(), goldenNow)
	if _, err := l.Finish(readiness.Position{}); err == nil {
		t.Error("finished twice")
	}
}

// cut makes to a batch of row i of from, overwriting what it held.
func cut(to, from *tasker.Rows, i int) {
	switch from.Table {
	case tasker.TaskNamespaces:
		to.TaskNamespaces = append(to.TaskNamespaces[:0], from.TaskNamespaces[i])
	case tasker.NamedTasks:
		to.NamedTasks = append(to.NamedTasks[:0], from.NamedTasks[i])
	case tasker.NamedSteps:
		to.NamedSteps = append(to.NamedSteps[:0], from.NamedSteps[i])
	case tasker.Tasks:
		to.Tasks = append(to.Tasks[:0], from.Tasks[i])
	case tasker.WorkflowSteps:
		to.WorkflowSteps = append(to.WorkflowSteps[:0], from.WorkflowSteps[i])
	case tasker.WorkflowStepEdges:
		to.WorkflowStepEdges = append(to.WorkflowStepEdges[:0], from.WorkflowStepEdges[i])
	case tasker.TaskTransitions:
		to.TaskTransitions = append(to.TaskTransitions[:0], from.TaskTransitions[i])
	case tasker.WorkflowStepTransitions:
		to.WorkflowStepTransitions = append(to.WorkflowStepTransitions[:0], from.WorkflowStepTransitions[i])
	}
}

// TestAnswerer asks through the interface what the view is known to answer.
func TestAnswerer(t *testing.T) {
	x := load(t, goldenRows(t), tasker.RulesV02, readiness.Position{LSN: 1, Time: goldenNow})
	a := readiness.NewAnswerer(x.View, func() tasker.Timestamp { return goldenNow })
	ctx := t.Context()
	steps, err := a.StepReadiness(ctx, 24, nil)
	if err != nil || len(steps) != 7 {
		t.Errorf("readiness: %d rows, %v", len(steps), err)
	}
	if some, err := a.StepReadiness(ctx, 24, []int64{1005, 1004, 1005, 1001}); err != nil || len(some) != 2 {
		t.Errorf("readiness of two: %v, %v", some, err)
	}
	if batch, err := a.StepReadinessBatch(ctx, []int64{24, 24, 10}); err != nil || len(batch) != 8 {
		t.Errorf("batch: %d rows, %v", len(batch), err)
	}
	if c, err := a.TaskExecutionContext(ctx, 24); err != nil || c.CompletionPercentage.String() != "42.86" {
		t.Errorf("context: %+v, %v", c, err)
	}
	if _, err := a.TaskExecutionContext(ctx, -1); !errors.Is(err, tasker.ErrNotFound) {
		t.Errorf("context of an unknown task: %v", err)
	}
	if c, err := a.TaskExecutionContexts(ctx, []int64{24, 24, -1}); err != nil || len(c) != 2 {
		t.Errorf("contexts: %d rows, %v", len(c), err)
	}
	if l, err := a.DependencyLevels(ctx, 24); err != nil || len(l) != 7 {
		t.Errorf("levels: %d rows, %v", len(l), err)
	}
	if h, err := a.SystemHealthCounts(ctx); err != nil || h.TotalSteps != 2582 || h.ActiveConnections.Valid {
		t.Errorf("health: %+v, %v", h, err)
	}
	if m, err := a.AnalyticsMetrics(ctx, tasker.NoTime); err != nil || m.StepThroughput != 721 {
		t.Errorf("analytics: %+v, %v", m, err)
	}
	if s, err := a.SlowestTasks(ctx, tasker.SlowestFilter{Since: tasker.NoTime, Limit: 3}); err != nil || len(s) != 3 {
		t.Errorf("slowest tasks: %v, %v", s, err)
	}
	if s, err := a.SlowestSteps(ctx, tasker.SlowestFilter{Since: tasker.NoTime, Limit: 3}); err != nil || len(s) != 3 {
		t.Errorf("slowest steps: %v, %v", s, err)
	}
	if d, err := a.StepDAGRelationships(ctx, []int64{24}); err != nil || len(d) != 7 {
		t.Errorf("relationships: %d rows, %v", len(d), err)
	}
	if s, ok := x.View().Step(1004, goldenNow); !ok || s != steps[0] {
		t.Errorf("step: %+v, %t", s, ok)
	}
	if _, ok := x.View().Step(-1, goldenNow); ok {
		t.Error("an unknown step has a row")
	}
}

// TestHugeTask writes a task of 10,000 steps, all under one and all over
// another, row by row and in the worst order, and deletes it again.
func TestHugeTask(t *testing.T) {
	const steps = 10_000
	x := load(t, oneStep(tasker.Pending, base)[:1], tasker.RulesV02, readiness.Position{LSN: 1, Time: base})
	var list []tasker.Change
	edge := int64(0)
	link := func(from, to int64) {
		edge++
		list = append(list, tasker.Change{Table: tasker.WorkflowStepEdges, Op: tasker.Insert, Key: edge,
			WorkflowStepEdge: tasker.WorkflowStepEdge{ID: edge, FromStepID: from, ToStepID: to}})
	}
	for id := int64(steps); id >= 1; id-- {
		list = append(list, tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Insert, Key: id, WorkflowStep: tasker.WorkflowStep{
			WorkflowStepID: id, TaskID: 1, NamedStepID: 1, Retryable: true, CreatedAt: base,
			LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime,
		}})
		if id != 1 && id != steps {
			link(1, id)
			link(id, steps)
		}
	}
	list = append(list,
		tasker.Change{Table: tasker.Tasks, Op: tasker.Insert, Key: 1, Task: tasker.Task{TaskID: 1, CreatedAt: base}},
		tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Insert, Key: 1, WorkflowStepTransition: tasker.Transition{
			ID: 1, ToState: tasker.Complete, MostRecent: true, ParentID: 1, CreatedAt: base,
		}})
	lsn := tasker.LSN(1)
	commit := func(changes []tasker.Change) {
		for len(changes) > 0 {
			k := min(len(changes), 997)
			lsn++
			x.Begin(1, base)
			for i := range changes[:k] {
				if err := x.Apply(&changes[i]); err != nil {
					t.Fatal(err)
				}
			}
			x.Commit(lsn)
			x.Publish()
			changes = changes[k:]
		}
		if err := x.View().Check(); err != nil {
			t.Fatal(err)
		}
	}
	commit(list)
	v := x.View()
	if c, _ := v.TaskExecutionContext(1, base); c.TotalSteps != steps || c.ReadySteps != steps-2 || c.CompletedSteps != 1 {
		t.Errorf("%+v", c)
	}
	levels := v.DependencyLevels(1)
	if len(levels) != steps || levels[1].DependencyLevel != 1 || levels[steps-1].DependencyLevel != 2 {
		t.Errorf("%d levels, the last %+v", len(levels), levels[len(levels)-1])
	}
	r, _ := v.Reasons(steps, base, 5)
	if len(r.Blockers) != 5 || r.BlockersOmitted != steps-2-5 || !r.Blockers[0].RootCause {
		t.Errorf("%d blockers, %d omitted", len(r.Blockers), r.BlockersOmitted)
	}
	for i := range list {
		list[i] = tasker.Change{Table: list[i].Table, Op: tasker.Delete, Key: list[i].Key}
	}
	commit(list)
	if s := x.View().Stats(); s.Tasks+s.Steps+s.Edges+s.StepsWithoutRow+s.TasksWithoutRow != 0 {
		t.Errorf("left behind: %+v", s)
	}
	if n := len(v.StepReadiness(1, nil, base)); n != steps {
		t.Errorf("the old view has %d rows now", n)
	}
}
