package config

import "time"

// Reload is how a running sidecar takes changes of its configuration over.
type Reload struct {
	// Database is whether values are read that are stored in the database, by
	// tasker-sidecar config set: at the start, and whenever they change. Without,
	// what is stored there has no effect on this process.
	Database bool `default:"true"`
	// Watch is whether files are watched that the configuration was read from; a
	// change is taken over. SIGHUP has them read anew in any case.
	Watch bool `default:"true"`
	// Debounce is for how long files have to be left alone before a change of
	// theirs is taken over.
	Debounce time.Duration `range:"1ms..1m" default:"500ms"`
	// PollInterval is how often files and the database are looked at although
	// neither has told of a change; and how long it takes at the most until a lost
	// connection is tried again.
	PollInterval time.Duration `range:"100ms..1h" default:"30s"`
}
