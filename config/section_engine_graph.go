package config

// EngineDependencyGraph are the weights of the analysis of a task's graph. The
// formulas stand in docs/analysis.md.
type EngineDependencyGraph struct {
	// ImpactMultipliers weigh what lies behind a step, and a path's parts.
	ImpactMultipliers EngineImpactMultipliers
	// SeverityMultipliers raise the impact of steps in trouble.
	SeverityMultipliers EngineSeverityMultipliers
	// PenaltyConstants are added to the impact of steps that are tried again.
	PenaltyConstants EnginePenaltyConstants
	// SeverityThresholds are from which impact on a bottleneck has which severity.
	SeverityThresholds EngineSeverityThresholds
	// DurationEstimates are how long steps are thought to take.
	DurationEstimates EngineDurationEstimates
}

// EngineImpactMultipliers are weights of counts.
type EngineImpactMultipliers struct {
	// DownstreamWeight is for each step that waits for one, directly or not.
	DownstreamWeight int `range:"0..1000000" default:"5" use:"@analysis: the impact of bottlenecks and of failed steps"`
	// BlockedWeight is for each of them whose dependencies are not satisfied.
	BlockedWeight int `range:"0..1000000" default:"15" use:"@analysis: the impact of bottlenecks and of failed steps"`
	// PathLengthWeight is for each step of a path.
	PathLengthWeight int `range:"0..1000000" default:"10" use:"@analysis: the score of paths"`
	// CompletedPenalty is taken off for each step of a path that is done.
	CompletedPenalty int `range:"0..1000000" default:"15" use:"@analysis: the score of paths"`
	// BlockedPenalty is added for each step of a path whose dependencies are not
	// satisfied.
	BlockedPenalty int `range:"0..1000000" default:"25" use:"@analysis: the score of paths"`
	// ErrorPenalty is added for each step of a path in error.
	ErrorPenalty int `range:"0..1000000" default:"30" use:"@analysis: the score of paths"`
	// RetryPenalty is added for each step of a path that was tried more than
	// once.
	RetryPenalty int `range:"0..1000000" default:"10" use:"@analysis: the score of paths"`
}

// EngineSeverityMultipliers are factors.
type EngineSeverityMultipliers struct {
	// ErrorState is the factor of a step in error.
	ErrorState float64 `range:"0..1000" default:"2" use:"@analysis: the impact of bottlenecks"`
	// ExhaustedRetryBonus is added to error_state for a step out of attempts.
	ExhaustedRetryBonus float64 `range:"0..1000" default:"0.5" use:"@analysis: the impact of bottlenecks"`
	// DependencyIssue is the factor of a pending step whose dependencies are not
	// satisfied.
	DependencyIssue float64 `range:"0..1000" default:"1.2" use:"@analysis: the impact of bottlenecks"`
}

// EnginePenaltyConstants are added to an impact.
type EnginePenaltyConstants struct {
	// RetryInstability is added for each attempt.
	RetryInstability int `range:"0..1000000" default:"3" use:"@analysis: the impact of bottlenecks and of failed steps"`
	// NonRetryable is added for a step that is not eligible for a retry.
	NonRetryable int `range:"0..1000000" default:"10" use:"@analysis: the impact of bottlenecks"`
	// ExhaustedRetry is added for a step out of attempts.
	ExhaustedRetry int `range:"0..1000000" default:"20" use:"@analysis: the impact of bottlenecks and of failed steps"`
}

// EngineSeverityThresholds are impacts.
type EngineSeverityThresholds struct {
	// Critical is the least impact of critical severity.
	Critical int `range:"0..1000000000" default:"100" use:"@analysis: the severity of bottlenecks"`
	// High is the least impact of high severity. At most critical.
	High int `range:"0..1000000000" default:"50" use:"@analysis: the severity of bottlenecks"`
	// Medium is the least impact of medium severity; below it, it is low. At
	// most high.
	Medium int `range:"0..1000000000" default:"20" use:"@analysis: the severity of bottlenecks"`
}

// EngineDurationEstimates are seconds.
type EngineDurationEstimates struct {
	// BaseStepSeconds is how many seconds a step is thought to take.
	BaseStepSeconds int `range:"0..1000000" default:"30" use:"@analysis: the estimated duration and the score of paths"`
	// ErrorPenaltySeconds are added for a step in error.
	ErrorPenaltySeconds int `range:"0..1000000" default:"60" use:"@analysis: the estimated duration and the score of paths"`
	// RetryPenaltySeconds are added for each attempt.
	RetryPenaltySeconds int `range:"0..1000000" default:"30" use:"@analysis: the estimated duration and the score of paths"`
}
