package derive_test

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

const now = tasker.Timestamp(1_800_000_000_000_000)

// row is a pending step without parents that is ready, changed by edit.
func row(edit func(*tasker.StepReadiness)) *tasker.StepReadiness {
	r := &tasker.StepReadiness{
		WorkflowStepID: 1, TaskID: 1, NamedStepID: 1, Name: "step", CurrentState: tasker.Pending,
		DependenciesSatisfied: true, RetryEligible: true, ReadyForExecution: true,
		LastFailureAt: tasker.NoTime, NextRetryAt: tasker.NoTime, LastAttemptedAt: tasker.NoTime,
		Attempts: tasker.Some[int32](0), RetryLimit: 3,
	}
	edit(r)
	return r
}

func TestDetailedStatus(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*tasker.StepReadiness)
		want string
	}{
		"ready root": {
			func(*tasker.StepReadiness) {},
			`{"ready":true,"current_state":"pending","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":null,"time_until_ready":0,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
		"ready again after its backoff": {
			func(r *tasker.StepReadiness) {
				r.CurrentState, r.Attempts = tasker.Error, tasker.Some[int32](2)
				r.LastFailureAt, r.NextRetryAt = now.AddSeconds(-5), now.AddSeconds(-1)
			},
			`{"ready":true,"current_state":"error","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":null,"time_until_ready":0,"backoff_type":"exponential_backoff","effective_backoff_seconds":4}`,
		},
		"waits for parents, and nothing else is asked": {
			func(r *tasker.StepReadiness) {
				r.ReadyForExecution, r.DependenciesSatisfied, r.RetryEligible = false, false, false
				r.TotalParents, r.CompletedParents, r.CurrentState = 4, 2, "skipped"
			},
			`{"ready":false,"current_state":"skipped","dependencies":"2/4_satisfied","retry":"waiting_for_backoff","blocking_reason":"dependencies_not_satisfied","time_until_ready":null,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
		"out of attempts": {
			func(r *tasker.StepReadiness) {
				r.ReadyForExecution, r.RetryEligible, r.CurrentState = false, false, tasker.Error
				r.Attempts, r.TotalParents, r.CompletedParents = tasker.Some[int32](3), 1, 1
				r.LastFailureAt, r.NextRetryAt = now, now.AddSeconds(8)
			},
			`{"ready":false,"current_state":"error","dependencies":"all_satisfied","retry":"max_retries_reached","blocking_reason":"retry_not_eligible","time_until_ready":8,"backoff_type":"exponential_backoff","effective_backoff_seconds":8}`,
		},
		"a limit of 0 is reached at once": {
			func(r *tasker.StepReadiness) { r.ReadyForExecution, r.RetryEligible, r.RetryLimit = false, false, 0 },
			`{"ready":false,"current_state":"pending","dependencies":"no_dependencies","retry":"max_retries_reached","blocking_reason":"retry_not_eligible","time_until_ready":null,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
		"in progress": {
			func(r *tasker.StepReadiness) { r.ReadyForExecution, r.CurrentState = false, tasker.InProgress },
			`{"ready":false,"current_state":"in_progress","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":"invalid_state","time_until_ready":null,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
		"waits for a backoff that was asked for": {
			func(r *tasker.StepReadiness) {
				r.ReadyForExecution, r.CurrentState, r.Attempts = false, tasker.Error, tasker.Some[int32](1)
				r.BackoffRequestSeconds, r.LastAttemptedAt = tasker.Some[int32](90), now.AddSeconds(-30)
				r.LastFailureAt, r.NextRetryAt = now.AddSeconds(-30), now.AddSeconds(60)-1
			},
			`{"ready":false,"current_state":"error","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":"unknown","time_until_ready":59,"backoff_type":"explicit_backoff","effective_backoff_seconds":90}`,
		},
		"asked for 0 seconds, never attempted": {
			func(r *tasker.StepReadiness) {
				r.BackoffRequestSeconds, r.Attempts = tasker.Some[int32](0), tasker.Some[int32](2)
			},
			`{"ready":true,"current_state":"pending","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":null,"time_until_ready":0,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
		"attempts NULL": {
			func(r *tasker.StepReadiness) {
				r.ReadyForExecution, r.Attempts, r.NextRetryAt = false, tasker.Null[int32]{}, now.AddSeconds(-7)
			},
			`{"ready":false,"current_state":"pending","dependencies":"no_dependencies","retry":"retry_eligible","blocking_reason":"unknown","time_until_ready":0,"backoff_type":"no_backoff","effective_backoff_seconds":0}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(derive.DetailedStatusOf(row(c.edit), now))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestEffectiveBackoffSeconds(t *testing.T) {
	for attempts, want := range map[int32]int64{-1: 0, 0: 0, 1: 2, 2: 4, 3: 8, 4: 16, 5: 30, 6: 30, 31: 30, 64: 30, math.MaxInt32: 30} {
		r := row(func(r *tasker.StepReadiness) { r.Attempts = tasker.Some(attempts) })
		if got := derive.EffectiveBackoffSeconds(r); got != want {
			t.Errorf("after %d attempts: got %d, want %d", attempts, got, want)
		}
	}
}

func TestTimeUntilReadyAtTheEndsOfTime(t *testing.T) {
	for next, want := range map[tasker.Timestamp]int64{
		now: 0, now + 1: 0, now + 999_999: 0, now + 1_000_000: 1,
		tasker.Infinity: math.MaxInt64, tasker.NegativeInfinity: 0,
		tasker.Infinity - 1: (math.MaxInt64 - 1 - int64(now)) / 1_000_000,
	} {
		r := row(func(r *tasker.StepReadiness) { r.ReadyForExecution, r.NextRetryAt = false, next })
		if got := derive.TimeUntilReady(r, now); got != tasker.Some(want) {
			t.Errorf("until %v: got %v, want %d", next, got, want)
		}
	}
	// A clock far before 1970 and a time far after: the difference does not fit 64 bits.
	r := row(func(r *tasker.StepReadiness) { r.ReadyForExecution, r.NextRetryAt = false, tasker.Infinity-1 })
	if got := derive.TimeUntilReady(r, tasker.NegativeInfinity+1); got.V != 18446744073709 {
		t.Errorf("across all of time: got %v", got)
	}
}

// anyRow draws rows as the functions can give them, legal or not.
func anyRow(t *rapid.T) *tasker.StepReadiness {
	times := rapid.SampledFrom([]tasker.Timestamp{tasker.NoTime, tasker.NegativeInfinity, 0, now - 1, now, now + 1, now.AddSeconds(100), tasker.Infinity})
	nullInt := rapid.Custom(func(t *rapid.T) tasker.Null[int32] {
		if rapid.Bool().Draw(t, "null") {
			return tasker.Null[int32]{}
		}
		return tasker.Some(rapid.Int32().Draw(t, "value"))
	})
	return &tasker.StepReadiness{
		CurrentState:          rapid.SampledFrom([]string{tasker.Pending, tasker.InProgress, tasker.Complete, tasker.Error, tasker.Cancelled, tasker.ResolvedManually, "skipped", ""}).Draw(t, "state"),
		DependenciesSatisfied: rapid.Bool().Draw(t, "dependencies"),
		RetryEligible:         rapid.Bool().Draw(t, "eligible"),
		ReadyForExecution:     rapid.Bool().Draw(t, "ready"),
		LastFailureAt:         times.Draw(t, "failed"),
		NextRetryAt:           times.Draw(t, "next"),
		LastAttemptedAt:       times.Draw(t, "attempted"),
		TotalParents:          rapid.Int32Range(0, 5).Draw(t, "parents"),
		CompletedParents:      rapid.Int32Range(0, 5).Draw(t, "completed"),
		Attempts:              nullInt.Draw(t, "attempts"),
		RetryLimit:            rapid.Int32().Draw(t, "limit"),
		BackoffRequestSeconds: nullInt.Draw(t, "asked"),
	}
}

func TestReadinessProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRow(t)
		d := derive.DetailedStatusOf(r, now)
		if d.BlockingReason.Valid == r.ReadyForExecution {
			t.Fatalf("a reason and readiness exclude each other: %+v", d)
		}
		if d.TimeUntilReady.Valid && d.TimeUntilReady.V < 0 {
			t.Fatalf("negative wait: %+v", d)
		}
		if !r.BackoffRequestSeconds.Valid && (d.EffectiveBackoffSeconds < 0 || d.EffectiveBackoffSeconds > tasker.MaxFailureBackoffSeconds) {
			t.Fatalf("backoff out of bounds: %+v", d)
		}
		if derive.SelectReady.Has(r) && (derive.SelectBlockedByDependencies.Has(r) || derive.SelectBlockedByRetry.Has(r)) {
			t.Fatalf("ready and blocked: %+v", r)
		}
		if derive.SelectBlockedByDependencies.Has(r) && derive.SelectBlockedByRetry.Has(r) {
			t.Fatalf("blocked by both: %+v", r)
		}
	})
}

func TestSelections(t *testing.T) {
	rows := []tasker.StepReadiness{
		*row(func(r *tasker.StepReadiness) { r.WorkflowStepID = 1 }),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.DependenciesSatisfied = 2, false, false
		}),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.RetryEligible, r.CurrentState = 3, false, false, tasker.Error
		}),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.CurrentState = 4, false, tasker.InProgress
		}),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.CurrentState = 5, false, tasker.Complete
		}),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.CurrentState = 6, false, tasker.ResolvedManually
		}),
		*row(func(r *tasker.StepReadiness) {
			r.WorkflowStepID, r.ReadyForExecution, r.CurrentState = 7, false, tasker.Cancelled
		}),
	}
	want := map[derive.Selection]string{
		derive.SelectReady: "[1]", derive.SelectBlockedByDependencies: "[2]", derive.SelectBlockedByRetry: "[3]",
		derive.SelectPending: "[1,2]", derive.SelectFailed: "[3]", derive.SelectInProgress: "[4]", derive.SelectComplete: "[5,6]",
		"other": "[]",
	}
	for _, s := range append(derive.Selections(), "other") {
		ids := []int64{}
		for _, r := range s.Of(rows) {
			ids = append(ids, r.WorkflowStepID)
		}
		if got, _ := json.Marshal(ids); string(got) != want[s] { //nolint:errchkjson // integers
			t.Errorf("%s: got %s, want %s", s, got, want[s])
		}
	}
}
