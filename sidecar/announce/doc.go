// Package announce tells readers what has been committed, as events: it joins
// the log as it is applied, the index, and the pure derivation of package events.
//
//	follow ──Committed──▶ queue ──▶ Run: derive, encode ──▶ ring ──▶ Reader ──▶ HTTP
//	(applies the log)    bounded       one goroutine       bounded    Reader ──▶ a consumer
//	                                                                  Reader ──▶ …
//
// It owns the queue, the ring and the places of the readers. It never asks the
// database, and never holds anybody up: not the goroutine that applies the log,
// which only appends to the queue, and not one reader because of another, since
// all read the same ring and whoever is overtaken by it is told so and dropped.
//
// # Who listens
//
// While nobody reads, nothing is kept and nothing derived. The first reader
// opens the ring; it stays open for [Options.Linger] after the last one has
// left, so that a reader which comes back can go on where it stopped.
//
// # Gaps
//
// An event that is not told is never passed over in silence. Whatever is missing
// (the queue was full, a transaction was too large, the log was read anew after
// a lost connection) shows in the positions at which the next transaction goes
// on, and puts an entry into the ring that says so, named [Gap].
//
// # Positions
//
// An event's place is the position of its commit in the log and its number in
// that transaction, so that a place means the same to another sidecar at the
// same database. What the clock does comes behind the transaction before it.
package announce
