package readiness

import (
	"math/big"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const (
	hour = 3600
	day  = 24 * hour
)

// AnalyticsMetrics answers get_analytics_metrics_v01; since NoTime means one
// hour before now. It reads one record a task.
func (v *View) AnalyticsMetrics(since, now tasker.Timestamp) tasker.AnalyticsMetrics {
	if since == tasker.NoTime {
		since = now.AddSeconds(-hour)
	}
	var (
		m                = tasker.AnalyticsMetrics{AnalysisPeriodStart: since, CalculatedAt: now}
		lastHour         = now.AddSeconds(-hour)
		complete, errors int64
		completedSteps   int64
		inTasks, inSteps sum
	)
	v.tasks.each(func(_ uint64, page *taskPage) bool {
		for i := range page {
			t := &page[i]
			if !t.has(hasRow) {
				continue
			}
			m.ActiveTasksCount += atMostOne(t.active)
			if t.createdAt > lastHour {
				complete += atMostOne(t.complete)
				errors += atMostOne(t.errors)
			}
			if t.createdAt <= since {
				continue
			}
			m.TaskThroughput++
			m.StepThroughput += int64(t.steps.count)
			m.CompletionCount += atMostOne(t.complete)
			m.ErrorCount += atMostOne(t.errors)
			if t.complete > 0 && t.createdAt.Finite() {
				completedSteps += int64(t.complete)
				inTasks = inTasks.plus(t.completedAt).minus(times(int64(t.createdAt), t.complete))
				inSteps = inSteps.plus(t.completedAt).minus(t.totals.createdAt)
			}
		}
		return true
	})
	m.TotalNamespacesCount, m.UniqueTaskTypesCount = v.namesInUse()
	m.SystemHealthScore = tasker.Decimal{Unscaled: 1000, Scale: 3}
	if complete+errors > 0 {
		m.SystemHealthScore = tasker.Quotient(complete, complete+errors, 3)
	}
	m.CompletionRate.Scale, m.ErrorRate.Scale = 2, 2
	if m.TaskThroughput > 0 {
		m.CompletionRate = tasker.Quotient(100*m.CompletionCount, m.TaskThroughput, 2)
		m.ErrorRate = tasker.Quotient(100*m.ErrorCount, m.TaskThroughput, 2)
	}
	m.AvgTaskDuration = inTasks.averageSeconds(completedSteps)
	m.AvgStepDuration = inSteps.averageSeconds(completedSteps)
	return m
}

func atMostOne(n uint32) int64 { return int64(min(n, 1)) }

// namesInUse counts the distinct names of namespaces and of named tasks that
// have a task.
func (v *View) namesInUse() (namespaces, taskTypes int64) {
	ofSpaces, ofTasks := map[string]struct{}{}, map[string]struct{}{}
	v.namedTasks.each(func(_ uint32, m *name) {
		if m.uses == 0 {
			return
		}
		ofTasks[m.name] = struct{}{}
		if ns := v.namespaces.at(m.parent); ns.row {
			ofSpaces[ns.name] = struct{}{}
		}
	})
	return int64(len(ofSpaces)), int64(len(ofTasks))
}

// averageSeconds is the sum of microseconds over n in seconds with 3 places,
// rounded half away from zero as numeric is; 0 where n is.
func (s sum) averageSeconds(n int64) tasker.Decimal {
	d := tasker.Decimal{Scale: 3}
	if n == 0 {
		return d
	}
	total := new(big.Int).Lsh(big.NewInt(s.high), 64)
	total.Add(total, new(big.Int).SetUint64(s.low))
	negative := total.Sign() < 0
	total.Abs(total)
	divisor := new(big.Int).Mul(big.NewInt(n), big.NewInt(1000))
	total.Add(total, new(big.Int).Rsh(divisor, 1)) // the divisor is even
	d.Unscaled = total.Div(total, divisor).Int64()
	if negative {
		d.Unscaled = -d.Unscaled
	}
	return d
}
