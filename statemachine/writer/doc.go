// Package writer performs transitions of tasks and steps in the engine's tables,
// in the way that Rails accepts them, and reads histories.
//
// # One transaction
//
//	BEGIN, settings                ┐ READ COMMITTED, so that each statement sees
//	our advisory locks, by key     │ what was committed before it began
//	the rows, by id                │ FOR NO KEY UPDATE
//	states, guards, earlier ones   ┘ one round trip
//	        decide                   in memory, by package statemachine
//	flip, insert, columns            one round trip
//	COMMIT, position                 one round trip
//
// A batch is the same with arrays, up to [Options.MaxLocks] entities a
// transaction.
//
// A single transition without hooks goes a quicker way first, on which the row,
// and with it Rails, waits for no round trip:
//
//	BEGIN, settings                ┐
//	our advisory lock              │
//	state, earlier one             ┘ one round trip
//	        decide                   in memory
//	the row                        ┐ FOR NO KEY UPDATE
//	flip, insert, columns          │ one statement, after the lock's: if the most recent
//	COMMIT, position               ┘ transition is what was read, and the guard holds
//
// Otherwise that statement fails, so that the COMMIT behind it commits nothing,
// and it begins again the careful way, which alone refuses. So a transaction of
// ours that was committed has written what it was to.
//
// The advisory lock orders our own writers, whatever process they are in; Rails
// knows nothing of it. The lock of the row orders us with Rails where it writes
// the row. Where it does not (it takes no locks at all) the two unique indexes
// of a history decide: the old row was flipped by somebody else, or the new one
// meets theirs. Then nothing of ours stays, and it is tried again from the
// beginning, within a bound. The loser of a race, if it is Rails, finds what it
// finds when two of its own workers meet.
//
// # Waiting
//
// For our own writers a transaction waits [Options.QueueTimeout]; it holds
// nothing then that Rails could want. For Rails it waits [Options.LockTimeout],
// which is below the server's deadlock_timeout, so that of a deadlock with Rails
// (one that changes a transition first and then the row) it is always we who give
// way, and Rails goes on.
//
// # Advisory locks
//
// The key is one bigint: in the top byte a tag, 'T' for a task and 'W' for a
// workflow step, and the low 56 bits of the id. In pg_locks:
//
//	SELECT pid, granted, chr((classid >> 24)::int) AS tag, ((classid & 16777215) << 32) + objid AS id
//	FROM (SELECT pid, granted, classid::bigint, objid::bigint FROM pg_locks
//	      WHERE locktype = 'advisory' AND objsubid = 1) AS l
//	WHERE classid >> 24 IN (84, 87)
//
// Locks live in a table that all sessions of the server share: so at most 500 a
// transaction.
//
// # What goes into metadata
//
// The caller's object, and beside its own members one named tasker_sidecar, where
// there is anything to say: key, by, reason, request_id, and request, which tells
// another request under the same key from the same one sent again. A request that
// is repeated under its key is answered with the transition that it made, as long
// as that row is there. A refusal is not remembered.
//
// # What the package never does
//
// It never writes a transition that the machines do not allow, never half of
// one, and never moves a step to in_progress without being told to take it: the
// engine's workers treat a lost race as a failure. It never fires an event and
// never enqueues a job. It creates nothing in the database, and touches no
// session but its own. When the connection is lost while committing, it asks for
// that transaction's status (behind the advisory lock, which the lost session
// held); it says [InDoubt] only when it cannot.
package writer
