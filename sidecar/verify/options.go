package verify

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// Options bounds what a verification costs the database. The zero value of a
// field means its default.
type Options struct {
	// Schema holds the engine's functions and view. Required.
	Schema string
	// StatementTimeout ends a question that takes too long; it is then counted
	// as not answered. Range 10ms to 10m. Defaults to 30s.
	StatementTimeout time.Duration
	// BatchTasks is how many tasks are asked about in one snapshot. Range 1 to
	// 10000. Defaults to 500.
	BatchTasks int
	// MaxTasks is how many tasks a pass asks about; where there are more, an
	// evenly spread sample is taken, another one in each pass. 0 means all.
	// Defaults to 0 for a single pass; continuous verification sets it.
	MaxTasks int
	// Pause is the time between two batches, in which the database belongs to
	// others. Range 0 to 1m. Defaults to 0.
	Pause time.Duration
	// MaxPaths is the largest number of root-to-leaf paths of a task for which
	// the engine's levels function, which walks each of them, is still asked.
	// Range 1 to 10000000. Defaults to 20000.
	MaxPaths int64
	// ApplyTimeout is how long the index may take to apply what the database
	// has answered from. Range 100ms to 10m. Defaults to 30s.
	ApplyTimeout time.Duration
	// KeepDifferences bounds how many differences a report lists; all are
	// counted. Range 1 to 100000. Defaults to 100.
	KeepDifferences int
	// Progress, when set, is told after each batch how many tasks of how many
	// are done.
	Progress func(done, total int)
	// Logger receives what is worth knowing while it runs. Defaults to none.
	Logger hclog.Logger
}

func (o Options) withDefaults() Options {
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 30 * time.Second
	}
	if o.BatchTasks == 0 {
		o.BatchTasks = 500
	}
	if o.MaxPaths == 0 {
		o.MaxPaths = 20_000
	}
	if o.ApplyTimeout == 0 {
		o.ApplyTimeout = 30 * time.Second
	}
	if o.KeepDifferences == 0 {
		o.KeepDifferences = 100
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o
}
