package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Options of [Generate]. The zero value is a program of 50 transactions in one
// session over 8 tasks and 30 steps.
type Options struct {
	Seed uint64
	// Sessions run at once; each has Transactions. Default to 1 and 50.
	Sessions, Transactions int
	// Tasks and Steps bound the ids that are used. Default to 8 and 30.
	Tasks, Steps int
	// Cycles allows edges that close one. The engine's own levels function
	// never ends on a cycle that a root reaches, and its view walks every path
	// through one: who compares with them must do without.
	Cycles bool
	// Overflow allows attempts on which the engine's functions raise an error
	// for the whole task (44 and more).
	Overflow bool
	// Referential keeps foreign keys on: no orphans, and no superuser needed.
	Referential bool
	// BigRows is how many rows the biggest statements have. Defaults to 300.
	BigRows int
	// Now is around which times lie that are neither far past nor far future.
	// The zero value leaves them out, so that answers do not depend on the
	// moment of asking.
	Now time.Time
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.Sessions, 1)
	def(&o.Transactions, 50)
	def(&o.Tasks, 8)
	def(&o.Steps, 30)
	def(&o.BigRows, 300)
	return o
}

// Generate makes a program. The same options give the same program.
func Generate(o Options) Program {
	o = o.withDefaults()
	p := Program{Base: newGenerator(o, 0).base()}
	for s := range o.Sessions {
		g := newGenerator(o, uint64(s)+1)
		list := make([]Transaction, o.Transactions)
		for i := range list {
			list[i] = g.transaction()
		}
		p.Sessions = append(p.Sessions, list)
	}
	return p
}

type generator struct {
	Options
	*rand.Rand
}

func newGenerator(o Options, stream uint64) *generator {
	return &generator{o, rand.New(rand.NewPCG(o.Seed, stream))}
}

// base is a small population: names, and tasks with steps, edges, transitions.
func (g *generator) base() []Transaction {
	t := Transaction{Ops: []Op{
		sql(`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at)
			SELECT i, 'namespace_' || i, '2020-01-01', '2020-01-01' FROM generate_series(1, %d) i`, namespaces),
		sql(`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'system', '2020-01-01', '2020-01-01')`),
		sql(`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at)
			SELECT i, 'task_' || i %% 3, 1 + i %% %d, '0.' || i || '.0', '2020-01-01', '2020-01-01' FROM generate_series(1, %d) i`, namespaces, namedTasks),
		sql(`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at)
			SELECT i, 1, 'step_' || i, '2020-01-01', '2020-01-01' FROM generate_series(1, %d) i`, namedSteps),
	}}
	for id := 1; id <= g.Tasks; id++ {
		t.Ops = append(t.Ops, g.insertTask(id))
	}
	for id := 1; id <= g.Steps; id++ {
		t.Ops = append(t.Ops, g.insertStep(id))
	}
	for range g.Steps {
		t.Ops = append(t.Ops, g.insertEdge()...)
	}
	return []Transaction{t}
}

// transaction is one to twelve things at once.
func (g *generator) transaction() Transaction {
	t := Transaction{
		Rollback: g.one(20),
		Replica:  !g.Referential && g.one(4),
	}
	if g.one(10) {
		t.Isolation = choose(g, "REPEATABLE READ", "SERIALIZABLE")
	}
	for range 1 + g.IntN(8) {
		t.Ops = append(t.Ops, g.something()...)
	}
	if g.one(6) { // a part of it is undone
		cut := g.IntN(len(t.Ops))
		t.Ops = append(t.Ops[:cut:cut], Op{Undone: t.Ops[cut:]})
		if g.one(2) {
			t.Ops = append(t.Ops, g.something()...)
		}
	}
	return t
}

// something is one of all the things that are done, by weight.
func (g *generator) something() []Op {
	at := g.IntN(totalWeight)
	for _, a := range actions {
		if at -= a.weight; at < 0 {
			return a.make(g)
		}
	}
	panic("unreachable")
}

// one is true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func choose[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func sql(format string, args ...any) Op {
	text := fmt.Sprintf(format, args...)
	return Op{SQL: strings.Join(strings.Fields(text), " ")}
}
