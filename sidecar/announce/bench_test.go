package announce

import (
	"context"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// BenchmarkApply is the time that a transaction (a step's row, a transition
// flipped, one inserted) takes the goroutine that applies the log, in an index of
// 20,000 tasks with ten steps each:
//
//	nobody   nobody listens, and 64 transactions are published together, as under load
//	alone    nobody listens, and each is published by itself, as at other times
//	heard    a hub listens and makes events of them at the same time
func BenchmarkApply(b *testing.B) {
	for name, run := range map[string]func(b *testing.B){
		"nobody": func(b *testing.B) { benchmarkApply(b, 64, nil) },
		"alone":  func(b *testing.B) { benchmarkApply(b, 1, nil) },
		"heard": func(b *testing.B) {
			hub, err := New(Options{Always: true, Queue: 1_000_000})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				hub.Run(ctx, Clock{Now: func() tasker.Timestamp { return noon }, Fresh: func() bool { return true }})
			}()
			benchmarkApply(b, 1, hub)
			cancel()
			<-done
			s := hub.Stats()
			b.ReportMetric(float64(s.Published)/float64(b.N), "events/op")
			b.ReportMetric(float64(s.Gaps), "gaps")
		},
	} {
		b.Run(name, run)
	}
}

func benchmarkApply(b *testing.B, together int, hub *Hub) {
	const tasks, steps = 20_000, 10
	l := readiness.NewLoad(readiness.Options{})
	row := func(id int64) tasker.WorkflowStep {
		return tasker.WorkflowStep{WorkflowStepID: id, TaskID: 1 + (id-1)/steps, NamedStepID: 1, Retryable: true,
			ProcessedAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime, CreatedAt: noon}
	}
	rows := tasker.Rows{Table: tasker.WorkflowSteps}
	all := tasker.Rows{Table: tasker.Tasks}
	edges := tasker.Rows{Table: tasker.WorkflowStepEdges}
	for id := int64(1); id <= tasks*steps; id++ {
		rows.WorkflowSteps = append(rows.WorkflowSteps, row(id))
		if id%steps == 1 {
			all.Tasks = append(all.Tasks, tasker.Task{TaskID: 1 + (id-1)/steps, CreatedAt: noon})
		} else {
			edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{ID: id, FromStepID: id - 1, ToStepID: id})
		}
	}
	for _, r := range []*tasker.Rows{{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "s"}}}, &all, &rows, &edges} {
		if err := l.Add(r); err != nil {
			b.Fatal(err)
		}
	}
	x, err := l.Finish(readiness.Position{LSN: 1, Time: noon})
	if err != nil {
		b.Fatal(err)
	}
	x.Publish()
	states := []string{tasker.InProgress, tasker.Complete}
	lsn := tasker.LSN(1)
	b.ResetTimer()
	for i := range b.N {
		// Each step is taken, and then completed.
		step := int64(i/2*7919)%(tasks*steps) + 1
		before := x.View()
		x.Begin(1, noon)
		c := tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Update, Key: step, OldKey: step, WorkflowStep: row(step)}
		apply := func() {
			if err := x.Apply(&c); err != nil {
				b.Fatal(err)
			}
		}
		apply()
		id := int64(i) + 1
		if i%2 == 1 {
			c = tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Update, Key: id - 1, OldKey: id - 1,
				WorkflowStepTransition: tasker.Transition{ID: id - 1, ToState: tasker.InProgress, ParentID: step, CreatedAt: noon}}
			apply()
		}
		made := tasker.Transition{ID: id, ToState: states[i%2], ParentID: step, MostRecent: true, CreatedAt: noon}
		c = tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Insert, Key: id, OldKey: id, WorkflowStepTransition: made}
		apply()
		since := lsn
		lsn += 8
		x.Commit(lsn)
		if i%together == 0 {
			x.Publish()
		}
		if hub != nil {
			hub.Committed(follow.Committed{Since: since, LSN: lsn, At: noon, Before: before, After: x.View(),
				Transitions: []follow.Inserted{{Table: tasker.WorkflowStepTransitions, Row: made}}})
		}
	}
	b.StopTimer()
}
