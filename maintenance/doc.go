// Package maintenance ties the engine's loose ends: what its workers leave
// undone for ever, five services of the leader do.
//
//	retrier    a failed step whose wait is over                  error → pending
//	rescuer    a step in progress for longer than its threshold  in_progress → error
//	canceller  a step of a cancelled task that has not started   pending → cancelled
//	finalizer  a task with nothing left to do                    → complete, or → error
//	enqueuer   a task with something to do and nobody on it      → pending, and announced
//
// Each is off, observes (it says what it would do, and neither writes nor
// connects) or acts.
//
//	Source ──views──▶ agenda.Agenda ──due acts──▶ limits ──▶ writer.Writer ──▶ engine's tables
//	   ▲                 (decides)                              │  one transaction: epoch, state of the
//	   └──────────────────── the log ◀──────────────────────────┘  service, conditions, transition,
//	                                                               announcement, audit row
//
// # One act, one transaction
//
// It begins with the leader's row (leader.Lease.Begin), so that a deposed leader
// writes nothing. Under the locks of package writer it is looked at once more:
// the service must not be paused, the transitions must be those that were decided
// on, and the row must still say what made it due, by the server's clock. Then
// the transition is written, with by, reason and epoch in its metadata, the task
// is announced where that is the act, and a row of
// tasker_sidecar.maintenance_acts says what was done. All of it or nothing is
// committed.
//
// An act that somebody else was faster with is forgotten: the log brings what has
// become of it. One that failed is tried again after a pause, as often as it
// takes.
//
// # Announcing
//
// A task is announced by NOTIFY, by a statement of the operator's, or both, in
// the transaction that moves it to pending. A statement that fails takes the move
// with it, so no task is pending without having been announced. No task is
// announced twice in one state, which the table maintenance_announcements
// remembers for whoever leads. A state is told by the transitions of task and
// steps. NOTIFY reaches who listens at that moment; who was away looks into that
// table: at least once.
//
// # Limits
//
// A rate holds a service back. A budget stops it: what would be more in a minute
// than the budget allows is no loose end any more, and needs a person. Stopped
// and paused services are rows of tasker_sidecar.maintenance_services, which each
// act reads in its own transaction: once a pause is committed, by whomever,
// nothing more is done by any leader. A leader begins with what was done in the
// last minute, whoever did it.
//
// # What the package never does
//
// It never takes a step (moves it to in_progress): that is for workers alone. It
// never acts on answers that are stale, on tasks without steps, on tasks that are
// excluded; it never waits for a row longer than Options.LockTimeout, as the
// projection waits meanwhile.
package maintenance
