// Package dropin renders and installs the drop-in functions: the nine functions
// that the engine's wrappers call and the view that they read, in a schema of
// our own. A role whose search_path names that schema before the engine's is
// answered by them, without a change to the code, and one that does not is not.
//
//	search_path = tasker_sidecar_compat, public
//	                       │                └── tables, and everything else
//	                       └── the nine functions and the view, nothing else
//
// They answer from the engine's tables, in the caller's own snapshot, what the
// engine's functions answer, and where those fail what they were meant to
// answer. They take no more rights than the engine's: a function runs as its
// caller, who needs the tables that it reads; the view, like the engine's,
// reads them as its owner, and its caller needs the view only. (Postgres 15
// could run it as its caller, too; but then a role that reads the engine's view
// today could not read this one.)
//
// Every name in them has a schema, operators and types included, so that
// nothing in the caller's search_path can change an answer or be called. A
// setting of search_path on the functions would do the same, and cost every call.
//
// The source is in sql/functions, one file a function, rendered as a
// text/template whose parts lie in sql/functions/parts. Which rules the
// functions follow is decided there ({{if v01}}), not when they are called, and
// @engine@ stands for the schema of the engine's tables.
package dropin
