package agenda_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// start is the time at which everything in these tests was made.
const start = tasker.PostgresEpoch

func at(d time.Duration) tasker.Timestamp { return start.Add(d) }

// rows makes the rows of one task: its state, and its steps as "parents:state",
// each with what may follow it. A step without a state has no transition.
func rows(taskID int64, state string, steps ...string) *tasker.Rows {
	r := &tasker.Rows{
		TaskNamespaces: []tasker.TaskNamespace{{TaskNamespaceID: 1, Name: "payments"}},
		NamedTasks:     []tasker.NamedTask{{NamedTaskID: 1, Name: "charge", Version: "1.0", TaskNamespaceID: 1}},
		NamedSteps:     []tasker.NamedStep{{NamedStepID: 1, Name: "step"}},
		Tasks:          []tasker.Task{{TaskID: taskID, NamedTaskID: 1, CreatedAt: start}},
	}
	if state != "" {
		r.TaskTransitions = []tasker.Transition{{ID: 1000 * taskID, ParentID: taskID, ToState: state, CreatedAt: start, MostRecent: true, SortKey: 10}}
	}
	for i, text := range steps {
		id := 100*taskID + int64(i)
		words := strings.Fields(text)
		step := tasker.WorkflowStep{WorkflowStepID: id, TaskID: taskID, NamedStepID: 1, Retryable: true, Attempts: tasker.Some[int32](0), RetryLimit: tasker.Some[int32](3), CreatedAt: start,
			LastAttemptedAt: tasker.NoTime, ProcessedAt: tasker.NoTime}
		parents, state, _ := strings.Cut(words[0], ":")
		for _, w := range words[1:] {
			switch w {
			case "final":
				step.Retryable = false
			case "exhausted":
				step.Attempts = tasker.Some[int32](3)
			case "processed":
				step.Processed = true
			case "tried":
				step.Attempts = tasker.Some[int32](1)
			}
		}
		r.WorkflowSteps = append(r.WorkflowSteps, step)
		for p := range strings.SplitSeq(parents, ",") {
			var n int64
			if _, err := fmt.Sscan(p, &n); err == nil {
				r.WorkflowStepEdges = append(r.WorkflowStepEdges, tasker.WorkflowStepEdge{ID: 10*id + n, FromStepID: 100*taskID + n, ToStepID: id})
			}
		}
		if state != "" {
			r.WorkflowStepTransitions = append(r.WorkflowStepTransitions, tasker.Transition{ID: 10 * id, ParentID: id, ToState: state, CreatedAt: start, MostRecent: true, SortKey: 10})
		}
	}
	return r
}

func index(t *testing.T, all ...*tasker.Rows) *readiness.Index {
	t.Helper()
	l := readiness.NewLoad(readiness.Options{})
	for _, r := range all {
		for table := tasker.TaskNamespaces; table <= tasker.WorkflowStepTransitions; table++ {
			if r.Table = table; r.Len() == 0 {
				continue
			}
			if err := l.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	x, err := l.Finish(readiness.Position{LSN: 1, Time: start})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func options(t *testing.T, change func(*Options)) Options {
	t.Helper()
	var o Options
	if change != nil {
		change(&o)
	}
	o, err := o.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// said is a plan in words: service, what it is about, where to, and when.
func said(acts []Act) []string {
	list := []string{}
	for _, a := range acts {
		about := "task"
		if a.WorkflowStepID != 0 {
			about = fmt.Sprintf("step %d", a.WorkflowStepID%100)
		}
		list = append(list, fmt.Sprintf("%s: %s %s → %s at %s", a.Service, about, a.From, a.To, a.Due.Sub(start)))
	}
	return list
}

// TestPlan: what is to be done about a task by its rows.
func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name  string
		state string
		steps []string
		want  []string
	}{
		{"nothing begun", "", []string{":", "0:"}, []string{"enqueuer: task pending → pending at 1m0s"}},
		{"in progress, a step to be taken", "in_progress", []string{":complete processed", "0:"}, []string{"enqueuer: task in_progress → pending at 1m0s"}},
		{"somebody is at work", "in_progress", []string{":in_progress", ":"}, []string{"rescuer: step 0 in_progress → error at 1h0m0s"}},
		{"a result that waits for its transition", "in_progress", []string{":in_progress processed"}, nil},
		{"failed, waits", "in_progress", []string{":error tried", "0:"}, []string{"retrier: step 0 error → pending at 2s"}},
		{"failed, and others can run", "in_progress", []string{":error tried", ":"},
			[]string{"retrier: step 0 error → pending at 2s", "enqueuer: task in_progress → pending at 1m0s"}},
		{"failed for good", "in_progress", []string{":error exhausted", "0:"}, []string{"finalizer: task in_progress → error at 1m0s"}},
		{"failed for good before it began", "pending", []string{":error exhausted", "0:"}, []string{"finalizer: task pending → error at 1m0s"}},
		{"not retryable", "in_progress", []string{":error final tried", "0:"}, []string{"finalizer: task in_progress → error at 1m0s"}},
		{"never to be run", "in_progress", []string{":complete processed", ": final"}, []string{"finalizer: task in_progress → error at 1m0s"}},
		{"cancelled step", "in_progress", []string{":cancelled", "0:"}, []string{"finalizer: task in_progress → error at 1m0s"}},
		{"failed for good, another waits", "in_progress", []string{":error exhausted", ":error tried"}, []string{"retrier: step 1 error → pending at 2s"}},
		{"failed for good, another is at work", "in_progress", []string{":error exhausted", ":in_progress"}, []string{"rescuer: step 1 in_progress → error at 1h0m0s"}},
		{"failed task", "error", []string{":error exhausted", "0:"}, nil},
		{"failed task that can go on", "error", []string{":resolved_manually processed", "0:"}, []string{"enqueuer: task error → pending at 1m0s"}},
		{"all done", "in_progress", []string{":complete processed", "0:resolved_manually processed"}, []string{"finalizer: task in_progress → complete at 1m0s"}},
		{"all done, never begun", "pending", []string{":complete processed"}, []string{"finalizer: task pending → in_progress at 1m0s"}},
		{"all done after a failure", "error", []string{":resolved_manually processed"}, []string{"finalizer: task error → pending at 1m0s"}},
		{"no steps", "in_progress", nil, nil},
		{"a cycle", "in_progress", []string{"1:", "0:"}, nil},
		{"a state nobody knows", "in_progress", []string{":frozen", "0:"}, nil},
		{"a task in a state nobody knows", "frozen", []string{":error tried"}, nil},
		{"complete", "complete", []string{":complete processed"}, nil},
		{"complete, but for a step", "complete", []string{":error tried"}, nil},
		{"cancelled", "cancelled", []string{":complete processed", "0:", ":error tried", ":in_progress"}, []string{"canceller: step 1 pending → cancelled at 1m0s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, nil)
			got := Plan(index(t, rows(1, c.state, c.steps...)).View(), 1, &o)
			if diff := cmp.Diff(append([]string{}, c.want...), said(got)); diff != "" {
				t.Error(diff)
			}
			for _, a := range got {
				if a.Reason == "" || strings.Contains(a.Reason, "%!") || a.TaskID != 1 {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// TestThresholds: of steps that are not named only an observer speaks.
func TestThresholds(t *testing.T) {
	v := index(t, rows(1, "in_progress", ":in_progress")).View()
	for _, c := range []struct {
		mode      Mode
		threshold string
		want      []string
	}{
		{Observe, "step", []string{"rescuer: step 0 in_progress → error at 5m0s"}},
		{Observe, "other", []string{"rescuer: step 0 in_progress → error at 1h0m0s"}},
		{Acts, "step", []string{"rescuer: step 0 in_progress → error at 5m0s"}},
		{Acts, "other", []string{}},
		{Off, "step", []string{}},
	} {
		o := options(t, func(o *Options) {
			o.Modes[Rescuer], o.Thresholds = c.mode, map[string]time.Duration{c.threshold: 5 * time.Minute}
		})
		if diff := cmp.Diff(c.want, said(Plan(v, 1, &o))); diff != "" {
			t.Errorf("%s, %s: %s", c.mode, c.threshold, diff)
		}
	}
}

func TestFilter(t *testing.T) {
	v := index(t, rows(1, "", ":")).View()
	for _, c := range []struct {
		include, exclude []string
		want             int
	}{
		{nil, nil, 1}, {[]string{"payments/charge/1.0"}, nil, 1}, {[]string{"*/*/*"}, nil, 1}, {[]string{"pay*/c?arge/*"}, nil, 1},
		{[]string{"other/*/*"}, nil, 0}, {[]string{"other/*/*", "*/charge/*"}, nil, 1}, {nil, []string{"*/*/2.0"}, 1}, {nil, []string{"*/charge/*"}, 0},
		{[]string{"payments/*/*"}, []string{"*/*/1.0"}, 0},
	} {
		o := options(t, func(o *Options) { o.Include, o.Exclude = c.include, c.exclude })
		if got := Plan(v, 1, &o); len(got) != c.want {
			t.Errorf("include %q, exclude %q: %v", c.include, c.exclude, said(got))
		}
	}
}

// all looks at everything that is to be looked at.
func all(a *Agenda, now tasker.Timestamp) {
	for a.Look(2, now) { //nolint:revive // it goes on until nothing is left
	}
}

// change applies a step's first transition to the index.
func change(t *testing.T, x *readiness.Index, when tasker.Timestamp, stepID int64, state string) {
	t.Helper()
	x.Begin(7, when)
	c := tasker.Change{Table: tasker.WorkflowStepTransitions, Op: tasker.Insert, Key: 10 * stepID, OldKey: 10 * stepID}
	c.WorkflowStepTransition = tasker.Transition{ID: 10 * stepID, ParentID: stepID, ToState: state, MostRecent: true, SortKey: 10, CreatedAt: when}
	if err := x.Apply(&c); err != nil {
		t.Fatal(err)
	}
	x.Commit(x.View().LSN() + 1)
	x.Publish()
}

// due are the acts of a service that are due, in words.
func due(a *Agenda, s Service, now tasker.Timestamp) []string {
	acts, total := a.List(s, now, 100)
	if len(acts) != total {
		panic("more than a hundred")
	}
	return said(acts)
}

// TestAgenda: acts come when they are due and go when what they follow from
// changes; what has been done or put off is not due again.
func TestAgenda(t *testing.T) {
	x := index(t, rows(1, "in_progress", ":error tried", ":"), rows(2, "in_progress", ":error tried"), rows(3, "cancelled", ":"))
	a := New(options(t, nil))
	now := at(time.Hour)
	a.Update(x.View(), now)
	if a.Complete() {
		t.Error("it is complete before a task was looked at")
	}
	all(a, now)
	if !a.Complete() {
		t.Error("it is not complete when every task was looked at")
	}
	if got := due(a, Retrier, now); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if got := due(a, Retrier, at(2*time.Second-time.Microsecond)); len(got) != 0 {
		t.Errorf("before their time: %q", got)
	}
	// Everything has changed at the beginning.
	if got := append(due(a, Enqueuer, at(time.Hour+time.Minute-1)), due(a, Canceller, at(time.Hour+time.Minute-1))...); len(got) != 0 {
		t.Errorf("before it was quiet for a minute: %q", got)
	}
	if e, c := due(a, Enqueuer, at(time.Hour+time.Minute)), due(a, Canceller, at(time.Hour+time.Minute)); len(e) != 1 || len(c) != 1 {
		t.Errorf("%q %q", e, c)
	}
	if got := a.Next(Canceller); got != at(time.Hour+time.Minute) {
		t.Errorf("the canceller is next at %s", got)
	}

	act, ok := a.Due(Retrier, now)
	if !ok || act.TaskID != 1 {
		t.Fatalf("%+v", act)
	}
	a.Settle(act)
	other, _ := a.Due(Retrier, now)
	if other.TaskID != 2 {
		t.Fatalf("%+v", other)
	}
	a.Hold(other, now.Add(time.Minute))
	if got := due(a, Retrier, now); len(got) != 0 {
		t.Errorf("done and put off, and due again: %q", got)
	}
	a.Sweep()
	all(a, now)
	if got := due(a, Retrier, now); len(got) != 0 {
		t.Errorf("due again after a sweep: %q", got)
	}
	if got := due(a, Retrier, now.Add(time.Minute)); len(got) != 1 {
		t.Errorf("what was put off does not come again: %q", got)
	}
	a.Settle(Act{Service: Retrier, TaskID: 77}) // of a task that has gone: nothing

	// A worker takes the other step: nobody has to be called, and the failed one,
	// which is settled, is no more due than before.
	change(t, x, now, 101, "in_progress")
	a.Update(x.View(), now)
	all(a, now)
	if e, r := due(a, Enqueuer, at(3*time.Hour)), due(a, Retrier, now); len(e) != 0 || len(r) != 0 {
		t.Errorf("%q %q", e, r)
	}
	if got := due(a, Rescuer, now.Add(time.Hour)); len(got) != 1 {
		t.Errorf("%q", got)
	}

	// Of another index everything is looked at anew.
	a.Update(index(t, rows(2, "in_progress", ":error tried")).View(), now)
	if a.Complete() {
		t.Error("it is complete with an index that it has not looked at")
	}
	all(a, now)
	if got := due(a, Retrier, now); len(got) != 1 || a.Next(Canceller) != tasker.NoTime {
		t.Errorf("%q", got)
	}
}

// TestAgendaLooksOnlyAtWhatHasChanged: not at all tasks.
func TestAgendaLooksOnlyAtWhatHasChanged(t *testing.T) {
	var list []*tasker.Rows
	for id := int64(1); id <= 50; id++ {
		list = append(list, rows(id, "in_progress", ":", ":"))
	}
	x := index(t, list...)
	a := New(options(t, nil))
	a.Update(x.View(), start)
	all(a, start)
	change(t, x, at(time.Second), 700, "in_progress")
	a.Update(x.View(), at(time.Second))
	if more := a.Look(1, at(time.Second)); more {
		t.Error("one task has changed, and more than one is looked at")
	}
	if got := due(a, Enqueuer, at(time.Minute)); len(got) != 49 {
		t.Errorf("%d tasks would be announced", len(got))
	}
}

// TestBehindClocks: a change that is seen counts from when it is seen, however
// old its rows say that it is.
func TestBehindClocks(t *testing.T) {
	x := index(t, rows(1, "in_progress", ":", ":"))
	a := New(options(t, nil))
	a.Update(x.View(), start)
	all(a, start)
	now := at(time.Hour)
	change(t, x, at(-time.Hour), 100, "cancelled") // by a clock that is two hours behind
	a.Update(x.View(), now)
	all(a, now)
	if got := a.Next(Enqueuer); got != now.Add(time.Minute) {
		t.Errorf("next at %s, want a minute after %s", got, now)
	}
}

func TestMeter(t *testing.T) {
	m := NewMeter(Limits{Rate: 10, Budget: 25}, 0, start)
	now := start
	done := 0
	for ; done < 10; done++ { // a second's worth at once
		if m.Wait(now) > 0 || m.Spent(now) {
			t.Fatalf("after %d acts", done)
		}
		m.Count(now)
	}
	if wait := m.Wait(now); wait < 99*time.Millisecond || wait > 101*time.Millisecond {
		t.Errorf("the eleventh waits %s at 10 a second", wait)
	}
	for ; !m.Spent(now); done++ {
		now = now.Add(m.Wait(now))
		m.Count(now)
	}
	if took := now.Sub(start); done != 25 || took < 1400*time.Millisecond || took > 1600*time.Millisecond {
		t.Errorf("%d acts in %s", done, took)
	}
	if m.Spent(start.Add(time.Minute)) {
		t.Error("it is spent when a minute is over")
	}
	if m := NewMeter(Limits{Rate: 0.5, Budget: 5}, 7, start); !m.Spent(start) || m.Wait(start) != 0 {
		t.Error("what others have done is not counted")
	}
	slow := NewMeter(Limits{Rate: 0.5, Budget: 5}, 0, start)
	slow.Count(start)
	if wait := slow.Wait(start); wait < 2*time.Second || wait > 2001*time.Millisecond {
		t.Errorf("the second waits %s at one in two seconds", wait)
	}
}

// TestReset: by other options everything is decided anew, but for how long a task
// has been quiet.
func TestReset(t *testing.T) {
	x := index(t, rows(1, "in_progress", ":error tried"), rows(2, "cancelled", ":"))
	a := New(options(t, nil))
	now := at(time.Hour)
	a.Update(x.View(), now)
	all(a, now)
	act, ok := a.Due(Retrier, now)
	if !ok {
		t.Fatal("nothing is due")
	}
	a.Settle(act)
	if got := due(a, Retrier, now); len(got) != 0 {
		t.Fatalf("settled: %q", got)
	}
	later := at(time.Hour + time.Minute)
	a.Reset(options(t, func(o *Options) { o.Modes[Canceller] = Off }))
	if got := append(due(a, Retrier, later), due(a, Canceller, later)...); len(got) != 0 || a.Complete() {
		t.Errorf("before anything was looked at: %q", got)
	}
	all(a, later)
	if r, c := due(a, Retrier, later), due(a, Canceller, later); len(r) != 1 || len(c) != 0 || !a.Complete() {
		t.Errorf("by the new options: %q %q", r, c)
	}
	a.Reset(options(t, nil))
	all(a, later)
	if c := due(a, Canceller, later); len(c) != 1 {
		t.Errorf("a task that has been quiet for a minute is not: %q", c)
	}
	a.Reset(options(t, func(o *Options) { o.Exclude = []string{"payments/*/*"} }))
	all(a, later)
	if r, c := due(a, Retrier, later), due(a, Canceller, later); len(r)+len(c) != 0 {
		t.Errorf("excluded: %q %q", r, c)
	}
}

// TestReadyDelay: a task is announced that much later, and nothing else is.
func TestReadyDelay(t *testing.T) {
	for _, delay := range []time.Duration{0, 7 * time.Minute} {
		x := index(t, rows(1, "in_progress", ":"), rows(2, "in_progress", ":complete"))
		a := New(options(t, func(o *Options) {
			o.ReadyDelay = func(string, string, string) time.Duration { return delay }
		}))
		now := at(time.Hour)
		a.Update(x.View(), now)
		all(a, now)
		for service, want := range map[Service]tasker.Timestamp{Enqueuer: now.Add(time.Minute + delay), Finalizer: now.Add(time.Minute)} {
			if got := a.Next(service); got != want {
				t.Errorf("with a delay of %s the %s acts at %s, want %s", delay, service, got, want)
			}
		}
	}
}

// TestOwnTimes: a workflow and a step have times of their own.
func TestOwnTimes(t *testing.T) {
	x := index(t, rows(1, "in_progress", ":complete processed", "0:"), rows(2, "in_progress", ":in_progress"))
	o := options(t, func(o *Options) {
		o.Modes[Rescuer] = Acts
		o.Own = func(namespace, name, version, step string) Times {
			if namespace != "payments" || name != "charge" || version != "1.0" {
				t.Errorf("asked for %s/%s/%s", namespace, name, version)
			}
			if step == "step" {
				return Times{Threshold: 7 * time.Minute}
			}
			return Times{QuietPeriod: 3 * time.Minute}
		}
	})
	a := New(o)
	a.Update(x.View(), start)
	all(a, start)
	for _, c := range []struct {
		service Service
		at      time.Duration
	}{{Enqueuer, 3 * time.Minute}, {Rescuer, 7 * time.Minute}} {
		if got := a.Next(c.service); got != at(c.at) {
			t.Errorf("%s: at %s, want %s", c.service, got.Sub(start), c.at)
		}
	}
	act, ok := a.Due(Rescuer, at(7*time.Minute))
	if !ok || act.Threshold != 7*time.Minute {
		t.Errorf("%+v", act)
	}
}
