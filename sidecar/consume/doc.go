// Package consume gives events to a consumer that must miss none: what the hub
// announces and, wherever something of that is missing, what the tables of
// transitions tell.
//
//	tables of transitions ──recover──┐
//	                                 ├──▶ sink ──delivered──▶ watermark
//	announce.Reader ─────────────────┘                        (event_consumers)
//
// It owns the watermark, and the reading of the tables. It writes nothing but
// its consumer's row, at most once an interval, and never holds write-ahead log:
// while no consumer runs, nothing of it is on the server but that row.
//
// # The watermark
//
// Transitions get their ids before they are committed, so that no id says "up to
// here": one with a lower id may be committed later. The watermark is a
// transaction number, the horizon: every transaction before it was at an end, and
// what it committed has been delivered. It is found in two steps:
//
//	snapshot S, then position L of the log     all that S takes for ended lies before L
//	delivered up to L                          ⇒ the oldest transaction running in S is the horizon
//
// A row may be new when its xmin is not before the horizon. (Whether xmin is
// visible in S would ask for less, but of a savepoint, which has a number of its
// own, Postgres cannot tell that.) As flipping most_recent gives a row a new
// xmin, the row that came before a new one is told again with it: at least once.
//
// # Order
//
// The tables do not know in which order transactions were committed. Recovered
// events come in the order of the times in their rows, and those of one task or
// one step always in the order of its history.
//
// Invariants: what has been committed is delivered, now or after the next start,
// at least once; the watermark never runs ahead of what the sink has accepted;
// two consumers of one name do not run at once.
package consume
