package config

// Demo is the demonstration on a database of its own.
type Demo struct {
	// Seconds ends the demonstration by itself. 0: it runs until interrupted.
	// The variable DEMO_SECONDS says the same.
	Seconds int `range:"0..86400" default:"0" flag:"demo-seconds"`
	// Workers is how many simulated Rails workers carry tasks on.
	Workers int `range:"1..64" default:"4"`
	// CommitsPerSecond is how many transactions they commit each second. 0: as
	// many as they can.
	CommitsPerSecond float64 `range:"0..1000000" default:"300"`
	// FailureRate is the share of step executions that fail, besides those that
	// the workflows let fail.
	FailureRate float64 `range:"0..1" default:"0.1"`
	// Seed makes workflows, failures and their order repeatable.
	Seed int `range:"0.." default:"1"`
}
