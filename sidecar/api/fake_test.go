package api

import (
	"context"
	"sync"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// settableSource is a source whose view and freshness a test sets.
type settableSource struct {
	mu      sync.Mutex
	view    View
	fresh   Freshness
	changed chan struct{} // closed at each change
	status  Status

	active, maximum int64
	connectionsErr  error
}

func newSource(view View, fresh Freshness) *settableSource {
	return &settableSource{view: view, fresh: fresh, changed: make(chan struct{}), active: 3, maximum: 100}
}

func (s *settableSource) set(view View, fresh Freshness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view, s.fresh = view, fresh
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *settableSource) Current() (View, Freshness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, s.fresh
}

func (s *settableSource) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	for {
		s.mu.Lock()
		reached, changed := s.view != nil && s.fresh.AsOfLSN >= lsn, s.changed
		s.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *settableSource) Status() Status { return s.status }

func (s *settableSource) ConnectionCounts(context.Context) (active, maximum int64, err error) {
	return s.active, s.maximum, s.connectionsErr
}

// oneTask is a view of one task with id 7 and its given rows.
type oneTask struct {
	View // what no test asks of it panics
	rows []tasker.StepReadiness
}

const taskID = 7

func (v *oneTask) HasTask(id int64) bool { return id == taskID }

func (v *oneTask) StepReadiness(id int64, _ []int64, _ tasker.Timestamp) []tasker.StepReadiness {
	if id != taskID {
		return nil
	}
	return v.rows
}

var someTime = tasker.TimestampOf(time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC))

func tenSteps() *oneTask {
	v := &oneTask{}
	for i := range int64(10) {
		row := tasker.StepReadiness{
			WorkflowStepID: 100 + i, TaskID: taskID, NamedStepID: int32(i), Name: "charge_card", CurrentState: tasker.Pending,
			DependenciesSatisfied: true, RetryEligible: true, ReadyForExecution: true, LastFailureAt: tasker.NoTime, NextRetryAt: tasker.NoTime,
			Attempts: tasker.Some[int32](0), RetryLimit: 3, LastAttemptedAt: tasker.NoTime,
		}
		if i%3 == 1 {
			row.LastFailureAt, row.NextRetryAt, row.LastAttemptedAt = someTime, someTime.AddSeconds(4), someTime
		}
		v.rows = append(v.rows, row)
	}
	return v
}
