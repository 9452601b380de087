package follow_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestReadyByTheClock: whoever waits for a change is woken within 50 ms of the
// instant at which a step becomes ready, and not before. The machine may be
// busy, so that the median counts, and each one has a wide bound.
func TestReadyByTheClock(t *testing.T) {
	const steps, apart = 60, 50 * time.Millisecond
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	manyTasks(t, conn, steps, 1)
	// Nothing else moves: neither pings nor probes change a position that is not asked for.
	f := followtest.Start(t, address, func(o *replication.Options) { o.StatusInterval = 5 * time.Second })
	followtest.Exec(t, conn, fmt.Sprintf(`UPDATE tasker_workflow_steps SET attempts = 0, backoff_request_seconds = 1,
		last_attempted_at = (clock_timestamp() AT TIME ZONE 'UTC') + interval '1 second' + workflow_step_id * interval '%d milliseconds'`, apart.Milliseconds()))
	f.Reach(t, conn)
	if n := f.View().ReadyCount(f.Now()); n != 0 {
		t.Fatalf("%d steps are ready before their time", n)
	}
	var late []time.Duration
	seen := map[int64]bool{}
	deadline := time.After(followtest.Patience)
	for len(seen) < steps {
		changed := f.Changed()
		now := f.Now()
		for _, step := range f.View().ReadySteps(now, steps, nil) {
			if seen[step.WorkflowStepID] {
				continue
			}
			seen[step.WorkflowStepID] = true
			row, ok := f.View().Step(step.WorkflowStepID, now)
			if !ok || row.NextRetryAt > now {
				t.Fatalf("step %d is ready at %s, before %s", step.WorkflowStepID, now, row.NextRetryAt)
			}
			late = append(late, now.Sub(row.NextRetryAt))
		}
		if len(seen) == steps {
			break
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d of %d steps have become ready", len(seen), steps)
		}
	}
	slices.Sort(late)
	median, worst := late[len(late)/2], late[len(late)-1]
	t.Logf("late: median %s, 90 %% %s, at the most %s", median, late[len(late)*9/10], worst)
	if median > 50*time.Millisecond {
		t.Errorf("the median is %s late", median)
	}
	if worst > 2*time.Second {
		t.Errorf("one is %s late", worst)
	}
}

// A step that is far away, or at no time at all, wakes nobody and keeps nobody
// from being woken.
func TestInstantsThatNeverCome(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	manyTasks(t, conn, 3, 1)
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET attempts = 0, backoff_request_seconds = 1,
		last_attempted_at = CASE workflow_step_id WHEN 1 THEN 'infinity' WHEN 2 THEN '2290-01-01' ELSE '-infinity' END::timestamp`)
	f := followtest.Start(t, address, nil)
	if list := f.View().ReadySteps(f.Now(), 10, nil); len(list) != 1 || list[0].WorkflowStepID != 3 {
		t.Errorf("%+v", list)
	}
	if next := f.View().NextInstant(f.Now()); next == tasker.NoTime || next.Time().Year() != 2290 {
		t.Errorf("the next instant is %s", next)
	}
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET last_attempted_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE workflow_step_id = 1`)
	followtest.Eventually(t, "the step to be ready", func() bool { return f.View().ReadyCount(f.Now()) == 2 })
}
