// Package readiness is the index over all tasks: what the engine's SQL
// functions would answer about each of them, kept up to date change by change.
//
// It is pure. It does no I/O, reads no clock, starts no goroutine: rows and
// changes come in ([Load], [Index.Apply]), the time is an argument, answers go
// out ([View]). It never decides what a task should do, and it writes nowhere.
//
// # One writer, readers without locks
//
//	Load.Add ─▶ Load.Finish ─▶ Index ── Begin Apply… Commit ──▶ Publish ─▶ View ─▶ answers
//	(snapshot)                 one goroutine                    one store   any goroutine
//
// A View is a version of everything at one position of the log: tasks, steps,
// edges, names, totals, the set of ready steps. Half a transaction is never in
// one, and two answers from the same View always fit together. That costs the
// readers nothing and the writer a copy of each page that it changes, once per
// publication: records lie in pages of a persistent radix tree (tree.go), by
// dense numbers, and hold no pointers, so that the garbage
// collector finds little to follow. Keys find their numbers through the same
// kind of tree (ids.go); keys come from sequences, so that costs four bytes each.
//
// A cut in the middle of a transaction needs no undoing: the index is dropped
// for one made of a new snapshot; its last View stays right for what it says.
//
// # Facts and what follows from them
//
// The facts are the followed columns of the rows, of transitions only the most
// recent one of each step and task. They may arrive in any order: an edge
// before its steps, a transition before its step, a step before its task make
// records that have no row yet (Stats counts them); a record goes when nothing
// tells of it any more. What follows from the facts is kept in counters:
//
//	step    how many edges lead to it, and how many of them from steps that are done
//	task    its steps by state, candidates, sums over complete steps
//	all     health counts; the candidates in the order in which they become ready
//
// Whatever changes a step first takes the step's share out of all totals
// (touchStep), by the facts as they were; the commit puts it back in by the
// facts as they are. So totals cannot drift, a transaction counts each step
// once however often it writes it, and its cost follows the size of the change:
// the steps concerned, and the children of those that became done or stopped
// being so. Nothing grows with the number of tasks.
//
// Levels, depths and cycles are not stored. They are linear in a task's edges,
// microseconds for a task of ten steps, and asked for far more rarely than
// edges are written; to keep them would cost every writer and memory in every
// step.
//
// # Time
//
// Readiness depends on the clock only through a step's gate, the later of
//
//	explicit_until = last_attempted_at + backoff_request_seconds
//	failure_until  = failed_at + min(2^attempts, 30) seconds
//
// A candidate is a step that everything but the clock lets run; it is ready at
// now when it has no gate or its gate is not after now. A task keeps how many
// of its candidates have gates, and bounds of them, so that its context needs
// no look at the steps unless now lies between the bounds. All candidates lie in
// one set, ordered by
//
//	since = max(gate, min(t, commit time))
//	t     = latest of the step's creation, its own transition, its parents' transitions
//
// with the commit time being that of the last commit which touched the step or
// changed whether a parent is done. As since is never before the gate and, but
// for the gate, never after the last commit, the ready steps are the beginning
// of that set, up to now: the clock moves a border in it and writes nothing.
//
// # Rules
//
// The formulas are those of the engine's functions, in both versions
// ([tasker.RulesV01], [tasker.RulesV02]). From 44 attempts on, where the
// originals fail, the wait is 30 seconds. Steps on a loop, or behind one, have no
// dependency level. A step whose named step is missing has no readiness row.
package readiness
