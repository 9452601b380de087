// Package live is the configuration of a process that runs: one immutable
// [Snapshot] at a time, which whoever uses an option takes at a natural boundary
// of its work (a pass, a request) and reads whole.
//
//	Load ──▶ Reload ──▶ live options taken over, the others kept and pending
//	            │              every rule checked once more
//	            │              every subscriber prepares            any error: all stays as it was
//	            ▼
//	     the snapshot is swapped, then every subscriber applies     nothing can fail any more
//
// Invariants. A snapshot never changes, and no two of its options are of
// different configurations. What is in force obeys every rule, also when some of
// what was wanted has to wait for a restart. A change is taken over whole or not
// at all, and one after another. Subscribers learn exactly which keys changed.
//
// The package reads no source and knows none: it is handed what was loaded.
package live
