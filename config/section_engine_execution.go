package config

import "time"

// EngineExecution is how many steps the engine runs side by side, and for how
// long. The sidecar runs none; it computes what the engine's formulas recommend.
type EngineExecution struct {
	// MinConcurrentSteps is the least number that is recommended. At most
	// max_concurrent_steps_limit.
	MinConcurrentSteps int `range:"1..1000000" default:"3" use:"@concurrency"`
	// MaxConcurrentStepsLimit is the largest.
	MaxConcurrentStepsLimit int `range:"1..1000000" default:"12" use:"@concurrency"`
	// ConcurrencyCacheDuration is for how long the engine reuses a recommendation.
	// Ours is always of now.
	ConcurrencyCacheDuration time.Duration `unit:"1s" range:"0s.." default:"30s" carried:"nothing is cached here"`
	// BatchTimeoutBaseSeconds is how long any batch of steps may take. Less than
	// max_batch_timeout_seconds.
	BatchTimeoutBaseSeconds time.Duration `unit:"1s" range:"1s..8760h" default:"30s" use:"@batch"` //nolint:staticcheck // the engine's name
	// BatchTimeoutPerStepSeconds comes on top for each step of the batch.
	BatchTimeoutPerStepSeconds time.Duration `unit:"1s" range:"1s..8760h" default:"5s" use:"@batch"` //nolint:staticcheck // the engine's name
	// MaxBatchTimeoutSeconds bounds the sum.
	MaxBatchTimeoutSeconds time.Duration `unit:"1s" range:"1s..8760h" default:"2m" use:"@batch"` //nolint:staticcheck // the engine's name
	// ConnectionPressureFactors are shares of the free connections that steps may
	// take, by how many are in use.
	ConnectionPressureFactors EnginePressureFactors
	// HealthAssessmentCacheDuration is for how long the engine reuses what it
	// thinks of the connections.
	HealthAssessmentCacheDuration time.Duration `unit:"1s" range:"1s.." default:"30s" carried:"nothing is cached here"`
	// ConnectionHealthLogLevel is the level at which the engine logs it.
	ConnectionHealthLogLevel string `oneof:"debug info warn error fatal" default:"debug" carried:"the sidecar logs nothing of the connections"`
}

// EnginePressureFactors are shares, 0 to 1.
type EnginePressureFactors struct {
	// Low is the share with less than half of the connections in use.
	Low float64 `range:"0..1" default:"0.8" use:"@concurrency"`
	// Moderate is the share with less than 0.7 of them in use.
	Moderate float64 `range:"0..1" default:"0.6" use:"@concurrency"`
	// High is the share with less than 0.85 of them in use.
	High float64 `range:"0..1" default:"0.4" use:"@concurrency"`
	// Critical is the share with more of them in use.
	Critical float64 `range:"0..1" default:"0.2" carried:"under critical pressure the formula takes 3, whatever the factor"`
}

// EngineCache is how long the engine reuses what it has computed. The sidecar
// caches nothing: its answers are of the newest position of the log.
type EngineCache struct {
	// DefaultTTL is for how long, where nothing else is known.
	DefaultTTL time.Duration `unit:"1s" range:"1s.." default:"5m"`
	// AdaptiveTTLEnabled lets the use of an entry change it.
	AdaptiveTTLEnabled bool `default:"true"`
	// PerformanceTrackingEnabled has that use counted.
	PerformanceTrackingEnabled bool `default:"true"`
	// HitRateSmoothingFactor is the weight of the past in the hit rate.
	HitRateSmoothingFactor float64 `range:"0..1" default:"0.9"`
	// AccessFrequencyDecayRate is how slowly old use is forgotten.
	AccessFrequencyDecayRate float64 `range:"0..1" default:"0.95"`
	// MinAdaptiveTTL is the shortest that use may make it. Less than
	// max_adaptive_ttl.
	MinAdaptiveTTL time.Duration `unit:"1s" range:"1s.." default:"30s"`
	// MaxAdaptiveTTL is the longest that use may make it.
	MaxAdaptiveTTL time.Duration `unit:"1s" range:"1s.." default:"1h"`
	// DashboardCacheTTL is for how long a dashboard is reused.
	DashboardCacheTTL time.Duration `unit:"1s" range:"1s.." default:"2m"`
	// CachePressureThreshold is from which share of use on the cache is full.
	CachePressureThreshold float64 `range:"0..1" default:"0.8"`
	// AdaptiveCalculationInterval is how often lifetimes are computed anew.
	AdaptiveCalculationInterval time.Duration `unit:"1s" range:"1s.." default:"30s"`
}
