package config

import "time"

// Runtime is how the process uses the machine.
type Runtime struct {
	// GCPercent is how much the heap may grow, in percent of what lives, before
	// memory is reclaimed: less costs processor time, more costs memory. -1
	// reclaims only at memory_limit. The variable GOGC is not looked at.
	GCPercent int `range:"-1..1000" default:"50"`
	// MemoryLimit is the size that the process tries to stay below by
	// reclaiming memory more often. 0: no limit, or what GOMEMLIMIT says.
	MemoryLimit Size `range:"0.." default:"0"`
	// ShutdownTimeout is how long everything may take to close after the first
	// signal; the process ends then. A second signal ends it at once.
	ShutdownTimeout time.Duration `range:"100ms..10m" default:"10s"`
}
