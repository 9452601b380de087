package analysis

// Weights are the engine's section dependency_graph. The zero value weighs
// nothing: take [DefaultWeights].
type Weights struct {
	DownstreamWeight int64 // for each step behind one; defaults to 5
	BlockedWeight    int64 // for each of them whose dependencies are not satisfied; defaults to 15
	PathLengthWeight int64 // for each step of a path; defaults to 10
	CompletedPenalty int64 // off for each of its steps that is done; defaults to 15
	BlockedPenalty   int64 // for each whose dependencies are not satisfied; defaults to 25
	ErrorPenalty     int64 // for each in error; defaults to 30
	RetryPenalty     int64 // for each with more than one attempt; defaults to 10

	ErrorState          float64 // factor of a step in error; defaults to 2
	ExhaustedRetryBonus float64 // added to it out of attempts; defaults to 0.5
	DependencyIssue     float64 // factor of a pending step with unmet parents; defaults to 1.2

	RetryInstability int64 // for each attempt; defaults to 3
	NonRetryable     int64 // for a step that is not eligible for a retry; defaults to 10
	ExhaustedRetry   int64 // for a step out of attempts; defaults to 20

	// The least impact of a severity; default to 100, 50, 20.
	Critical, High, Medium int64

	BaseStepSeconds     int64 // how long a step is thought to take; defaults to 30
	ErrorPenaltySeconds int64 // for a step in error; defaults to 60
	RetryPenaltySeconds int64 // for each attempt; defaults to 30
}

// DefaultWeights gives the engine's defaults.
func DefaultWeights() Weights {
	return Weights{
		DownstreamWeight: 5, BlockedWeight: 15, PathLengthWeight: 10,
		CompletedPenalty: 15, BlockedPenalty: 25, ErrorPenalty: 30, RetryPenalty: 10,
		ErrorState: 2, ExhaustedRetryBonus: 0.5, DependencyIssue: 1.2,
		RetryInstability: 3, NonRetryable: 10, ExhaustedRetry: 20,
		Critical: 100, High: 50, Medium: 20,
		BaseStepSeconds: 30, ErrorPenaltySeconds: 60, RetryPenaltySeconds: 30,
	}
}
