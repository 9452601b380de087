// Package derive computes what the engine derives from the answers of its
// database: the names that its users know for a readiness row, an execution
// context, dependency levels and health counts, and the values that it
// computes from its configuration (backoff, delays, timeouts, concurrency,
// cache lifetimes, the health score).
//
// It owns formulas and nothing else. Everything is pure: a function of its
// arguments, safe for concurrent use, with the clock handed in as a
// [tasker.Timestamp] and randomness as a function. Parameters are small
// structs; their Default functions give the engine's own defaults.
//
// A formula whose input is NULL, such as the connection counts that no log
// carries, gives NULL rather than a guess; three-valued logic is SQL's.
package derive
