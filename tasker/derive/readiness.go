package derive

import (
	"math"
	"strconv"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Values of [BlockingReason].
const (
	DependenciesNotSatisfied = "dependencies_not_satisfied"
	RetryNotEligible         = "retry_not_eligible"
	InvalidState             = "invalid_state"
	Unknown                  = "unknown"
)

// Values of [DependencyStatus]; the third is c/t_satisfied.
const (
	NoDependencies = "no_dependencies"
	AllSatisfied   = "all_satisfied"
)

// Values of [RetryStatus].
const (
	MaxRetriesReached = "max_retries_reached"
	RetryEligible     = "retry_eligible"
	WaitingForBackoff = "waiting_for_backoff"
)

// Values of [BackoffType].
const (
	ExplicitBackoff    = "explicit_backoff"
	ExponentialBackoff = "exponential_backoff"
	NoBackoff          = "no_backoff"
)

// DetailedStatus is the summary of a readiness row that the engine calls
// detailed_status.
type DetailedStatus struct {
	Ready                   bool                `json:"ready"`
	CurrentState            string              `json:"current_state"`
	Dependencies            string              `json:"dependencies"`
	Retry                   string              `json:"retry"`
	BlockingReason          tasker.Null[string] `json:"blocking_reason"`
	TimeUntilReady          tasker.Null[int64]  `json:"time_until_ready"` // seconds
	BackoffType             string              `json:"backoff_type"`
	EffectiveBackoffSeconds int64               `json:"effective_backoff_seconds"`
}

// DetailedStatusOf derives all of a row at once.
func DetailedStatusOf(row *tasker.StepReadiness, now tasker.Timestamp) DetailedStatus {
	return DetailedStatus{
		Ready:                   row.ReadyForExecution,
		CurrentState:            row.CurrentState,
		Dependencies:            DependencyStatus(row),
		Retry:                   RetryStatus(row),
		BlockingReason:          BlockingReason(row),
		TimeUntilReady:          TimeUntilReady(row, now),
		BackoffType:             BackoffType(row),
		EffectiveBackoffSeconds: EffectiveBackoffSeconds(row),
	}
}

// BlockingReason is NULL for a ready row, otherwise the first reason that
// holds. Under the rules v02 a step that only waits for its backoff, is in
// process or processed is [Unknown] by this name; a [tasker.StepReasons] tells
// the truth.
func BlockingReason(row *tasker.StepReadiness) tasker.Null[string] {
	switch {
	case row.ReadyForExecution:
		return tasker.Null[string]{}
	case !row.DependenciesSatisfied:
		return tasker.Some(DependenciesNotSatisfied)
	case !row.RetryEligible:
		return tasker.Some(RetryNotEligible)
	case row.CurrentState != tasker.Pending && row.CurrentState != tasker.Error:
		return tasker.Some(InvalidState)
	}
	return tasker.Some(Unknown)
}

// TimeUntilReady is 0 for a ready row, NULL for one without next_retry_at,
// otherwise the whole seconds until then, cut, never negative. A row whose
// next_retry_at is infinity has [math.MaxInt64] seconds to wait.
func TimeUntilReady(row *tasker.StepReadiness, now tasker.Timestamp) tasker.Null[int64] {
	switch {
	case row.ReadyForExecution:
		return tasker.Some[int64](0)
	case !row.NextRetryAt.Valid():
		return tasker.Null[int64]{}
	}
	return tasker.Some(secondsUntil(row.NextRetryAt, now))
}

// secondsUntil is max(0, whole seconds from now to at); at is not NULL.
func secondsUntil(at, now tasker.Timestamp) int64 {
	if at <= now {
		return 0
	}
	if at == tasker.Infinity {
		return math.MaxInt64
	}
	// In unsigned arithmetic the difference of two int64 cannot overflow.
	return int64((uint64(at) - uint64(now)) / 1_000_000) //nolint:gosec // at > now, and the quotient is below 2^63
}

// DependencyStatus is no_dependencies, all_satisfied or c/t_satisfied.
func DependencyStatus(row *tasker.StepReadiness) string {
	switch {
	case row.TotalParents == 0:
		return NoDependencies
	case row.DependenciesSatisfied:
		return AllSatisfied
	}
	return strconv.Itoa(int(row.CompletedParents)) + "/" + strconv.Itoa(int(row.TotalParents)) + "_satisfied"
}

// RetryStatus is max_retries_reached when attempts (NULL read as 0) have
// reached the limit, else retry_eligible when the row says so, else
// waiting_for_backoff.
func RetryStatus(row *tasker.StepReadiness) string {
	switch {
	case row.Attempts.Or(0) >= row.RetryLimit:
		return MaxRetriesReached
	case row.RetryEligible:
		return RetryEligible
	}
	return WaitingForBackoff
}

// BackoffType says which wait applies to the row: one that was asked for, the
// one after a failure, or none. It says nothing of whether the wait is over.
func BackoffType(row *tasker.StepReadiness) string {
	switch {
	case row.BackoffRequestSeconds.Valid && row.LastAttemptedAt.Valid():
		return ExplicitBackoff
	case row.LastFailureAt.Valid():
		return ExponentialBackoff
	}
	return NoBackoff
}

// EffectiveBackoffSeconds is backoff_request_seconds when present, otherwise
// min(2^attempts, 30) after an attempt, otherwise 0.
func EffectiveBackoffSeconds(row *tasker.StepReadiness) int64 {
	if row.BackoffRequestSeconds.Valid {
		return int64(row.BackoffRequestSeconds.V)
	}
	attempts := row.Attempts.Or(0)
	switch {
	case attempts <= 0:
		return 0
	case attempts >= 5: // 2^5 is beyond the bound already
		return tasker.MaxFailureBackoffSeconds
	}
	return min(int64(1)<<attempts, tasker.MaxFailureBackoffSeconds)
}
