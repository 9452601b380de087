// Package tasker is the vocabulary of the tasker engine: its tables and their
// rows, the states, the changes that its database's log carries, the answers
// that its SQL functions give, and the interface that everything which can
// answer satisfies.
//
// It does no I/O, starts no goroutine, reads no clock, and imports nothing of
// this project. Everything here is a plain value; values are safe for
// concurrent reading and have no hidden state.
//
// Two representations run through the whole project and are defined here:
//
//   - a point of time is a [Timestamp], microseconds, because the engine's
//     columns are `timestamp without time zone` holding UTC;
//   - a nullable column is a [Null], except for times, where the value
//     [NoTime] stands for NULL.
package tasker
