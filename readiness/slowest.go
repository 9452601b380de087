package readiness

import (
	"cmp"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// SlowestTasks answers get_slowest_tasks_v01 as it was meant to: tasks created
// after the filter's Since (NoTime: 24 hours before now) with a step that is
// complete or in error, longest first, then by id.
func (v *View) SlowestTasks(f tasker.SlowestFilter, now tasker.Timestamp) []tasker.SlowestTask {
	since := sinceOrDay(f.Since, now)
	var rows []tasker.SlowestTask
	v.tasks.each(func(_ uint64, page *taskPage) bool {
		for i := range page {
			t := &page[i]
			if !t.has(hasRow) || t.complete+t.errors == 0 || t.createdAt <= since {
				continue
			}
			name, version, namespace, ok := v.taskNames(t)
			if !ok || !passes(&f, name, version, namespace) {
				continue
			}
			last := tasker.NoTime
			for _, n := range t.steps.all() {
				if s := v.step(n); s.state == stateComplete || s.state == stateError {
					last = max(last, s.stateAt)
				}
			}
			rows = append(rows, tasker.SlowestTask{
				TaskID: t.id, TaskName: name, NamespaceName: namespace, Version: version,
				DurationSeconds: seconds(t.createdAt, last),
				StepCount:       int64(t.steps.count),
				CompletedSteps:  int64(t.complete),
				ErrorSteps:      int64(t.errors),
				CreatedAt:       t.createdAt, CompletedAt: last,
				Initiator: v.text(t.initiator), SourceSystem: v.text(t.source),
			})
		}
		return true
	})
	slices.SortFunc(rows, func(a, b tasker.SlowestTask) int {
		if c := cmp.Compare(b.DurationSeconds.Unscaled, a.DurationSeconds.Unscaled); c != 0 {
			return c
		}
		return cmp.Compare(a.TaskID, b.TaskID)
	})
	return slices.Clip(rows[:min(len(rows), max(0, int(f.Limit)))])
}

// SlowestSteps answers get_slowest_steps_v01 as it was meant to: complete steps
// created after the filter's Since that took any time, longest first, then by id.
func (v *View) SlowestSteps(f tasker.SlowestFilter, now tasker.Timestamp) []tasker.SlowestStep {
	since := sinceOrDay(f.Since, now)
	type took struct {
		step     *step
		duration tasker.Decimal
	}
	var list []took
	v.eachStep(func(_ uint32, s *step) {
		if s.state != stateComplete || !s.has(hasRow) || s.createdAt <= since {
			return
		}
		if d := seconds(s.createdAt, s.stateAt); d.Unscaled > 0 {
			list = append(list, took{s, d})
		}
	})
	slices.SortFunc(list, func(a, b took) int {
		if c := cmp.Compare(b.duration.Unscaled, a.duration.Unscaled); c != 0 {
			return c
		}
		return cmp.Compare(a.step.id, b.step.id)
	})
	var rows []tasker.SlowestStep
	for _, l := range list {
		if len(rows) >= int(f.Limit) {
			break
		}
		s, t := l.step, v.task(l.step.task)
		stepName, named := v.nameOf(s)
		name, version, namespace, ok := v.taskNames(t)
		if !named || !ok || !t.has(hasRow) || !passes(&f, name, version, namespace) {
			continue
		}
		row := tasker.SlowestStep{
			WorkflowStepID: s.id, TaskID: t.id, StepName: stepName,
			TaskName: name, NamespaceName: namespace, Version: version,
			DurationSeconds: l.duration,
			CreatedAt:       s.createdAt, CompletedAt: s.stateAt,
			Retryable: s.has(retryable), StepStatus: v.states[s.state],
		}
		if !s.has(attemptsNull) {
			row.Attempts = tasker.Some(s.attempts)
		}
		rows = append(rows, row)
	}
	return rows
}

func sinceOrDay(since, now tasker.Timestamp) tasker.Timestamp {
	if since == tasker.NoTime {
		return now.AddSeconds(-day)
	}
	return since
}

func passes(f *tasker.SlowestFilter, name, version, namespace string) bool {
	return f.Namespace.Or(namespace) == namespace && f.TaskName.Or(name) == name && f.Version.Or(version) == version
}

// seconds is the time from one instant to another, with 3 places.
func seconds(from, to tasker.Timestamp) tasker.Decimal {
	if !from.Finite() || !to.Finite() {
		return tasker.Decimal{Scale: 3}
	}
	return tasker.Quotient(int64(to-from), 1_000_000, 3)
}
