package derive_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

func TestBatchTimeout(t *testing.T) {
	e := derive.DefaultExecution()
	for n, want := range map[int64]int64{0: 30, 1: 35, 17: 115, 18: 120, 19: 120, 24: 120, 25: 120, math.MaxInt64: 120} {
		if got := e.BatchTimeoutSeconds(n); got != want {
			t.Errorf("%d steps: got %d, want %d", n, got, want)
		}
	}
}

func TestConcurrencyForLoad(t *testing.T) {
	e := derive.DefaultExecution()
	for load, want := range map[float64]int64{0: 12, 0.3: 12, 0.31: 8, 0.6: 8, 0.61: 4, 1: 4} { // 3 + round(5.4) = 8
		if got := e.ConcurrencyForLoad(load); got != want {
			t.Errorf("load %v: got %d, want %d", load, got, want)
		}
	}
	e.MinConcurrentSteps, e.MaxConcurrentStepsLimit = 5, 5
	if got := e.ConcurrencyForLoad(1); got != 5 {
		t.Errorf("min = limit: got %d", got)
	}
}

func TestConcurrencyForConnections(t *testing.T) {
	e := derive.DefaultExecution()
	for _, c := range []struct{ active, maximum, want int64 }{
		{0, 100, 12},  // low: min(80, 12)
		{7, 15, 6},    // low: floor(8 × 0.8)
		{49, 100, 12}, // low still
		{5, 10, 3},    // moderate: max(floor(5 × 0.6), 3), at most floor(0.6 × 5)
		{8, 15, 4},    // moderate: floor(7 × 0.6)
		{50, 100, 12}, // moderate: min(30, 12), at most 30
		{70, 100, 8},  // high: min(floor(30 × 0.4), 12) = 12, × 0.7 = 8.4
		{80, 100, 5},  // high: floor(20 × 0.4) = 8, × 0.7 = 5.6
		{84, 100, 4},  // high: floor(16 × 0.4) = 6, × 0.7 = 4.2
		{85, 100, 3},  // critical
		{99, 100, 3},  // critical: min(3, 0) is below the least
		{120, 100, 3}, // more than there are
		{0, 0, 3},     // no maximum: nothing is available
	} {
		if got := e.ConcurrencyForConnections(c.active, c.maximum); got != c.want {
			t.Errorf("%d of %d active: got %d, want %d", c.active, c.maximum, got, c.want)
		}
	}
	for utilization, want := range map[float64]derive.Pressure{
		0: derive.PressureLow, 0.5: derive.PressureModerate, 0.7: derive.PressureHigh, 0.85: derive.PressureCritical, 2: derive.PressureCritical,
	} {
		if got := derive.PressureOf(utilization); got != want {
			t.Errorf("pressure of %v: %s, want %s", utilization, got, want)
		}
	}
}

func TestConcurrency(t *testing.T) {
	e := derive.DefaultExecution()
	c := tasker.SystemHealthCounts{
		TotalTasks: 10, PendingTasks: 2, InProgressTasks: 3, TotalSteps: 100, PendingSteps: 30, InProgressSteps: 20,
		ActiveConnections: tasker.Some[int64](80), MaxConnections: tasker.Some[int64](100),
	}
	got := e.ConcurrencyOf(&c)
	if got.Load != 0.5 || got.ForLoad != 8 || got.Pressure.V != "high" || got.ForConnections.V != 5 || got.Recommended.V != 5 {
		t.Errorf("both known: %+v", got)
	}
	c.ActiveConnections = tasker.Null[int64]{}
	got = e.ConcurrencyOf(&c)
	if got.ForLoad != 8 || got.Pressure.Valid || got.ForConnections.Valid || got.Recommended.Valid {
		t.Errorf("connections unknown: %+v", got)
	}
}

func TestExecutionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 1)
		low := rapid.Int64Range(1, 50).Draw(t, "min")
		e := derive.Execution{
			MinConcurrentSteps:         low,
			MaxConcurrentStepsLimit:    low + rapid.Int64Range(0, 50).Draw(t, "more"),
			BatchTimeoutBaseSeconds:    rapid.Int64Range(1, 100).Draw(t, "base"),
			BatchTimeoutPerStepSeconds: rapid.Int64Range(1, 100).Draw(t, "per step"),
			MaxBatchTimeoutSeconds:     rapid.Int64Range(101, 1000).Draw(t, "max"),
			PressureFactors:            derive.PressureFactors{Low: share.Draw(t, "l"), Moderate: share.Draw(t, "m"), High: share.Draw(t, "h"), Critical: share.Draw(t, "c")},
		}
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "steps")
		if got := e.BatchTimeoutSeconds(n); got < min(e.BatchTimeoutBaseSeconds, e.MaxBatchTimeoutSeconds) || got > e.MaxBatchTimeoutSeconds {
			t.Fatalf("timeout %d of %d steps", got, n)
		}
		within := func(got int64) {
			if got < e.MinConcurrentSteps || got > e.MaxConcurrentStepsLimit {
				t.Fatalf("%d is not within %d..%d", got, e.MinConcurrentSteps, e.MaxConcurrentStepsLimit)
			}
		}
		within(e.ConcurrencyForLoad(rapid.Float64().Draw(t, "load")))
		within(e.ConcurrencyForConnections(rapid.Int64Range(0, 1<<40).Draw(t, "active"), rapid.Int64Range(0, 1<<40).Draw(t, "maximum")))
	})
}

func TestAdaptiveTTL(t *testing.T) {
	c := derive.DefaultCache()
	plain := derive.CacheUse{HitRate: 0.5, Generating: 500 * time.Millisecond, Asked: 50}
	with := func(edit func(*derive.CacheUse)) derive.CacheUse {
		u := plain
		edit(&u)
		return u
	}
	for name, v := range map[string]struct {
		use  derive.CacheUse
		want int64
	}{
		"nothing special":    {plain, 300},
		"hits often":         {with(func(u *derive.CacheUse) { u.HitRate = 0.81 }), 450},
		"at the upper bound": {with(func(u *derive.CacheUse) { u.HitRate = 0.8 }), 300},
		"hits seldom":        {with(func(u *derive.CacheUse) { u.HitRate = 0.29 }), 210},
		"never hit":          {with(func(u *derive.CacheUse) { u.HitRate = 0 }), 300},
		"slow":               {with(func(u *derive.CacheUse) { u.Generating = time.Second + 1 }), 390},
		"a second":           {with(func(u *derive.CacheUse) { u.Generating = time.Second }), 300},
		"fast":               {with(func(u *derive.CacheUse) { u.Generating = 99 * time.Millisecond }), 240},
		"asked often":        {with(func(u *derive.CacheUse) { u.Asked = 101 }), 360},
		"asked seldom":       {with(func(u *derive.CacheUse) { u.Asked = 4 }), 270},
		"all that lengthens": {derive.CacheUse{HitRate: 1, Generating: time.Minute, Asked: 1000}, 702},
		"all that shortens":  {derive.CacheUse{HitRate: 0.1, Generating: 0, Asked: 0}, 151}, // 151.2
	} {
		if got := c.AdaptiveTTL(300, v.use); got != v.want {
			t.Errorf("%s: got %d, want %d", name, got, v.want)
		}
	}
	if got := c.AdaptiveTTL(1, plain); got != 30 {
		t.Errorf("below the least: %d", got)
	}
	if got := c.AdaptiveTTL(math.MaxInt64, plain); got != 3600 {
		t.Errorf("above the most: %d", got)
	}
	c.AdaptiveTTLEnabled = false
	if got := c.AdaptiveTTL(7, plain); got != 7 {
		t.Errorf("without adaption: %d", got)
	}
}
