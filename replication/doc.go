// Package replication turns a live database into a snapshot and the committed
// transactions that follow it, of exactly the tables and columns that answers
// need, and sees to it that neither the answers nor the primary suffer.
//
// # How a follow goes
//
// A [Follower] makes one attempt after another, each from the beginning:
//
//	session        what it does, in the order of time
//	───────        ─────────────────────────────────────────────────────────────
//	probe          publication │ fingerprint │ position, WAL held back ──────────▶
//	replication                │ slot ╮      │ START_REPLICATION ·(waits)· stream ▶
//	loaders 1..n               │      ╰ import │ lock, filenodes │ COPYs │ end
//	guard                      │ ends all of ours if the probe falls silent │ end
//	watch                      │ fingerprint, again and again ─────────────────▶
//
// The slot is temporary and exports the snapshot that the loaders import; no
// other command runs on the replication connection before all have. The stream
// starts at the slot's own point, so that snapshot and stream meet at one
// position: nothing is missing between them and nothing comes twice. It is
// started before the snapshot is read, and not read meanwhile: the server's
// timeouts then watch over a process that stands still.
//
// # Who is authoritative
//
// The log. A [Target] changes by nothing else. A change can arrive before its
// own client has its commit confirmed, and where a synchronous standby is
// awaited long before anybody else sees it: what is promised is a prefix of the
// log in commit order, transactions whole.
//
// # Positions
//
// Received ≥ applied ≥ flushed. A position is applied when everything before it
// is published by the target; that is what is confirmed to the server: the end
// of a commit, or what a keepalive names when nothing is in flight. Confirming
// happens by a timer of its own. How old answers are follows from positions,
// too: see Status.Age.
//
// # What the package never does
//
// It never writes a table of the engine, never leaves a slot or a connection
// behind, never holds the server's log back beyond its budget, never makes a
// synchronous standby of itself, never calls answers fresh while the log may
// not tell everything (publication altered, table re-created, functions
// replaced), and never buffers a transaction.
package replication
