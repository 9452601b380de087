package derive

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Backoff are the parameters of waits between attempts and between a task's
// runs, the engine's section backoff. All durations are whole seconds. The
// zero value waits for nothing.
type Backoff struct {
	// DefaultBackoffSeconds[n-1] is the wait after attempt n.
	// Defaults to 1, 2, 4, 8, 16, 32.
	DefaultBackoffSeconds []int64
	// MaxBackoffSeconds bounds every wait before jitter is added, a server's
	// Retry-After included. Defaults to 300.
	MaxBackoffSeconds int64
	// BackoffMultiplier is the exponent for attempts past the list:
	// int(n ** multiplier). Defaults to 2.
	BackoffMultiplier float64
	// JitterEnabled adds randomness to a wait. Defaults to true.
	JitterEnabled bool
	// JitterMaxPercentage is the largest share (0..1) of a wait that is added
	// or taken away. Defaults to 0.1.
	JitterMaxPercentage float64
	// ReenqueueDelays are the delays by execution status; another status has
	// DefaultReenqueueDelay.
	ReenqueueDelays ReenqueueDelays
	// DefaultReenqueueDelay defaults to 30.
	DefaultReenqueueDelay int64
	// BufferSeconds is added to the longest wait of a task's failed steps.
	// Defaults to 5.
	BufferSeconds int64
}

// ReenqueueDelays are seconds until a task is looked at again.
type ReenqueueDelays struct {
	HasReadySteps          int64 // defaults to 0
	WaitingForDependencies int64 // defaults to 45
	Processing             int64 // defaults to 10
}

// DefaultBackoff gives the engine's defaults.
func DefaultBackoff() Backoff {
	return Backoff{
		DefaultBackoffSeconds: []int64{1, 2, 4, 8, 16, 32},
		MaxBackoffSeconds:     300,
		BackoffMultiplier:     2,
		JitterEnabled:         true,
		JitterMaxPercentage:   0.1,
		ReenqueueDelays:       ReenqueueDelays{HasReadySteps: 0, WaitingForDependencies: 45, Processing: 10},
		DefaultReenqueueDelay: 30,
		BufferSeconds:         5,
	}
}

// Base is the wait after attempt n, counted from 1, before jitter: 0 for
// n ≤ 0, from the list while that reaches, then int(n ** multiplier), never
// above the maximum.
func (b *Backoff) Base(n int64) int64 {
	if n <= 0 {
		return 0
	}
	if n <= int64(len(b.DefaultBackoffSeconds)) {
		return min(b.DefaultBackoffSeconds[n-1], b.MaxBackoffSeconds)
	}
	grown := math.Pow(float64(n), b.BackoffMultiplier)
	if grown >= float64(b.MaxBackoffSeconds) { // also where it leaves the range of integers
		return b.MaxBackoffSeconds
	}
	return int64(grown)
}

// Jitter is the largest number of seconds by which jitter moves a wait.
func (b *Backoff) Jitter(wait int64) int64 {
	if !b.JitterEnabled {
		return 0
	}
	return int64(math.Round(float64(wait) * b.JitterMaxPercentage))
}

// Seconds is the wait after attempt n, counted from 1: [Backoff.Base], to
// which jitter adds a whole number in ±[Backoff.Jitter]; with jitter on, the
// result is at least 1, and it may lie above the maximum by the jitter.
//
// random gives a uniform number in [0, n), as rand.Int64N does; nil stands for
// no deviation.
func (b *Backoff) Seconds(n int64, random func(n int64) int64) int64 {
	wait := b.Base(n)
	if n <= 0 || !b.JitterEnabled {
		return wait
	}
	if most := b.Jitter(wait); most > 0 && random != nil {
		wait += random(2*most+1) - most
	}
	return max(wait, 1)
}

// Wait is what [Backoff.Seconds] may come to.
type Wait struct {
	Attempt int64 `json:"attempt"` // after which it is waited, from 1
	Seconds int64 `json:"seconds"` // without jitter
	AtLeast int64 `json:"at_least"`
	AtMost  int64 `json:"at_most"`
}

// After is the wait after attempt n, with the bounds that jitter keeps to.
func (b *Backoff) After(n int64) Wait {
	return Wait{
		Attempt: n, Seconds: b.Base(n),
		AtLeast: b.Seconds(n, func(int64) int64 { return 0 }),
		AtMost:  b.Seconds(n, func(m int64) int64 { return m - 1 }),
	}
}

// RetryAfter reads a Retry-After header, seconds or an HTTP date, as the
// number of seconds to ask for (backoff_request_seconds): never negative,
// never above the maximum. The time until a date is rounded up, so that
// nobody comes back too early.
func (b *Backoff) RetryAfter(header string, now tasker.Timestamp) (int64, error) {
	text := strings.TrimSpace(header)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil { // more digits than fit
			return b.MaxBackoffSeconds, nil
		}
		return min(seconds, b.MaxBackoffSeconds), nil
	}
	// The three forms that RFC 9110 has recipients accept.
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if at, err := time.Parse(layout, text); err == nil {
			return min(secondsUntil(tasker.TimestampOf(at).Add(time.Second-time.Microsecond), now), b.MaxBackoffSeconds), nil
		}
	}
	return 0, fmt.Errorf("%q is not a Retry-After: whole seconds or an HTTP date is expected, such as 120 or Wed, 21 Oct 2026 07:28:00 GMT", header)
}

// ReenqueueDelay is how many seconds later a task should be looked at again.
// When failed steps of it wait for a retry (in error, attempts left,
// next_retry_at ahead), it is the longest of their remaining waits in whole
// seconds plus the buffer, at most the maximum backoff; otherwise it follows
// from the execution status.
func (b *Backoff) ReenqueueDelay(executionStatus string, rows []tasker.StepReadiness, now tasker.Timestamp) int64 {
	longest, waiting := int64(0), false
	for i := range rows {
		if waitsForRetry(&rows[i], now) {
			longest, waiting = max(longest, secondsUntil(rows[i].NextRetryAt, now)), true
		}
	}
	if waiting {
		longest = min(longest, b.MaxBackoffSeconds) // first, so that the sum cannot overflow
		return min(longest+b.BufferSeconds, b.MaxBackoffSeconds)
	}
	switch executionStatus {
	case tasker.HasReadySteps:
		return b.ReenqueueDelays.HasReadySteps
	case tasker.WaitingForDependencies:
		return b.ReenqueueDelays.WaitingForDependencies
	case tasker.Processing:
		return b.ReenqueueDelays.Processing
	}
	return b.DefaultReenqueueDelay
}

func waitsForRetry(row *tasker.StepReadiness, now tasker.Timestamp) bool {
	return row.CurrentState == tasker.Error && row.Attempts.Or(0) < row.RetryLimit &&
		row.NextRetryAt.Valid() && row.NextRetryAt > now
}
