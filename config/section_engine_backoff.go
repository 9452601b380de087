package config

import "time"

// EngineBackoff are the waits that the engine's code computes: those it asks
// for after a failed attempt, and those until a task is looked at again. The
// engine's SQL functions know nothing of them and have a fixed wait after a
// failure; nor does an option here change when a step is ready.
type EngineBackoff struct {
	// DefaultBackoffSeconds are the waits in seconds after the first attempt, the
	// second, and so on.
	DefaultBackoffSeconds []int `range:"0..31536000" default:"1,2,4,8,16,32" use:"@step"`
	// MaxBackoffSeconds bounds every wait in seconds, one that a server asks for
	// (Retry-After) too. Jitter can come on top.
	MaxBackoffSeconds int `range:"1..31536000" default:"300" use:"@step; @delay"`
	// BackoffMultiplier is the exponent of waits past the list: after attempt n,
	// the whole part of n to its power.
	BackoffMultiplier float64 `range:"0..100" default:"2" use:"@step"`
	// JitterEnabled makes waits differ from each other, by up to
	// jitter_max_percentage; they are then of 1 s at least.
	JitterEnabled bool `default:"true" use:"@step: its bounds"`
	// JitterMaxPercentage is the largest share of a wait that jitter adds or takes
	// away, 0 to 1.
	JitterMaxPercentage float64 `range:"0..1" default:"0.1" use:"@step: its bounds"`
	// ReenqueueDelays are how long until a task is looked at again, by its
	// execution status.
	ReenqueueDelays EngineReenqueueDelays
	// DefaultReenqueueDelay is the delay of every other status.
	DefaultReenqueueDelay time.Duration `unit:"1s" range:"0s..8760h" default:"30s" use:"@delay"`
	// BufferSeconds is added to the longest wait of a task's failed steps; the sum
	// is bounded by max_backoff_seconds.
	BufferSeconds time.Duration `unit:"1s" range:"0s..8760h" default:"5s" use:"@delay"` //nolint:staticcheck // the engine's name
}

// EngineReenqueueDelays are delays by execution status.
type EngineReenqueueDelays struct {
	// HasReadySteps is the delay of a task with steps that can run now. Our enqueuer waits
	// that much longer than maintenance.quiet_period, too.
	HasReadySteps time.Duration `unit:"1s" range:"0s..8760h" default:"0s" use:"@delay; maintenance: the enqueuer waits for it besides quiet_period"`
	// WaitingForDependencies is the delay of a task of which nothing can run yet.
	WaitingForDependencies time.Duration `unit:"1s" range:"0s..8760h" default:"45s" use:"@delay"`
	// Processing is the delay of a task with steps in progress.
	Processing time.Duration `unit:"1s" range:"0s..8760h" default:"10s" use:"@delay"`
}
