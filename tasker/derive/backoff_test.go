package derive_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

func TestBackoffBase(t *testing.T) {
	defaults := derive.DefaultBackoff()
	with := func(edit func(*derive.Backoff)) derive.Backoff {
		b := derive.DefaultBackoff()
		edit(&b)
		return b
	}
	for name, c := range map[string]struct {
		backoff derive.Backoff
		want    map[int64]int64
	}{
		"defaults: the list, then n squared, then the bound": {
			defaults,
			map[int64]int64{
				math.MinInt64: 0, -1: 0, 0: 0, 1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32,
				7: 49, 8: 64, 17: 289, 18: 300, math.MaxInt64: 300,
			},
		},
		"a broken exponent is cut, not rounded": {
			with(func(b *derive.Backoff) { b.BackoffMultiplier = 1.5 }),
			map[int64]int64{7: 18, 8: 22, 9: 27, 10: 31},
		},
		"the list is bounded, too": {
			with(func(b *derive.Backoff) { b.MaxBackoffSeconds = 10 }),
			map[int64]int64{4: 8, 5: 10, 6: 10, 7: 10},
		},
		"no list": {
			with(func(b *derive.Backoff) { b.DefaultBackoffSeconds = nil }),
			map[int64]int64{0: 0, 1: 1, 2: 4, 3: 9},
		},
		"zero value": {derive.Backoff{}, map[int64]int64{0: 0, 1: 0, 9: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for n, want := range c.want {
				if got := c.backoff.Base(n); got != want {
					t.Errorf("attempt %d: got %d, want %d", n, got, want)
				}
			}
		})
	}
}

func TestBackoffJitter(t *testing.T) {
	b := derive.DefaultBackoff()
	for wait, want := range map[int64]int64{0: 0, 1: 0, 4: 0, 5: 1, 14: 1, 15: 2, 16: 2, 300: 30} {
		if got := b.Jitter(wait); got != want {
			t.Errorf("jitter of %d: got %d, want %d", wait, got, want)
		}
	}
	lowest := func(int64) int64 { return 0 }
	highest := func(n int64) int64 { return n - 1 }
	for attempt, want := range map[int64][2]int64{0: {0, 0}, 1: {1, 1}, 4: {7, 9}, 6: {29, 35}, 7: {44, 54}, 100: {270, 330}} {
		if low, high := b.Seconds(attempt, lowest), b.Seconds(attempt, highest); low != want[0] || high != want[1] {
			t.Errorf("attempt %d: got %d..%d, want %d..%d", attempt, low, high, want[0], want[1])
		}
	}
	if got, want := b.After(6), (derive.Wait{Attempt: 6, Seconds: 32, AtLeast: 29, AtMost: 35}); got != want {
		t.Errorf("after the sixth: %+v", got)
	}
	if got := b.Seconds(6, nil); got != 32 {
		t.Errorf("without a random source: %d", got)
	}
	b.DefaultBackoffSeconds = []int64{0}
	if got := b.Seconds(1, highest); got != 1 {
		t.Errorf("with jitter at least 1: %d", got)
	}
	b.JitterMaxPercentage = 1
	b.DefaultBackoffSeconds = []int64{4}
	if got := b.Seconds(1, lowest); got != 1 {
		t.Errorf("with all taken away at least 1: %d", got)
	}
	b.JitterEnabled = false
	b.DefaultBackoffSeconds = []int64{0}
	if got := b.Seconds(1, highest); got != 0 {
		t.Errorf("without jitter as listed: %d", got)
	}
}

func TestBackoffProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := derive.Backoff{
			DefaultBackoffSeconds: rapid.SliceOfN(rapid.Int64Range(0, 100_000), 0, 8).Draw(t, "list"),
			MaxBackoffSeconds:     rapid.Int64Range(1, 100_000).Draw(t, "max"),
			BackoffMultiplier:     rapid.Float64Range(0, 100).Draw(t, "multiplier"),
			JitterEnabled:         rapid.Bool().Draw(t, "jitter"),
			JitterMaxPercentage:   rapid.Float64Range(0, 1).Draw(t, "percentage"),
		}
		n := rapid.Int64().Draw(t, "attempt")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) //nolint:gosec // a test's randomness
		base, got := b.Base(n), b.Seconds(n, random.Int64N)
		if base < 0 || base > b.MaxBackoffSeconds {
			t.Fatalf("base %d beyond %d", base, b.MaxBackoffSeconds)
		}
		most := b.Jitter(base)
		if got < base-most || got > max(base+most, 1) {
			t.Fatalf("%d is not within %d ± %d", got, base, most)
		}
		if b.JitterEnabled && n > 0 && got < 1 {
			t.Fatalf("%d with jitter", got)
		}
		if past := int64(len(b.DefaultBackoffSeconds)) + 1; n >= past && n < math.MaxInt64 && b.Base(n+1) < base {
			t.Fatalf("shorter after one more attempt")
		}
	})
}

func TestRetryAfter(t *testing.T) {
	b := derive.DefaultBackoff()
	at, err := tasker.ParseTimestamp("2026-10-21T07:28:00.25Z")
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]int64{
		"0": 0, "120": 120, " 7 ": 7, "300": 300, "301": 300, "99999999999999999999": 300,
		"Wed, 21 Oct 2026 07:28:00 GMT":     0,
		"Wed, 21 Oct 2026 07:28:01 GMT":     1, // 0.75 s ahead
		"Wed, 21 Oct 2026 07:29:30 GMT":     90,
		"Wed, 21 Oct 2026 09:00:00 GMT":     300,
		"Wednesday, 21-Oct-26 07:28:10 GMT": 10,
		"Wed Oct 21 07:28:10 2026":          10,
		"Thu, 01 Jan 1970 00:00:00 GMT":     0,
	} {
		if got, err := b.RetryAfter(header, at); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", header, got, err, want)
		}
	}
	for _, header := range []string{"", "-1", "1.5", "soon", "12 s", "2026-10-21T07:28:00Z", "Wed, 21 Oct 2026 07:28:00 CET"} {
		if got, err := b.RetryAfter(header, at); err == nil {
			t.Errorf("%q: got %d, an error was expected", header, got)
		}
	}
}

func TestReenqueueDelay(t *testing.T) {
	b := derive.DefaultBackoff()
	failed := func(next tasker.Timestamp, edit func(*tasker.StepReadiness)) tasker.StepReadiness {
		return *row(func(r *tasker.StepReadiness) {
			r.ReadyForExecution, r.CurrentState, r.Attempts, r.NextRetryAt = false, tasker.Error, tasker.Some[int32](1), next
			if edit != nil {
				edit(r)
			}
		})
	}
	for name, c := range map[string]struct {
		status string
		rows   []tasker.StepReadiness
		want   int64
	}{
		"ready":                   {tasker.HasReadySteps, nil, 0},
		"waiting":                 {tasker.WaitingForDependencies, nil, 45},
		"processing":              {tasker.Processing, nil, 10},
		"blocked":                 {tasker.BlockedByFailures, nil, 30},
		"a status never heard of": {"?", nil, 30},
		"the longest wait counts": {
			tasker.WaitingForDependencies,
			[]tasker.StepReadiness{failed(now.AddSeconds(12), nil), failed(now.AddSeconds(28)+999_999, nil), failed(now.AddSeconds(3), nil)}, 33,
		},
		"less than a second still waits": {tasker.Processing, []tasker.StepReadiness{failed(now+1, nil)}, 5},
		"bounded":                        {tasker.Processing, []tasker.StepReadiness{failed(now.AddSeconds(299), nil)}, 300},
		"for ever":                       {tasker.Processing, []tasker.StepReadiness{failed(tasker.Infinity, nil)}, 300},
		"NULL attempts are none": {tasker.Processing, []tasker.StepReadiness{
			failed(now.AddSeconds(9), func(r *tasker.StepReadiness) { r.Attempts = tasker.Null[int32]{} }),
		}, 14},
		"over, out of attempts, not failed, no time: none of these waits": {
			tasker.Processing,
			[]tasker.StepReadiness{
				failed(now, nil),
				failed(now.AddSeconds(9), func(r *tasker.StepReadiness) { r.Attempts = tasker.Some[int32](3) }),
				failed(now.AddSeconds(9), func(r *tasker.StepReadiness) { r.CurrentState = tasker.Pending }),
				failed(tasker.NoTime, nil),
			}, 10,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := b.ReenqueueDelay(c.status, c.rows, now); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
