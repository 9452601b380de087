// Package testbed is a stand-in for the engine's side of a database: its 13
// tables with all their indexes, the nine functions and the view. Demo, tests
// and benchmarks work on it. It is not for production.
//
// The functions answer what the engine's answer, under rules v02 or v01, and
// cost what the engine's cost: the shared buffers that they touch lie within
// 10 % of the engine's, on small data and on large. They fail where the
// engine's fail (the two slowest functions always, readiness from 44 attempts
// on), they never end where the engine's never end (levels on a cycle that a
// root reaches), and they compare now() with times that have no zone, so that
// they are right only where the session's TimeZone is UTC. None of this is to
// be repaired here.
//
// The package owns the SQL under tables, functions, v01 and views. It never
// touches a database that has any of it.
package testbed

//go:generate go test . -run SchemaPage -update
