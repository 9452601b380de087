package workload

import (
	"iter"
	"math/rand/v2"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Spec describes a data set. Zero fields take their defaults; the same spec
// gives the same batches. Shares must not be negative or exceed 100 % together.
type Spec struct {
	// Steps and Tasks bound the data set: it ends with the task that reaches
	// the first of the bounds that are set. Tasks defaults to 1,000 where
	// neither is set.
	Steps, Tasks int
	// Seed of everything that is drawn.
	Seed uint64
	// Now is the moment at which the data set is looked at: histories end
	// before it. Defaults to 2026-01-01 00:00 UTC, so that nothing depends on
	// a clock; live demonstrations set the real time.
	Now tasker.Timestamp
	// Age is how long before Now a history ends at the most. Defaults to two
	// hours; scenarios that wait for something set their own.
	Age time.Duration
	// Mix says of what the tasks are, in percent; what rounding leaves over
	// goes to the first. Defaults to [UsualMix].
	Mix []Share[Source]
	// Scenarios says what has happened to them, in percent; what rounding
	// leaves over goes to the first. Defaults to [UsualStates].
	Scenarios []Share[Scenario]
	// BatchSteps is how many steps a batch has, about: a batch ends with the
	// task that reaches it. Defaults to 10,000.
	BatchSteps int
}

// Source gives the next workflow or family of workflows of a mix.
type Source func(r *rand.Rand) Family

// Always is a source of one workflow, shared by all tasks.
func Always(w *Workflow) Source {
	f := Family{Tasks: []*Workflow{w}}
	return func(*rand.Rand) Family { return f }
}

// AlwaysFamily is a source of one family, shared by all.
func AlwaysFamily(f Family) Source { return func(*rand.Rand) Family { return f } }

// OfShape is a source of workflows of a size between least and most; a random
// shape is another one each time.
func OfShape(s Shape, least, most int) Source {
	if !s.Sized {
		return Always(s.Build(0, 0))
	}
	return func(r *rand.Rand) Family {
		size := least
		if most > least {
			size += r.IntN(most - least + 1)
		}
		return Family{Tasks: []*Workflow{s.Build(size, r.Uint64())}}
	}
}

// UsualMix is the engine's: 30 % linear, 25 % diamond, 20 % parallel merge,
// 15 % tree, 10 % mixed.
func UsualMix() []Share[Source] {
	return []Share[Source]{
		{30, Always(Linear())}, {25, Always(Diamond())}, {20, Always(ParallelMerge())},
		{15, Always(TwoLevelTree())}, {10, Always(Mixed())},
	}
}

// UsualStates are the engine's: 60 % pending, 30 % complete, 10 % error.
func UsualStates() []Share[Scenario] {
	return []Share[Scenario]{{60, Fresh}, {30, Completed}, {10, Exhausted}}
}

// Batch is a part of a data set: whole tasks, and the edges between them.
type Batch struct {
	Tasks []*Instance
	Links []Link // between tasks of this batch
}

// Steps is the number of steps.
func (b *Batch) Steps() int {
	n := 0
	for _, t := range b.Tasks {
		n += len(t.Steps)
	}
	return n
}

// Generate streams the data set in batches; only one is in memory at a time
// unless the caller keeps them.
//
// The shares are exact over all tasks when the data set is bound by tasks, over
// each thousand when it is bound by steps. Of a data set with families, which
// are several tasks at a time, they are those of what is drawn.
func Generate(spec Spec) iter.Seq[*Batch] {
	spec = spec.withDefaults()
	return func(yield func(*Batch) bool) {
		g := generator{
			spec: spec, kinds: random(spec.Seed, "kinds"), states: random(spec.Seed, "states"),
			shapes: random(spec.Seed, "shapes"), times: random(spec.Seed, "times"),
		}
		batch, inBatch := new(Batch), 0
		for !g.done() {
			inBatch += g.next(batch)
			if inBatch >= spec.BatchSteps {
				if !yield(batch) {
					return
				}
				batch, inBatch = new(Batch), 0
			}
		}
		if len(batch.Tasks) > 0 {
			yield(batch)
		}
	}
}

func (s Spec) withDefaults() Spec {
	if s.Tasks == 0 && s.Steps == 0 {
		s.Tasks = 1000
	}
	if s.Now == 0 {
		s.Now = tasker.TimestampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	if s.Age == 0 {
		s.Age = 2 * time.Hour
	}
	if s.Mix == nil {
		s.Mix = UsualMix()
	}
	if s.Scenarios == nil {
		s.Scenarios = UsualStates()
	}
	if s.BatchSteps <= 0 {
		s.BatchSteps = 10_000
	}
	return s
}

// generator draws one source after the other.
type generator struct {
	spec                           Spec
	kinds, states, shapes, times   *rand.Rand
	tasks, steps                   int
	kindsOfBlock, scenariosOfBlock []uint8
}

// block is over how many sources the shares are exact where the number of tasks
// is not known, or too large to be laid out at once.
const (
	block        = 1000
	largestBlock = 1 << 20
)

func (g *generator) done() bool {
	return g.spec.Tasks > 0 && g.tasks >= g.spec.Tasks || g.spec.Steps > 0 && g.steps >= g.spec.Steps
}

// next adds the tasks of one source and gives the number of their steps.
func (g *generator) next(b *Batch) int {
	if len(g.kindsOfBlock) == 0 {
		n := block
		if g.spec.Tasks > 0 {
			n = min(g.spec.Tasks-g.tasks, largestBlock)
		}
		g.kindsOfBlock = apportion(n, g.spec.Mix, 0, g.kinds)
		g.scenariosOfBlock = apportion(n, g.spec.Scenarios, 0, g.states)
	}
	family := g.spec.Mix[g.kindsOfBlock[0]].Of(g.shapes)
	scenario := g.spec.Scenarios[g.scenariosOfBlock[0]].Of
	g.kindsOfBlock, g.scenariosOfBlock = g.kindsOfBlock[1:], g.scenariosOfBlock[1:]

	first, steps := len(b.Tasks), 0
	for _, w := range family.Tasks {
		b.Tasks = append(b.Tasks, Instantiate(w, 0))
		steps += len(w.Steps)
	}
	for _, l := range family.Links {
		l.From.Task += first
		l.To.Task += first
		b.Links = append(b.Links, l)
	}
	playFamily(b.Tasks[first:], family.Links, scenario, g.spec.Now, g.spec.Age, g.times)
	g.tasks += len(family.Tasks)
	g.steps += steps
	return steps
}
