// Package player is the Rails side of a database, simulated: workers that
// create tasks of a workload and carry them on exactly as the engine does.
//
//	queue ──▶ worker: start task ──▶ ask what is ready ──▶ take, run, record each ──┐
//	  ▲                                  ▲                                          │
//	  │                                  └──────────── while something was taken ◀──┘
//	  │                                                        │ nothing left
//	operator ◀── tasks left hanging ◀── finalize (complete, error, or leave) ◀──────┘
//
// What it keeps to: the order of statements, the borders of transactions, the
// columns of the engine's writers. A task is created without a transition;
// taking a step leaves the step's row untouched; a result is the step's row
// first, then its transition, in one transaction; a transition flips the most
// recent row and inserts the next, ten above the highest sort key, without
// from_state. No locks are taken but those that the statements take.
//
// The engine's loose ends are kept too: nothing moves a failed step back to
// pending, nothing wakes a task that waits, a dead worker leaves its step in
// progress, and whoever loses a race treats that as a failure of the step,
// counts an attempt and moves the winner's step to error. An operator, who is
// optional, retries, resolves and cancels by hand what is left hanging, so that
// a demonstration keeps moving; his writes follow the rules for writers from
// outside.
//
// Invariants: every transaction leaves rows that the engine could have left; a
// player that is stopped finishes the transaction it is in; it never touches a
// task that it has not created, unless [Options.Adopt] says so.
package player
