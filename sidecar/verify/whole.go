package verify

import (
	"context"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// wholeAttempts is how many snapshots are taken for the questions about all
// tasks, until one of them falls into a moment without changes.
const wholeAttempts = 5

// whole compares the questions about all tasks together. They can be decided
// only when nothing at all changed around the snapshot. Connections are in no
// log and are not compared.
func (v *Verifier) whole(ctx context.Context, report *Report) error {
	for attempt, asked := 0, true; asked && attempt < wholeAttempts && !report.Whole; attempt++ {
		var health tasker.SystemHealthCounts
		var analytics tasker.AnalyticsMetrics
		var hasHealth, hasAnalytics bool
		ask := func(s *session) (err error) {
			health, err = s.SystemHealthCounts(ctx)
			if hasHealth, err = s.noted(qHealth, err); err != nil {
				return err
			}
			analytics, err = s.AnalyticsMetrics(ctx, tasker.NoTime)
			hasAnalytics, err = s.noted(qAnalytics, err)
			return err
		}
		err := v.inSnapshot(ctx, report, ask, func(s *session, view *readiness.View) error {
			if report.Whole = s.settled(view.ChangedAt().Any); !report.Whole {
				return nil
			}
			if hasHealth {
				indexed := view.SystemHealthCounts()
				report.add(v.options.KeepDifferences,
					compareFields(qHealth, key{}, &health, &indexed, []string{"active_connections", "max_connections"}))
			}
			if hasAnalytics {
				indexed := view.AnalyticsMetrics(tasker.NoTime, s.now)
				report.add(v.options.KeepDifferences, compareFields(qAnalytics, key{}, &analytics, &indexed, nil))
			}
			return nil
		})
		if err != nil {
			return err
		}
		asked = hasHealth || hasAnalytics
	}
	return nil
}
