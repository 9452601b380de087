// Package statemachine is the two state machines of the engine, one of tasks
// and one of workflow steps, as tables: which transition is allowed from where,
// under which guard, which event names it, and which columns of the task's or
// step's own row go with it.
//
//	Of(Task), Of(Step) ──▶ *Machine ──▶ Find(from, to), From(state), Event(from, to)
//	                          │
//	                          └──▶ Possible(state, facts): what could happen now,
//	                                                       and what forbids the rest
//
// The tables are the only place where these rules are written down: what writes
// a transition, what names an event and the page docs/state-machines.md are made
// from them.
//
// A state lives in the transitions alone, the most recent of which names it; an
// entity without any is pending. So the first transition of all goes from [None],
// and is allowed where one from pending is.
//
// The package is pure: no I/O, no clock. The tables are never changed, and all of
// it is safe for concurrent use.
package statemachine

//go:generate go test . -run TestPage -update
