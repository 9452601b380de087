// Package engine asks a database's own functions: the nine that the engine
// installs, and its view. It is the other side of every comparison with the
// readiness index, so it adds nothing to what they answer and hides nothing: a
// function that fails is reported as failing, with [tasker.ErrFunctionFails].
//
// Every question is asked in a REPEATABLE READ READ ONLY transaction whose
// TimeZone is UTC (the functions are wrong in any other), with the engine's
// schema alone in search_path (the functions name their tables without a
// schema, and a second version may lie in another one), and under a
// statement_timeout (levels on a cycle that a root reaches never end).
// Several questions can be asked of one snapshot: see [Database.In].
//
// The package never writes, and keeps no state of its own.
package engine
