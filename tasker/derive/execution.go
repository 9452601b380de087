package derive

import (
	"math"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Execution are the parameters of running steps side by side, the engine's
// section execution. The zero value is of no use: take [DefaultExecution].
type Execution struct {
	// MinConcurrentSteps is the least that is ever recommended; > 0 and at
	// most MaxConcurrentStepsLimit. Defaults to 3.
	MinConcurrentSteps int64
	// MaxConcurrentStepsLimit is the most. Defaults to 12.
	MaxConcurrentStepsLimit int64
	// BatchTimeoutBaseSeconds is what every batch gets. Defaults to 30.
	BatchTimeoutBaseSeconds int64
	// BatchTimeoutPerStepSeconds comes on top for each step. Defaults to 5.
	BatchTimeoutPerStepSeconds int64
	// MaxBatchTimeoutSeconds bounds the sum. Defaults to 120.
	MaxBatchTimeoutSeconds int64
	// PressureFactors are the shares of the free connections that may be used.
	PressureFactors PressureFactors
}

// PressureFactors are shares (0..1) by connection pressure.
type PressureFactors struct {
	Low      float64 // defaults to 0.8
	Moderate float64 // defaults to 0.6
	High     float64 // defaults to 0.4
	Critical float64 // defaults to 0.2
}

// DefaultExecution gives the engine's defaults.
func DefaultExecution() Execution {
	return Execution{
		MinConcurrentSteps:         3,
		MaxConcurrentStepsLimit:    12,
		BatchTimeoutBaseSeconds:    30,
		BatchTimeoutPerStepSeconds: 5,
		MaxBatchTimeoutSeconds:     120,
		PressureFactors:            PressureFactors{Low: 0.8, Moderate: 0.6, High: 0.4, Critical: 0.2},
	}
}

// BatchTimeoutSeconds is the timeout of a batch of n steps (n ≥ 0):
// min(base + n × per step, maximum).
func (e *Execution) BatchTimeoutSeconds(n int64) int64 {
	if e.BatchTimeoutPerStepSeconds > 0 && n > e.MaxBatchTimeoutSeconds/e.BatchTimeoutPerStepSeconds {
		return e.MaxBatchTimeoutSeconds // beyond it without the base, and the product may not fit
	}
	return min(e.BatchTimeoutBaseSeconds+n*e.BatchTimeoutPerStepSeconds, e.MaxBatchTimeoutSeconds)
}

// Pressure grades how much of the connections is in use.
type Pressure string

// The grades: in use below 0.5, 0.7, 0.85 of the maximum, and above.
const (
	PressureLow      Pressure = "low"
	PressureModerate Pressure = "moderate"
	PressureHigh     Pressure = "high"
	PressureCritical Pressure = "critical"
)

// PressureOf grades a utilization, active/max connections.
func PressureOf(utilization float64) Pressure {
	switch {
	case utilization < 0.5:
		return PressureLow
	case utilization < 0.7:
		return PressureModerate
	case utilization < 0.85:
		return PressureHigh
	}
	return PressureCritical
}

// Load is how busy the engine is, 0 to 1: 0.3 × the share of tasks that are
// pending or in progress + 0.7 × the same of steps.
func Load(c *tasker.SystemHealthCounts) float64 {
	tasks := 0.3 * share(c.InProgressTasks+c.PendingTasks, c.TotalTasks)
	steps := 0.7 * share(c.InProgressSteps+c.PendingSteps, c.TotalSteps)
	return tasks + steps
}

// ConcurrencyForLoad is how many steps the load allows to run side by side:
// the limit up to a load of 0.3, min + round(0.6 × (limit − min)) up to 0.6,
// beyond that min + 1, and never more than the limit.
func (e *Execution) ConcurrencyForLoad(load float64) int64 {
	low, high := e.MinConcurrentSteps, e.MaxConcurrentStepsLimit
	switch {
	case load <= 0.3:
		return high
	case load <= 0.6:
		return low + int64(math.Round(0.6*float64(high-low)))
	}
	return min(low+1, high)
}

// ConcurrencyForConnections is how many steps may run side by side with this
// many of the connections active. Of the free ones, the share by pressure is
// taken, within min and limit; moderate pressure bounds it by 0.6 of the free
// ones besides, high pressure takes 0.7 of it within that bound, critical
// pressure 3 within that bound. The result lies between min and limit again.
func (e *Execution) ConcurrencyForConnections(active, maximum int64) int64 {
	pressure := PressureOf(share(active, maximum))
	available := float64(max(maximum-active, 0))
	low, high := e.MinConcurrentSteps, e.MaxConcurrentStepsLimit

	base := max(int64(math.Floor(min(available*e.factor(pressure), float64(high)))), low)
	bound := int64(math.Floor(0.6 * available))
	switch pressure {
	case PressureLow:
	case PressureModerate:
		base = min(base, bound)
	case PressureHigh:
		base = min(int64(math.Floor(float64(base)*0.7)), bound)
	case PressureCritical:
		base = min(3, bound)
	}
	return min(max(base, low), high)
}

func (e *Execution) factor(p Pressure) float64 {
	switch p {
	case PressureLow:
		return e.PressureFactors.Low
	case PressureModerate:
		return e.PressureFactors.Moderate
	case PressureHigh:
		return e.PressureFactors.High
	case PressureCritical:
	}
	return e.PressureFactors.Critical
}

// Concurrency is a recommendation and where it comes from.
type Concurrency struct {
	Load           float64             `json:"load"`
	ForLoad        int64               `json:"for_load"`
	Pressure       tasker.Null[string] `json:"connection_pressure"`
	ForConnections tasker.Null[int64]  `json:"for_connections"`
	// Recommended is the smaller of the two; NULL where the connection counts
	// are unknown.
	Recommended tasker.Null[int64] `json:"recommended"`
}

// ConcurrencyOf recommends how many steps to run side by side.
func (e *Execution) ConcurrencyOf(c *tasker.SystemHealthCounts) Concurrency {
	load := Load(c)
	r := Concurrency{Load: load, ForLoad: e.ConcurrencyForLoad(load)}
	if used := ConnectionUtilization(c); used.Valid {
		r.Pressure = tasker.Some(string(PressureOf(used.V)))
		r.ForConnections = tasker.Some(e.ConcurrencyForConnections(c.ActiveConnections.V, c.MaxConnections.V))
		r.Recommended = tasker.Some(min(r.ForLoad, r.ForConnections.V))
	}
	return r
}
