// Package projection writes what the index knows into the tables of the schema
// tasker_sidecar, and says there what it reflects.
//
// # Design
//
// A view of the index is immutable, and two views share all that has not changed
// between them. So the projection keeps the view that its rows are of, takes the
// newest one, and has the difference in proportion to the change; what differs
// goes into the database in one transaction, with one row of flushes that says
// which position in the log the rows are of now:
//
//	index ──Changed──▶ view ─┐
//	                         ├─▶ difference ─▶ rows ─▶ one transaction: fence, rows, flush
//	view of the rows ────────┘                              │
//	       ▲────────────────────────────────────────────────┘
//
// After any crash the rows are therefore those of some prefix of the log, and say
// of which.
//
// A leader begins by putting right what is there: the transaction that makes it
// the leader marks the rows as being reconciled, so that nobody believes them;
// then it compares them with a view, range by range of task ids, writes only
// what differs, and vouches for them with the first flush. The same after the
// index was loaded anew, because two indexes share nothing.
//
// # When it writes
//
//	something differs      at once, but no sooner than Options.MinPause after the
//	                       last flush began, and than Options.Rest times as long
//	                       as that flush took
//	nothing differs        nothing is written: the position is confirmed to the
//	                       server through the replication slot, where readers see
//	                       it; every Options.Heartbeat a flush without rows says
//	                       how old the rows are
//	answers are stale      one flush says that the rows do not count
//
// A table that has grown, because somebody's snapshot keeps what was replaced, is
// emptied and filled anew, while nobody believes the rows or waits (compact.go).
//
// Tasks that were finished longer ago than Options.KeepFinished, and have no step
// that could run, have no rows.
//
// # Invariants
//
// Only transactions of a lease write (package leader), so no deposed leader does.
// The newest row of flushes is of the transaction that wrote the newest rows.
// The confirmed position is never ahead of what the rows reflect.
package projection
