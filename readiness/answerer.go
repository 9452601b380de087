package readiness

import (
	"context"
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// NewAnswerer answers from the view that view gives at each call, at the
// instant that now gives. Answers never wait and never fail but for a task
// that does not exist.
func NewAnswerer(view func() *View, now func() tasker.Timestamp) tasker.Answerer {
	return answerer{view, now}
}

type answerer struct {
	view func() *View
	now  func() tasker.Timestamp
}

func (a answerer) StepReadiness(_ context.Context, taskID int64, stepIDs []int64) ([]tasker.StepReadiness, error) {
	return a.view().StepReadiness(taskID, stepIDs, a.now()), nil
}

func (a answerer) StepReadinessBatch(_ context.Context, taskIDs []int64) ([]tasker.StepReadiness, error) {
	return a.view().StepReadinessBatch(taskIDs, a.now()), nil
}

func (a answerer) TaskExecutionContext(_ context.Context, taskID int64) (tasker.TaskExecutionContext, error) {
	c, ok := a.view().TaskExecutionContext(taskID, a.now())
	if !ok {
		return c, fmt.Errorf("task %d: %w", taskID, tasker.ErrNotFound)
	}
	return c, nil
}

func (a answerer) TaskExecutionContexts(_ context.Context, taskIDs []int64) ([]tasker.TaskExecutionContext, error) {
	return a.view().TaskExecutionContexts(taskIDs, a.now()), nil
}

func (a answerer) DependencyLevels(_ context.Context, taskID int64) ([]tasker.DependencyLevel, error) {
	return a.view().DependencyLevels(taskID), nil
}

func (a answerer) SystemHealthCounts(context.Context) (tasker.SystemHealthCounts, error) {
	return a.view().SystemHealthCounts(), nil
}

func (a answerer) AnalyticsMetrics(_ context.Context, since tasker.Timestamp) (tasker.AnalyticsMetrics, error) {
	return a.view().AnalyticsMetrics(since, a.now()), nil
}

func (a answerer) SlowestTasks(_ context.Context, f tasker.SlowestFilter) ([]tasker.SlowestTask, error) {
	return a.view().SlowestTasks(f, a.now()), nil
}

func (a answerer) SlowestSteps(_ context.Context, f tasker.SlowestFilter) ([]tasker.SlowestStep, error) {
	return a.view().SlowestSteps(f, a.now()), nil
}

func (a answerer) StepDAGRelationships(_ context.Context, taskIDs []int64) ([]tasker.StepDAGRelationship, error) {
	return a.view().StepDAGRelationships(taskIDs), nil
}
