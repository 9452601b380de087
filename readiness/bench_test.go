package readiness_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The rows of the benchmarks: tasks of ten steps with twelve edges, three
// tenths complete, the others somewhere on their way, one transition a step.
const (
	stepsPerTask = 10
	edgesPerTask = 12
)

var taskEdges = [edgesPerTask][2]int64{
	{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}, {3, 5}, {4, 6}, {5, 6}, {6, 7}, {6, 8}, {7, 9}, {8, 9},
}

// feed gives the rows of tasks first to last (from 1) in batches.
func feed(tb testing.TB, tasks int, add func(*tasker.Rows)) {
	tb.Helper()
	const batch = 1000
	add(&tasker.Rows{Table: tasker.TaskNamespaces, TaskNamespaces: []tasker.TaskNamespace{{TaskNamespaceID: 1, Name: "default"}}})
	add(&tasker.Rows{Table: tasker.NamedTasks, NamedTasks: []tasker.NamedTask{{NamedTaskID: 1, Name: "order", TaskNamespaceID: 1, Version: "0.1.0"}}})
	named := &tasker.Rows{Table: tasker.NamedSteps}
	for i := range int32(stepsPerTask) {
		named.NamedSteps = append(named.NamedSteps, tasker.NamedStep{NamedStepID: i + 1, Name: fmt.Sprint("step_", i)})
	}
	add(named)
	for first := int64(1); first <= int64(tasks); first += batch {
		last := min(first+batch-1, int64(tasks))
		rows := &tasker.Rows{Table: tasker.Tasks}
		steps := &tasker.Rows{Table: tasker.WorkflowSteps}
		edges := &tasker.Rows{Table: tasker.WorkflowStepEdges}
		status := &tasker.Rows{Table: tasker.TaskTransitions}
		states := &tasker.Rows{Table: tasker.WorkflowStepTransitions}
		for t := first; t <= last; t++ {
			at := base.Add(time.Duration(t) * time.Millisecond)
			rows.Tasks = append(rows.Tasks, tasker.Task{TaskID: t, NamedTaskID: 1, Initiator: tasker.Some("bench"), CreatedAt: at})
			status.TaskTransitions = append(status.TaskTransitions, tasker.Transition{
				ID: t, ToState: tasker.InProgress, MostRecent: true, ParentID: t, CreatedAt: at,
			})
			progress := t % 10 * 4
			for i := range int64(stepsPerTask) {
				id := (t-1)*stepsPerTask + i + 1
				s := tasker.WorkflowStep{
					WorkflowStepID: id, TaskID: t, NamedStepID: int32(i + 1), Retryable: true, RetryLimit: tasker.Some(int32(3)),
					LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime, CreatedAt: at,
				}
				state := tasker.Pending
				switch {
				case i < progress:
					state = tasker.Complete
					s.Processed, s.ProcessedAt, s.LastAttemptedAt, s.Attempts = true, at, at, tasker.Some(int32(1))
				case i == progress && t%3 == 0:
					state = tasker.Error
					s.LastAttemptedAt, s.Attempts = at, tasker.Some(int32(1))
				}
				steps.WorkflowSteps = append(steps.WorkflowSteps, s)
				states.WorkflowStepTransitions = append(states.WorkflowStepTransitions, tasker.Transition{
					ID: id, ToState: state, MostRecent: true, ParentID: id, CreatedAt: at,
				})
			}
			for i, e := range taskEdges {
				edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{
					ID: (t-1)*edgesPerTask + int64(i) + 1, FromStepID: (t-1)*stepsPerTask + e[0] + 1, ToStepID: (t-1)*stepsPerTask + e[1] + 1,
				})
			}
		}
		for _, r := range []*tasker.Rows{rows, steps, edges, status, states} {
			add(r)
		}
	}
}

func benchIndex(tb testing.TB, tasks int) *readiness.Index {
	tb.Helper()
	l := readiness.NewLoad(readiness.Options{})
	feed(tb, tasks, func(r *tasker.Rows) {
		if err := l.Add(r); err != nil {
			tb.Fatal(err)
		}
	})
	x, err := l.Finish(readiness.Position{LSN: 1, Time: base.Add(24 * time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

var benchNow = base.Add(24 * time.Hour)

// BenchmarkLoad loads a million steps, with Add and Finish apart.
func BenchmarkLoad(b *testing.B) {
	const tasks = 100_000
	var batches []*tasker.Rows
	feed(b, tasks, func(r *tasker.Rows) { batches = append(batches, r) })
	var adding, finishing time.Duration
	for b.Loop() {
		l := readiness.NewLoad(readiness.Options{})
		start := cpuTime()
		for _, r := range batches {
			if err := l.Add(r); err != nil {
				b.Fatal(err)
			}
		}
		added := cpuTime()
		if _, err := l.Finish(readiness.Position{LSN: 1, Time: benchNow}); err != nil {
			b.Fatal(err)
		}
		adding += added - start
		finishing += cpuTime() - added
	}
	b.ReportMetric(adding.Seconds()*1000/float64(b.N), "cpu-ms/add")
	b.ReportMetric(finishing.Seconds()*1000/float64(b.N), "cpu-ms/finish")
}

// BenchmarkMemory measures what a million steps take, as heap and resident.
func BenchmarkMemory(b *testing.B) {
	const tasks = 100_000
	for b.Loop() {
		debug.FreeOSMemory()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		x := benchIndex(b, tasks)
		debug.FreeOSMemory()
		runtime.ReadMemStats(&after)
		steps := float64(tasks * stepsPerTask)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/steps, "heap-B/step")
		b.ReportMetric(float64(resident(b))/steps, "resident-B/step")
		b.ReportMetric(float64(x.View().Stats().Bytes)/steps, "estimate-B/step")
		runtime.KeepAlive(x)
	}
}

// cpuTime is the processor time that the process has used, which a busy machine
// does not stretch.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is the process's memory in bytes, 0 where /proc does not tell.
func resident(tb testing.TB) int64 {
	tb.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	return 0
}

func BenchmarkReadiness(b *testing.B) {
	const tasks = 20_000
	v := benchIndex(b, tasks).View()
	b.Run("task of 10 steps", func(b *testing.B) {
		var rows []tasker.StepReadiness
		random := rand.New(rand.NewPCG(1, 1))
		for b.Loop() {
			rows = v.AppendStepReadiness(rows[:0], 1+random.Int64N(tasks), nil, benchNow)
		}
	})
	b.Run("same task, new slice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.StepReadiness(77, nil, benchNow)
		}
	})
	b.Run("contexts of 5000", func(b *testing.B) {
		ids := make([]int64, 5000)
		for i := range ids {
			ids[i] = int64(i*4 + 1)
		}
		for b.Loop() {
			v.TaskExecutionContexts(ids, benchNow)
		}
	})
	b.Run("health counts", func(b *testing.B) {
		for b.Loop() {
			v.SystemHealthCounts()
		}
	})
	b.Run("analytics", func(b *testing.B) {
		for b.Loop() {
			v.AnalyticsMetrics(base, benchNow)
		}
	})
	b.Run("slowest steps", func(b *testing.B) {
		for b.Loop() {
			v.SlowestSteps(tasker.SlowestFilter{Since: base, Limit: 10}, benchNow)
		}
	})
	b.Run("ready, first 100", func(b *testing.B) {
		for b.Loop() {
			v.ReadySteps(benchNow, 100, nil)
		}
	})
	b.Run("reasons", func(b *testing.B) {
		for b.Loop() {
			v.Reasons(10, benchNow, 100)
		}
	})
}

// BenchmarkLevels is for a ladder of 16 diamonds, 49 steps.
func BenchmarkLevels(b *testing.B) {
	steps := &tasker.Rows{Table: tasker.WorkflowSteps}
	edges := &tasker.Rows{Table: tasker.WorkflowStepEdges}
	link := func(from, to int64) {
		edges.WorkflowStepEdges = append(edges.WorkflowStepEdges, tasker.WorkflowStepEdge{
			ID: int64(len(edges.WorkflowStepEdges) + 1), FromStepID: from, ToStepID: to,
		})
	}
	for id := range int64(49) {
		steps.WorkflowSteps = append(steps.WorkflowSteps, tasker.WorkflowStep{WorkflowStepID: id + 1, TaskID: 1, NamedStepID: 1})
	}
	for top := int64(1); top < 49; top += 3 {
		link(top, top+1)
		link(top, top+2)
		link(top+1, top+3)
		link(top+2, top+3)
	}
	v := load(b, []*tasker.Rows{steps, edges}, tasker.RulesV02, readiness.Position{}).View()
	if n := len(v.DependencyLevels(1)); n != 49 {
		b.Fatal(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		v.DependencyLevels(1)
	}
}

// BenchmarkApply carries steps to completion as the engine writes it: four
// changes a commit (the step's row, the old transition, the new one, and one
// more step taken), at tasks drawn at random.
func BenchmarkApply(b *testing.B) {
	for _, tasks := range []int{1000, 100_000, 1_000_000} {
		if tasks > 100_000 && testing.Short() {
			continue
		}
		x := benchIndex(b, tasks)
		for _, every := range []int{1, 64} {
			b.Run(fmt.Sprintf("tasks=%d/publish every %d", tasks, every), func(b *testing.B) {
				w := newWriter(x, tasks)
				start := cpuTime()
				for b.Loop() {
					w.commit(b, every)
				}
				b.ReportMetric(float64(cpuTime()-start)/float64(w.changes), "cpu-ns/change")
			})
		}
		x = nil
		runtime.GC()
	}
}

type writer struct {
	x        *readiness.Index
	tasks    int
	random   *rand.Rand
	next     int64
	recent   map[int64]int64
	lsn      tasker.LSN
	changes  int
	at       tasker.Timestamp
	change   tasker.Change
	commits  int
	toStates []string
}

func newWriter(x *readiness.Index, tasks int) *writer {
	return &writer{
		x: x, tasks: tasks, random: rand.New(rand.NewPCG(7, 7)), next: int64(tasks)*stepsPerTask + 1 + int64(x.View().LSN()),
		recent: map[int64]int64{}, lsn: x.View().LSN(), at: benchNow,
		toStates: []string{tasker.InProgress, tasker.Complete, tasker.Error, tasker.Pending},
	}
}

// commit moves one step to its next state.
func (w *writer) commit(tb testing.TB, every int) {
	w.commits++
	id := 1 + w.random.Int64N(int64(w.tasks)*stepsPerTask)
	w.at++
	w.x.Begin(1, w.at)
	c := &w.change
	old, ok := w.recent[id]
	if !ok {
		old = id
	}
	w.next++
	w.recent[id] = w.next
	c.Table, c.Op, c.Unchanged = tasker.WorkflowSteps, tasker.Update, 0
	c.Key, c.OldKey = id, id
	state := w.toStates[w.commits%4]
	c.WorkflowStep = tasker.WorkflowStep{
		WorkflowStepID: id, TaskID: (id-1)/stepsPerTask + 1, NamedStepID: int32((id-1)%stepsPerTask + 1),
		Retryable: true, RetryLimit: tasker.Some(int32(3)), Attempts: tasker.Some(int32(1)), Processed: state == tasker.Complete,
		ProcessedAt: w.at, LastAttemptedAt: w.at, CreatedAt: base,
	}
	w.apply(tb)
	c.Table, c.Key, c.OldKey = tasker.WorkflowStepTransitions, old, old
	c.WorkflowStepTransition = tasker.Transition{ID: old, ToState: tasker.Pending, ParentID: id, CreatedAt: w.at}
	w.apply(tb)
	c.Op, c.Key, c.OldKey = tasker.Insert, w.next, w.next
	c.WorkflowStepTransition = tasker.Transition{ID: w.next, ToState: state, MostRecent: true, ParentID: id, CreatedAt: w.at}
	w.apply(tb)
	w.lsn += 100
	w.x.Commit(w.lsn)
	if w.commits%every == 0 {
		w.x.Publish()
	}
}

func (w *writer) apply(tb testing.TB) {
	if err := w.x.Apply(&w.change); err != nil {
		tb.Fatal(err)
	}
	w.changes++
}
