// Package agenda decides what the maintenance services would do, when, and why.
//
// It is pure: a view of the index and the time come in, acts come out. It does
// no I/O, reads no clock, starts no goroutine, and has nothing to do with
// whether a service may act.
//
//	view ──changed tasks──▶ Agenda ── acts by the instant at which they are due ──▶ Due(now)
//	                          ▲
//	                          └── a sweep over all tasks, in parts, now and then
//
// # What is due, and when
//
// An act follows from what a task's rows say at one position of the log, and
// carries the transitions that it was decided on, so that whoever performs it
// can find out that it has been overtaken. The instant is
//
//	retrier     the end of the step's wait, as readiness has it
//	rescuer     the step's transition to in_progress, and its threshold
//	the others  the last thing that happened in the task, and the quiet period
//
// The last thing that happened is the latest of what the rows say and of when
// the agenda saw the task change: clocks of application servers that are behind
// do not shorten the wait. An agenda begins with everything having changed at
// its beginning, so that a new leader waits as long as any.
//
// # Cost
//
// The acts lie in one set, ordered by their instants; a task that changes is
// looked at again, in time proportional to its steps, and nothing else is. Only
// what no change of the task itself tells (a task waits for steps of another
// that have become hopeless) is found by the sweep.
package agenda
