// Package leader decides which of several processes may write to a database,
// and keeps those that may not from doing so, however late they learn of it.
//
// # States of an elector
//
//	           connected            got the lock           raised the epoch
//	Waiting ──────────────▶ Following ──────────▶ Raising ──────────────▶ Leading
//	 ▲ ▲ ▲   anything fails  │  ▲ not ready yet    │  │                    │   │
//	 │ │ └───────────────────┘  └──────────────────┘  │    lease has ended │   │ the leading
//	 │ └─────────────────────────── anything fails ───┘                    ▼   │ function
//	 └─────────── the leading function has returned ────────────────── Leaving │ returned
//	 └─────────────────────────────────────────────────────────────────────────┘
//
// Lock and row are two things, for two purposes:
//
//	advisory lock   on a session of its own: who tries to lead. It keeps the
//	                others from raising the epoch all the time, and is free the
//	                moment its holder's connection or process is gone.
//	epoch           the row of tasker_sidecar.leader: who may write. It alone is
//	                authoritative. The lock can be free, and another's, while
//	                its former holder still believes in it; the row cannot.
//
// # Fencing
//
// A leader's write transaction begins by locking the row, where the epoch and
// the holder are still its own ([Lease.Begin]):
//
//	SELECT FROM tasker_sidecar.leader WHERE epoch = … AND holder = … FOR NO KEY UPDATE
//
// The election raises the epoch by an UPDATE of the same row. One of the two
// waits for the other: either the raise, until the transaction has ended; or the
// transaction, which then finds, READ COMMITTED, that the row is another, and
// writes nothing. So what a new leader reads in the transaction of its raise
// ([Options].Raise) is the last that its predecessors have written. A SELECT
// without the lock would do neither: the raise could be committed between it
// and the write.
//
// An UPDATE of the row by each write transaction fences as well, and was
// measured beside the lock (BenchmarkFence): 98 bytes of log each instead of
// 56, and each leaves a version of the row. Under somebody's open snapshot none
// of them can be removed: after 10,000, or 20 seconds of a busy leader, a small
// write transaction takes twice as long, and the table of 8 kB has 600. The lock
// leaves none. Either costs a round trip, and a tenth of a millisecond in all.
//
// Holder ends in letters that are the lease's own. The epoch alone would do on
// one server; but a standby that takes over without the last raise, or a backup
// that is restored, can see the same number twice.
//
// # How long things take
//
// With T for LeaseTimeout, P for PollInterval and I for TransactionIdleTimeout:
//
//	a leader that stops                hands over at once (NOTIFY)
//	its process or session ends        the lock is free at once; it is told at once
//	its link is cut, its machine gone  the lock is free after T without a ping
//	                                   (idle_session_timeout); pings go out every
//	                                   T/5, and one unanswered for 3T/5 means the
//	                                   loss: told by 4T/5, before another leads
//	it stands still (SIGSTOP)          the same; its kernel would answer keepalives
//	                                   for it, so those are not relied on
//	the lock is free                   somebody leads within 1.5 P
//	a write transaction is open        the raise waits for it, at most I: idle ones
//	                                   are ended by the server, and the session of
//	                                   one that is not by the new leader (no timeout
//	                                   of the server's ends a COPY FROM STDIN whose
//	                                   client is silent)
//
// A candidate polls and does not wait in pg_advisory_lock(): that would hold a
// snapshot, and with it vacuum back, for as long as another leads.
//
// # What the package never does
//
// It never leads on a standby or on a database that takes no writes, nor
// through a connection pooler; never creates anything in the database; never
// ends a session but one of its own role that keeps an elected leader from the
// row; and never keeps a process that is ready from leading because one that is
// not has the lock.
package leader
