// Package events says what the engine would have published about a transaction:
// a committed transaction in, events out, under the engine's names and with its
// payloads.
//
// It is pure: no I/O, no clock, no state from one transaction to the next. What
// is not in the transaction itself (the state before, names, counts, attempts,
// which steps became ready) is asked of a [Source], which an index or a query
// can be. It never decides who hears of an event, and keeps none.
//
//	transaction ──▶ Derive ──▶ events, in order
//	                  ▲
//	       Source ────┘  before and after the transaction
//
// # Which events
//
// Each transition row that a transaction inserts gives, in the order of the log:
//
//	task.*, step.*              exactly one, by the two machines of [statemachine]
//	workflow.*                  task_started, task_completed, task_failed, step_completed, step_failed
//	observability.step.*        backoff (a failed step waits), max_retries_reached (it is out of attempts)
//
// and after those the transaction as a whole, by task:
//
//	workflow.viable_steps_discovered   steps of the task can run that could not before
//	workflow.no_viable_steps           a step of it ran or could run, and none does any more
//
// The engine publishes several of them twice; here each comes once. Events that
// tell of something inside a worker (step.handle and its like) are in no log.
//
// Invariants:
//
//   - Who wrote a transition makes no difference: the row is all that counts, and
//     its from_state, which the engine leaves empty, is not looked at.
//   - The same transaction and the same answers of the source give the same
//     events, with the same ids.
//   - An id names one event for ever: it is that of the transition row, with the
//     event's name behind it for all but the first. What no transition tells
//     (viable steps) is named by its task and by the position of the transaction,
//     or the instant at which the clock let the steps run.
//   - A field is absent rather than guessed. What is in no publication (results,
//     errors, backtraces, inputs, reasons) is absent always.
package events
