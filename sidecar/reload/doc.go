// Package reload takes changes of the configuration over while a sidecar runs,
// wherever they come from:
//
//	files (watched, polled)  ─┐
//	SIGHUP                   ─┤
//	database (LISTEN, poll)  ─┼─▶ Reloader ─▶ all sources read anew ─▶ config/live ─▶ subscribers
//	API                      ─┘                      │
//	                                                 └─ wrong: refused whole, and what runs goes on
//
// Every reload reads every source, so that what runs is what a start would make of
// them, but for changes through the API, which end with the process, and for
// options that need a restart, which are reported as pending. A database that is
// away is no reason to change anything: what it said last holds.
//
// The package decides when, and tells how it went; what an option is, is for
// package config, and how it comes into force for package config/live.
package reload
