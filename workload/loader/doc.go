// Package loader writes batches of a workload into a database that has the
// engine's tables, by binary COPY.
//
//	batches ──▶ names ──▶ ids ──▶ rows ──▶ encoded ──▶ n connections
//	            (one small     (ranges       (one goroutine)   each batch: one transaction,
//	            transaction    from the                        a COPY per table
//	            when new)      sequences)
//
// A batch is one transaction, so a task is there whole or not at all, and a
// reader of the log sees transactions of bounded size. The ids come from the
// tables' own sequences, one nextval per row, so that the loader can run beside
// anybody who inserts, itself included. Only the batches in flight are in
// memory.
//
// Where the role may, the sessions set session_replication_role to replica for
// their transactions: the rows' references hold by construction, and checking
// them row by row costs about half of the time. [Options.CheckReferences] says
// otherwise.
//
// The loader never changes or deletes a row that it did not write. It creates
// and drops nothing, unless [Options.BuildIndexesAfter] has it build the indexes
// of empty tables after the load.
package loader
