package config

// Log is what the sidecar writes to standard error.
type Log struct {
	// Level is the least that is written.
	Level string `oneof:"trace debug info warn error off" default:"info" flag:"log-level" apply:"live"`
	// Format is plain, for people, or json, one object a line, for collectors.
	Format string `oneof:"plain json" default:"plain" flag:"log-format"`
}
