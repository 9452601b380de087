package derive_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

type (
	nullFloat = tasker.Null[float64]
	nullBool  = tasker.Null[bool]
)

func TestHealth(t *testing.T) {
	connections := func(active, maximum int64) (tasker.Null[int64], tasker.Null[int64]) {
		return tasker.Some(active), tasker.Some(maximum)
	}
	for name, c := range map[string]struct {
		edit  func(*tasker.SystemHealthCounts)
		score nullFloat
		heavy nullBool
		ill   nullBool
	}{
		"nothing at all, connections unknown": {
			func(c *tasker.SystemHealthCounts) { *c = tasker.SystemHealthCounts{} },
			tasker.Some(1.0), nullBool{}, nullBool{},
		},
		"half complete, a tenth in error, a quarter of the connections": {
			func(*tasker.SystemHealthCounts) {},
			tasker.Some(0.25 + 0.27 + 0.15), tasker.Some(false), tasker.Some(false),
		},
		"connections unknown": {
			func(c *tasker.SystemHealthCounts) { c.ActiveConnections = tasker.Null[int64]{} },
			nullFloat{}, nullBool{}, nullBool{},
		},
		"connections unknown, but errors decide": {
			func(c *tasker.SystemHealthCounts) {
				c.MaxConnections, c.ErrorTasks = tasker.Null[int64]{}, 51
			},
			nullFloat{}, tasker.Some(true), tasker.Some(true),
		},
		"exactly at the bounds is not above them": {
			func(c *tasker.SystemHealthCounts) {
				c.ActiveConnections, c.MaxConnections = connections(80, 100)
				c.ErrorTasks, c.ErrorSteps = 20, 500
			},
			tasker.Some(0.25 + 0.24 + 0.04), tasker.Some(false), tasker.Some(false),
		},
		"connections above": {
			func(c *tasker.SystemHealthCounts) { c.ActiveConnections, c.MaxConnections = connections(91, 100) },
			tasker.Some(0.25 + 0.27 + 0.018), tasker.Some(true), tasker.Some(true),
		},
		"more connections than the maximum count as all": {
			func(c *tasker.SystemHealthCounts) { c.ActiveConnections, c.MaxConnections = connections(110, 100) },
			tasker.Some(0.25 + 0.27), tasker.Some(true), tasker.Some(true),
		},
		"no maximum": {
			func(c *tasker.SystemHealthCounts) { c.ActiveConnections, c.MaxConnections = connections(5, 0) },
			tasker.Some(0.25 + 0.27 + 0.2), tasker.Some(false), tasker.Some(false),
		},
		"error steps alone": {
			func(c *tasker.SystemHealthCounts) { c.ErrorSteps = 501 },
			tasker.Some(0.25 + 0.27 + 0.15), tasker.Some(false), tasker.Some(true),
		},
	} {
		t.Run(name, func(t *testing.T) {
			counts := tasker.SystemHealthCounts{TotalTasks: 100, CompleteTasks: 50, ErrorTasks: 10, TotalSteps: 1000}
			counts.ActiveConnections, counts.MaxConnections = connections(25, 100)
			c.edit(&counts)
			score := derive.HealthScore(&counts)
			if score.Valid != c.score.Valid || math.Abs(score.V-c.score.V) > 1e-12 {
				t.Errorf("score: got %v, want %v", score, c.score)
			}
			if got := derive.HeavyLoad(&counts); got.Valid != c.heavy.Valid || got.Valid && got.V != c.heavy.V {
				t.Errorf("heavy load: got %v, want %v", got, c.heavy)
			}
			if got := derive.Unhealthy(&counts); got.Valid != c.ill.Valid || got.Valid && got.V != c.ill.V {
				t.Errorf("unhealthy: got %v, want %v", got, c.ill)
			}
		})
	}
}

func TestHealthRates(t *testing.T) {
	got := derive.HealthRatesOf(&tasker.SystemHealthCounts{
		TotalTasks: 8, PendingTasks: 4, InProgressTasks: 1, CompleteTasks: 2, ErrorTasks: 1, CancelledTasks: 0,
		TotalSteps: 10, PendingSteps: 1, InProgressSteps: 2, CompleteSteps: 3, ErrorSteps: 4,
		RetryableErrorSteps: 3, ExhaustedRetrySteps: 1, InBackoffSteps: 2,
	})
	want := derive.HealthRates{
		PendingTasks: 0.5, InProgressTasks: 0.125, CompleteTasks: 0.25, ErrorTasks: 0.125,
		PendingSteps: 0.1, InProgressSteps: 0.2, CompleteSteps: 0.3, ErrorSteps: 0.4,
		RetryableErrorSteps: 0.3, ExhaustedRetrySteps: 0.1, InBackoffSteps: 0.2,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := derive.HealthRatesOf(&tasker.SystemHealthCounts{}); got != (derive.HealthRates{}) {
		t.Errorf("without tasks and steps: %+v", got)
	}
}

// anyCounts draws counts that rows can give: the parts sum up to the totals at most.
func anyCounts(t *rapid.T) *tasker.SystemHealthCounts {
	n := rapid.Int64Range(0, 1_000_000)
	c := &tasker.SystemHealthCounts{
		PendingTasks: n.Draw(t, "pending"), InProgressTasks: n.Draw(t, "in progress"), CompleteTasks: n.Draw(t, "complete"),
		ErrorTasks: n.Draw(t, "error"), CancelledTasks: n.Draw(t, "cancelled"),
		PendingSteps: n.Draw(t, "pending steps"), InProgressSteps: n.Draw(t, "in progress steps"),
		CompleteSteps: n.Draw(t, "complete steps"), ErrorSteps: n.Draw(t, "error steps"),
		ActiveConnections: tasker.Some(rapid.Int64Range(0, 200).Draw(t, "active")),
		MaxConnections:    tasker.Some(rapid.Int64Range(0, 200).Draw(t, "max")),
	}
	c.TotalTasks = c.PendingTasks + c.InProgressTasks + c.CompleteTasks + c.ErrorTasks + c.CancelledTasks
	c.TotalSteps = c.PendingSteps + c.InProgressSteps + c.CompleteSteps + c.ErrorSteps + n.Draw(t, "other steps")
	return c
}

func TestHealthProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCounts(t)
		score := derive.HealthScore(c)
		if !score.Valid || score.V < -1e-12 || score.V > 1+1e-12 {
			t.Fatalf("score %v of %+v", score, c)
		}
		if load := derive.Load(c); load < 0 || load > 1+1e-12 {
			t.Fatalf("load %v of %+v", load, c)
		}
		if c.CompleteTasks > 0 { // one more failure never makes the system healthier
			worse := *c
			worse.CompleteTasks--
			worse.ErrorTasks++
			if derive.HealthScore(&worse).V > score.V {
				t.Fatalf("healthier with one more failure: %+v", c)
			}
		}
		e := derive.DefaultExecution()
		r := e.ConcurrencyOf(c)
		for _, n := range []int64{r.ForLoad, r.ForConnections.V, r.Recommended.V} {
			if n < e.MinConcurrentSteps || n > e.MaxConcurrentStepsLimit {
				t.Fatalf("recommendation out of bounds: %+v", r)
			}
		}
	})
}
