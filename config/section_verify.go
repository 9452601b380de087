package config

import "time"

// Verify is how the index is compared with the database's own functions.
type Verify struct {
	// Continuous goes on sampling while the sidecar runs; differences are
	// logged and counted in the metrics.
	Continuous bool
	// Interval is the time from the end of one continuous pass to the start of
	// the next.
	Interval time.Duration `range:"1s..24h" default:"30s"`
	// StatementTimeout ends a question that takes the database too long; it is
	// then counted as not answered.
	StatementTimeout time.Duration `range:"10ms..10m" default:"30s"`
	// BatchTasks is how many tasks are asked about in one snapshot.
	BatchTasks int `range:"1..10000" default:"500"`
	// MaxTasks is how many tasks a pass asks about; of more, it takes an evenly
	// spread sample, another one in each pass. 0: all of them.
	MaxTasks int `range:"0.." default:"0"`
	// ContinuousMaxTasks is max_tasks of a continuous pass.
	ContinuousMaxTasks int `range:"1.." default:"1000"`
	// Pause is the time between two batches, in which the database belongs to
	// others.
	Pause time.Duration `range:"0s..1m" default:"0s"`
	// ContinuousPause is pause in a continuous pass.
	ContinuousPause time.Duration `range:"0s..1m" default:"100ms"`
	// MaxPaths is the largest number of root-to-leaf paths of a task for which
	// the engine's levels function, which walks each of them, is still asked.
	MaxPaths int `range:"1..10000000" default:"20000"`
	// ApplyTimeout is how long the index may take to apply what the database
	// has answered from.
	ApplyTimeout time.Duration `range:"100ms..10m" default:"30s"`
	// KeepDifferences bounds how many differences a report lists; all of them
	// are counted.
	KeepDifferences int `range:"1..100000" default:"100"`
}
