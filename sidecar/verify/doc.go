// Package verify asks a database's own functions and the index the same
// questions, and reports every field in which they differ.
//
// Both sides move while they are asked. What decides whether a difference
// counts is not asking again but where things stand in the log:
//
//	before   the log's end, read before the database is asked
//	snapshot the database's functions answer, all in one REPEATABLE READ
//	         snapshot with TimeZone UTC and the engine's schema alone in
//	         search_path; now() of that transaction is the instant at which
//	         the index is asked, too
//	after    the log's end, read afterwards
//
// The index is asked when it has applied at least `after`. A commit can be in
// the log before anybody else sees it, for as long as it waits for a standby,
// and others that follow it in the log can be seen earlier; so `before` is moved
// back to just before the first commit, of those that the index knows, that the
// snapshot does not see. A task counts when its last change in the index lies at
// or before that. Such a task is the same on both sides, so that every
// difference is a fault of one of them. A task that changed in between is
// undecided and says nothing; the next round meets it again.
//
// The load on the database is bounded: one connection, a statement timeout, a
// pause between batches, a sample of the tasks when there are many, and never
// the levels function on a task with a cycle or with more paths than a limit,
// for the engine's walks every path.
package verify
