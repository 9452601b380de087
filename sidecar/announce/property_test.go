package announce

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const noon = tasker.Timestamp(1_767_268_800_000_000)

// bench is an index, a hub that is told of its transactions, and what a reader
// should get: for each transition its event, by histories kept beside.
type bench struct {
	t     *rapid.T
	hub   *Hub
	index *readiness.Index
	lsn   tasker.LSN
	since tasker.LSN
	now   tasker.Timestamp
	next  int64             // the id of the next transition
	state map[string]string // of "step 3": its newest state
	last  map[string]int64  // the id of that transition

	want  []string // ids of the events of transitions
	names map[string]string
	ready map[int64]bool // steps that can run, as told
}

// TestAgainstHistories tells a hub of random transactions on a few tasks, some of
// which find no room, and compares what a reader gets with histories.
func TestAgainstHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hub, err := New(Options{Keep: 1 << 16, Queue: 40, Always: true})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, hub: hub, lsn: 100, since: 100, now: noon, next: 1,
			state: map[string]string{}, last: map[string]int64{}, names: map[string]string{}, ready: map[int64]bool{}}
		hub.clock = Clock{Now: func() tasker.Timestamp { return b.now }, Fresh: func() bool { return true }}
		b.load()
		reader, err := hub.Subscribe(nil, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		hub.Advanced(b.since, b.index.View())
		hub.derive(hub.take())
		b.learn()
		for range rapid.IntRange(1, 25).Draw(t, "transactions") {
			b.transaction()
			switch rapid.IntRange(1, 4).Draw(t, "then") {
			case 1: // the next one comes before anything is made of this
			case 2:
				b.now += tasker.Timestamp(rapid.Int64Range(0, 40e6).Draw(t, "time"))
				fallthrough
			default:
				hub.derive(hub.take())
			}
		}
		hub.Advanced(b.since, b.index.View())
		hub.derive(hub.take())
		b.compare(reader)
	})
}

// load makes two tasks, one with a diamond of steps and one with a single step.
func (b *bench) load() {
	l := readiness.NewLoad(readiness.Options{})
	must := func(rows tasker.Rows) {
		if err := l.Add(&rows); err != nil {
			b.t.Fatal(err)
		}
	}
	must(tasker.Rows{Table: tasker.NamedSteps, NamedSteps: []tasker.NamedStep{{NamedStepID: 1, Name: "s"}}})
	must(tasker.Rows{Table: tasker.Tasks, Tasks: []tasker.Task{{TaskID: 1, CreatedAt: noon}, {TaskID: 2, CreatedAt: noon}}})
	for id := int64(1); id <= 5; id++ {
		must(tasker.Rows{Table: tasker.WorkflowSteps, WorkflowSteps: []tasker.WorkflowStep{b.row(id, 0)}})
	}
	for i, e := range [][2]int64{{1, 2}, {1, 3}, {2, 4}, {3, 4}} {
		must(tasker.Rows{Table: tasker.WorkflowStepEdges, WorkflowStepEdges: []tasker.WorkflowStepEdge{{ID: int64(i + 1), FromStepID: e[0], ToStepID: e[1]}}})
	}
	index, err := l.Finish(readiness.Position{LSN: b.lsn, Time: noon})
	if err != nil {
		b.t.Fatal(err)
	}
	index.Publish()
	b.index = index
}

// row is a step's; its attempts are those given.
func (b *bench) row(id int64, attempts int32) tasker.WorkflowStep {
	return tasker.WorkflowStep{
		WorkflowStepID: id, TaskID: 1 + id/5, NamedStepID: 1, Retryable: true, RetryLimit: tasker.Some(int32(3)), Attempts: tasker.Some(attempts),
		ProcessedAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime, CreatedAt: noon,
	}
}

// transaction makes up to sixty changes and tells the hub, as a stream does.
func (b *bench) transaction() {
	b.now += tasker.Timestamp(rapid.Int64Range(1, 3e6).Draw(b.t, "pause"))
	before := b.index.View()
	b.index.Begin(1, b.now)
	heard := follow.Committed{Since: b.since, At: b.now, Before: before}
	apply := func(c tasker.Change) {
		if err := b.index.Apply(&c); err != nil {
			b.t.Fatal(err)
		}
	}
	var ids []string
	for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 60}).Draw(b.t, "transitions") {
		ids = append(ids, b.transition(apply, &heard))
	}
	b.lsn += 8
	b.index.Commit(b.lsn)
	b.index.Publish()
	heard.LSN, heard.After, heard.Cut = b.lsn, b.index.View(), len(heard.Transitions) > b.hub.o.Queue
	queued := b.hub.depth()
	b.hub.Committed(heard)
	b.since = b.lsn
	if b.hub.depth() > queued {
		b.want = append(b.want, ids...)
	} else {
		b.want = append(b.want, "gap")
	}
}

// transition moves a step or a task to any state, known or not.
func (b *bench) transition(apply func(tasker.Change), heard *follow.Committed) string {
	kind := rapid.SampledFrom(statemachine.Kinds()).Draw(b.t, "kind")
	parent := rapid.Int64Range(1, 5).Draw(b.t, "step")
	table := tasker.WorkflowStepTransitions
	if kind == statemachine.Task {
		parent, table = 1+parent%2, tasker.TaskTransitions
	}
	to := rapid.SampledFrom(append(statemachine.States(), "skipped")).Draw(b.t, "to")
	change := func(op tasker.Op, row tasker.Transition) {
		c := tasker.Change{Table: table, Op: op, Key: row.ID, OldKey: row.ID}
		c.TaskTransition, c.WorkflowStepTransition = row, row
		apply(c)
	}
	of := fmt.Sprint(kind, " ", parent)
	from := b.state[of]
	if from != "" {
		change(tasker.Update, tasker.Transition{ID: b.last[of], ToState: from, ParentID: parent, CreatedAt: noon})
	}
	row := tasker.Transition{ID: b.next, ToState: to, MostRecent: true, ParentID: parent, CreatedAt: b.now}
	b.next++
	change(tasker.Insert, row)
	if kind == statemachine.Step && rapid.Bool().Draw(b.t, "attempt") {
		c := tasker.Change{Table: tasker.WorkflowSteps, Op: tasker.Update, Key: parent, OldKey: parent, WorkflowStep: b.row(parent, rapid.Int32Range(0, 4).Draw(b.t, "attempts"))}
		apply(c)
	}
	b.state[of], b.last[of] = to, row.ID
	heard.Transitions = append(heard.Transitions, follow.Inserted{Table: table, Row: row})
	id := events.TransitionID(kind, row.ID)
	if name, ok := statemachine.Of(kind).Event(from, to); ok {
		b.names[id] = name
	} else if name, ok := statemachine.Of(kind).Event(statemachine.None, to); ok {
		b.names[id] = name
	}
	return id
}

// learn notes what can run.
func (b *bench) learn() {
	for _, s := range b.index.View().ReadySteps(b.now, 100, nil) {
		b.ready[s.WorkflowStepID] = true
	}
}

func (b *bench) compare(reader *Reader) {
	want := slices.DeleteFunc(slices.Clone(b.want), func(id string) bool { return id != "gap" && b.names[id] == "" })
	twoGaps := func(a, c string) bool { return a == "gap" && c == "gap" }
	want = slices.CompactFunc(want, twoGaps)
	var got []string
	var last Position
	ids, gaps := map[string]bool{}, 0
	told := b.ready
	for {
		if _, done := reader.CaughtUp(); done {
			break
		}
		entries, err := reader.Next(context.Background()) //nolint:usetesting // there are some
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Position.compare(last) <= 0 {
				b.t.Fatalf("%s after %s", e.Position, last)
			}
			last = e.Position
			if e.Name == Gap {
				got, gaps = append(got, "gap"), gaps+1
				continue
			}
			var event struct {
				ID      string
				Payload struct {
					StepIDs []int64 `json:"step_ids"`
				}
			}
			if err := json.Unmarshal(e.Data, &event); err != nil {
				b.t.Fatal(err)
			}
			if ids[event.ID] {
				b.t.Fatalf("%s twice", event.ID)
			}
			ids[event.ID] = true
			for _, id := range event.Payload.StepIDs {
				told[id] = true
			}
			if name, ok := b.names[event.ID]; ok {
				got = append(got, event.ID)
				if e.Name != name {
					b.t.Fatalf("%s is %s, want %s", event.ID, e.Name, name)
				}
			}
		}
	}
	if d := cmp.Diff(want, slices.CompactFunc(got, twoGaps), cmpopts.EquateEmpty()); d != "" {
		b.t.Fatalf("made (-), told (+):\n%s", d)
	}
	if gaps > 0 {
		return // what became ready in between is not told
	}
	for _, s := range b.index.View().ReadySteps(b.now, 100, nil) {
		if !told[s.WorkflowStepID] {
			b.t.Fatalf("step %d can run, which nobody was told", s.WorkflowStepID)
		}
	}
}
