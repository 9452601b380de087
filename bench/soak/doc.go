// Package soak lets a sidecar work for long, beside workers who never rest, and
// looks whether anything grows.
//
//	workers ──▶ tasker_* tables ──WAL──▶ follower ──▶ projection ──▶ rows
//	archiver ──deletes finished tasks──┘     └──▶ verifier: all the time, and of everything at the end
//	                       sampler: memory, lag, WAL, tables, goroutines, connections
//
// It owns the load and the samples. The load is stationary: a number of tasks
// lie in the database from the beginning on, and an archiver deletes as many
// finished ones as the workers make new ones, so that nothing has a reason to
// grow but a leak.
//
// # What flat means
//
// Judged is the second half of the run; before it, caches and tables fill. It is
// cut into ten parts of the same length, whose medians a line is laid through
// (medians, for a part has outliers; parts, for samples close to each other are
// not independent). The line's rise over the half has an interval, 95 % by
// Student's distribution with eight degrees of freedom. Each series has a bound,
// the larger of an amount and a share of its median:
//
//	flat                the whole interval is below the bound
//	rising              the whole interval is above it
//	too short to tell   otherwise, and with fewer than three samples a part
//
// The bound is for the half, however long that is: the longer a run, the slower a
// leak that it finds. What falls is flat.
//
// The verdict is good when every series is flat and no comparison has found a
// difference; not good when one is rising or a difference was found.
package soak
