// Package project lets a process that follows a database write what it knows
// back as rows, while it leads:
//
//	follow.Follower ──views──▶ projection.Projector ──rows──▶ tasker_sidecar.*
//	       ▲                          │    ▲
//	       └──────── Written ─────────┘    └── leader.Elector: a lease
//
// It owns the wiring of the three and nothing else. Followers that do not lead
// are as fresh as the one that does, so that one of them can take over at once.
package project
