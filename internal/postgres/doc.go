//go:build unix

// Package postgres finds a PostgreSQL server for the demo, the tests and the
// benchmarks, or starts one of its own.
//
// # The search
//
// [Start] goes through a list of ways and takes the first that works:
//
//  1. a server that TASKER_SIDECAR_TEST_DATABASE_URL names;
//  2. server binaries, version 14 or later, on this machine (POSTGRES_BIN,
//     PATH, pg_config --bindir, /usr/lib/postgresql/*/bin with the highest
//     version first, Homebrew), in a throw-away cluster;
//  3. a container, where Docker answers;
//  4. on Debian and Ubuntu, as root, the distribution's package, and then its
//     binaries as in 2.
//
// What an operator names (the URL, POSTGRES_BIN, [Options.BinDir]) is taken or
// reported as unusable; it is never silently passed over. When nothing is
// found the error is a [*NotFoundError] that says of each way why it did not
// serve.
//
// # The throw-away cluster
//
// A directory of its own holds data, socket and log. The server listens on
// 127.0.0.1 and on a unix socket in that directory, both with a random
// password (SCRAM). PostgreSQL refuses to run as root; started by root, the
// server runs as the account postgres or nobody.
//
//	starter ──pipe──▶ watchdog (a small shell, own session)
//	   │                 on end of file: stop the postmaster, remove the directory
//	   └──gate──▶ postmaster (own session)
//
// The watchdog holds the read end of a pipe whose only write end is in the
// starter: whatever ends the starter (return, panic, os.Exit, Ctrl-C, SIGKILL)
// closes it. A child runs only after its pid has been told to the watchdog: it
// waits at a gate, and a gate whose other end vanished ends it. So there is no
// moment at which the death of the starter leaves a process or a directory.
//
// # Invariants
//
//   - The package never stops, configures or removes a server that it did not
//     start.
//   - It starts no goroutine that outlives a call, so a leak check in a test
//     sees nothing of it.
//   - No password is ever part of an error, a log line or [Server.String].
package postgres
