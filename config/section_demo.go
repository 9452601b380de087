package config

// Demo is the demonstration on a database of its own.
type Demo struct {
	// Seconds ends the demonstration by itself. 0: it runs until interrupted.
	Seconds int `range:"0..86400" default:"0" flag:"demo-seconds"`
	// Workers is how many simulated Rails workers carry tasks on.
	Workers int `range:"1..64" default:"4"`
	// TasksPerSecond is how many tasks are created each second.
	TasksPerSecond float64 `range:"0.1..10000" default:"20"`
	// FailureRate is the share of step executions that fail.
	FailureRate float64 `range:"0..1" default:"0.1"`
	// Seed makes workflows, failures and their order repeatable.
	Seed int `range:"0.." default:"1"`
}
