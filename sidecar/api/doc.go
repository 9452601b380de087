// Package api serves what the index knows over HTTP.
//
// It owns the routes, their JSON and their description (OpenAPI), who may ask,
// and what is refused. It never writes, never asks the database but for the two
// connection counts that no log carries, and holds no state about tasks: a
// request takes one view of the index, which is of one log position, asks it
// with one reading of the clock, and writes the answer.
//
//	listener ─▶ guard (Host, Origin, token) ─▶ route ─▶ parameters ─▶ view ─▶ JSON
//	                                              │                    ▲
//	                                              └─ min_lsn: wait ────┘
//
// Invariants:
//
//   - Every answer says which position it reflects (as_of_lsn), how old that is
//     (staleness_ms), and whether it is stale and why, in the body and in
//     headers. A stale answer is never given without saying so.
//   - An answer to a request with min_lsn reflects at least that position, or
//     there is no answer (503, not-yet-applied).
//   - A request is understood wholly or refused wholly: unknown, repeated,
//     empty and malformed parameters are errors that name the field and its
//     value. Errors are problem details (RFC 9457).
//   - Nothing listens beyond loopback without a token; tokens are known only by
//     their hashes and never printed.
//
// The routes that workers ask most, readiness and contexts, are written by an
// encoder that appends to one buffer ([appendStepReadiness] and its like). It
// is compared with encoding/json by a property test; all other routes go
// through huma's generic path. Both are described from the same types.
package api
