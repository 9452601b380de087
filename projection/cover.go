package projection

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// covered says whether a task has rows: it is not finished, or was not before
// cutoff, or a step of it could run all the same.
func covered(t *readiness.TaskFacts, cutoff tasker.Timestamp) bool {
	return !finished(t.Status) || t.StatusAt >= cutoff || t.Ready > 0 || len(t.ReadyAt) > 0
}

func finished(status string) bool {
	switch status {
	case tasker.Complete, tasker.Cancelled, tasker.ResolvedManually:
		return true
	}
	return false
}

// cutoff is when a task may have been finished at the earliest to have rows.
func (o *Options) cutoff(now time.Time) tasker.Timestamp {
	return tasker.TimestampOf(now.Add(-o.KeepFinished))
}
