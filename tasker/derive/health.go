package derive

import "github.com/tasker-sidecar/tasker-sidecar/tasker"

// HealthRates are shares (0..1) of all tasks or of all steps; 0 where there
// are none.
type HealthRates struct {
	PendingTasks    float64 `json:"pending_tasks"`
	InProgressTasks float64 `json:"in_progress_tasks"`
	CompleteTasks   float64 `json:"complete_tasks"`
	ErrorTasks      float64 `json:"error_tasks"`
	CancelledTasks  float64 `json:"cancelled_tasks"`

	PendingSteps        float64 `json:"pending_steps"`
	InProgressSteps     float64 `json:"in_progress_steps"`
	CompleteSteps       float64 `json:"complete_steps"`
	ErrorSteps          float64 `json:"error_steps"`
	RetryableErrorSteps float64 `json:"retryable_error_steps"`
	ExhaustedRetrySteps float64 `json:"exhausted_retry_steps"`
	InBackoffSteps      float64 `json:"in_backoff_steps"`
}

// HealthRatesOf divides the counts by their totals.
func HealthRatesOf(c *tasker.SystemHealthCounts) HealthRates {
	return HealthRates{
		PendingTasks:        share(c.PendingTasks, c.TotalTasks),
		InProgressTasks:     share(c.InProgressTasks, c.TotalTasks),
		CompleteTasks:       share(c.CompleteTasks, c.TotalTasks),
		ErrorTasks:          share(c.ErrorTasks, c.TotalTasks),
		CancelledTasks:      share(c.CancelledTasks, c.TotalTasks),
		PendingSteps:        share(c.PendingSteps, c.TotalSteps),
		InProgressSteps:     share(c.InProgressSteps, c.TotalSteps),
		CompleteSteps:       share(c.CompleteSteps, c.TotalSteps),
		ErrorSteps:          share(c.ErrorSteps, c.TotalSteps),
		RetryableErrorSteps: share(c.RetryableErrorSteps, c.TotalSteps),
		ExhaustedRetrySteps: share(c.ExhaustedRetrySteps, c.TotalSteps),
		InBackoffSteps:      share(c.InBackoffSteps, c.TotalSteps),
	}
}

func share(part, total int64) float64 {
	if total <= 0 {
		return 0
	}
	return float64(part) / float64(total)
}

// ConnectionUtilization is active/max connections; 0 where max is 0, NULL
// where either is unknown. It can be above 1: superusers' reserved
// connections count as active, too.
func ConnectionUtilization(c *tasker.SystemHealthCounts) tasker.Null[float64] {
	if !c.ActiveConnections.Valid || !c.MaxConnections.Valid {
		return tasker.Null[float64]{}
	}
	return tasker.Some(share(c.ActiveConnections.V, c.MaxConnections.V))
}

// HealthScore is the system's health from 0 to 1: 1 without tasks, otherwise
//
//	0.5 × complete/total + 0.3 × (1 − error/total) + 0.2 × (1 − min(active/max connections, 1))
//
// and NULL where that needs connection counts which are unknown.
func HealthScore(c *tasker.SystemHealthCounts) tasker.Null[float64] {
	if c.TotalTasks <= 0 {
		return tasker.Some(1.0)
	}
	used := ConnectionUtilization(c)
	if !used.Valid {
		return tasker.Null[float64]{}
	}
	completion := 0.5 * share(c.CompleteTasks, c.TotalTasks)
	errors := 0.3 * (1 - share(c.ErrorTasks, c.TotalTasks))
	connections := 0.2 * (1 - min(used.V, 1))
	return tasker.Some(completion + errors + connections)
}

// HeavyLoad tells whether the database is under heavy load: more than 0.8
// of the connections in use, or more than 0.2 of the tasks in error. NULL where neither can be said for sure.
func HeavyLoad(c *tasker.SystemHealthCounts) tasker.Null[bool] {
	return or(above(ConnectionUtilization(c), 0.8), share(c.ErrorTasks, c.TotalTasks) > 0.2)
}

// Unhealthy tells whether the system is unhealthy: more than 0.9 of the
// connections in use, or more than half of the tasks or of the steps in error. NULL as in [HeavyLoad].
func Unhealthy(c *tasker.SystemHealthCounts) tasker.Null[bool] {
	return or(above(ConnectionUtilization(c), 0.9),
		share(c.ErrorTasks, c.TotalTasks) > 0.5 || share(c.ErrorSteps, c.TotalSteps) > 0.5)
}

func above(v tasker.Null[float64], limit float64) tasker.Null[bool] {
	return tasker.Null[bool]{V: v.V > limit, Valid: v.Valid}
}

func or(a tasker.Null[bool], b bool) tasker.Null[bool] {
	if b {
		return tasker.Some(true)
	}
	return a
}
