package maintenance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// by writes a transition as a person would.
func (l *lab) by(hand writer.Request) {
	l.t.Helper()
	w, err := writer.New(writer.Options{Pool: l.pool})
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := w.Transition(l.t.Context(), hand); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) stepID(n int) int64 {
	l.t.Helper()
	return value[int64](l.t, l.pool, `SELECT workflow_step_id FROM tasker_workflow_steps ORDER BY 1 OFFSET $1 LIMIT 1`, n-1)
}

func (l *lab) taskID() int64 { return value[int64](l.t, l.pool, `SELECT task_id FROM tasker_tasks`) }

// undone are the rows of what the engine leaves undone: what players leave
// hanging for ever, what services make of it, and what becomes of it with workers
// that hear of what is announced.
var undone = []struct {
	name string
	// leave leaves something hanging.
	leave func(l *lab)
	// hangs is what it is then, after is how much time has to pass.
	hangs []string
	after time.Duration
	ends  []string
	acts  map[agenda.Service]int
}{
	{
		"a failed step and a task that waits for its backoff",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(2, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })})
		},
		[]string{"in_progress", "in_progress error", ""}, 2 * time.Minute,
		[]string{"in_progress pending in_progress complete", "in_progress error pending in_progress complete", "in_progress complete"},
		map[agenda.Service]int{agenda.Retrier: 1, agenda.Enqueuer: 1},
	},
	{
		"a worker that died",
		func(l *lab) { l.play(player.Options{Tasks: 1, Mix: chain(2), DeathRate: 1}) },
		[]string{"in_progress", "in_progress", ""}, 2 * time.Hour,
		[]string{"in_progress pending in_progress complete", "in_progress error pending in_progress complete", "in_progress complete"},
		map[agenda.Service]int{agenda.Rescuer: 1, agenda.Retrier: 1, agenda.Enqueuer: 1},
	},
	{
		"a job that was lost before it began",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(1), DeathRate: 1})
			l.exec(`DELETE FROM tasker_workflow_step_transitions`, `DELETE FROM tasker_task_transitions`)
		},
		[]string{"", ""}, 2 * time.Minute,
		[]string{"in_progress complete", "in_progress complete"},
		map[agenda.Service]int{agenda.Enqueuer: 1},
	},
	{
		"a failed step that is not retryable",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(2, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })})
			l.exec(`UPDATE tasker_workflow_steps SET retryable = false`)
		},
		[]string{"in_progress", "in_progress error", ""}, 2 * time.Minute,
		[]string{"in_progress error", "in_progress error", ""},
		map[agenda.Service]int{agenda.Finalizer: 1},
	},
	{
		"a failed step without attempts left, of a worker that died before it said so",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(2, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 9 })})
			l.exec(`UPDATE tasker_workflow_steps SET attempts = 3`)
		},
		[]string{"in_progress", "in_progress error", ""}, 2 * time.Minute,
		[]string{"in_progress error", "in_progress error", ""},
		map[agenda.Service]int{agenda.Finalizer: 1},
	},
	{
		"a cancelled step",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(2, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })})
			l.by(writer.Request{Kind: statemachine.Step, ID: l.stepID(1), To: tasker.Pending})
			l.by(writer.Request{Kind: statemachine.Step, ID: l.stepID(1), To: tasker.Cancelled})
		},
		[]string{"in_progress", "in_progress error pending cancelled", ""}, 2 * time.Minute,
		[]string{"in_progress error", "in_progress error pending cancelled", ""},
		map[agenda.Service]int{agenda.Finalizer: 1},
	},
	{
		"a cancelled task",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(3, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })})
			l.by(writer.Request{Kind: statemachine.Task, ID: l.taskID(), To: tasker.Cancelled})
		},
		[]string{"in_progress cancelled", "in_progress error", "", ""}, 2 * time.Minute,
		[]string{"in_progress cancelled", "in_progress error", "cancelled", "cancelled"},
		map[agenda.Service]int{agenda.Canceller: 2},
	},
	{
		"a worker that died between the last step and the task's end",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(1), DeathRate: 1})
			l.by(writer.Request{Kind: statemachine.Step, ID: l.stepID(1), To: tasker.Complete})
		},
		[]string{"in_progress", "in_progress complete"}, 2 * time.Minute,
		[]string{"in_progress complete", "in_progress complete"},
		map[agenda.Service]int{agenda.Finalizer: 1},
	},
	{
		"a failed task whose last step was resolved by hand",
		func(l *lab) {
			l.play(player.Options{Tasks: 1, Mix: chain(1, func(w *workload.Workflow) {
				w.Steps[0].FailingAttempts, w.Steps[0].RetryLimit = 9, tasker.Some[int32](1)
			})})
			l.by(writer.Request{Kind: statemachine.Step, ID: l.stepID(1), To: tasker.ResolvedManually})
		},
		[]string{"in_progress error", "in_progress error resolved_manually"}, 2 * time.Minute,
		[]string{"in_progress error pending in_progress complete", "in_progress error resolved_manually"},
		map[agenda.Service]int{agenda.Finalizer: 3},
	},
}

// TestLeftUndone: what hangs for ever without us comes to an end with us.
func TestLeftUndone(t *testing.T) {
	for _, c := range undone {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			c.leave(l)
			l.becomes(c.hangs...)
			m := l.lead(acting(agenda.Services()...))
			l.looked(m)
			l.becomes(c.hangs...) // nothing before its time
			l.workers(player.Options{Workers: 1})
			l.age(c.after)
			l.turn(c.after)
			l.passes(c.ends...)
			// An act is counted when its commit has been answered.
			followtest.Eventually(t, fmt.Sprintf("acts %v", c.acts), func() bool {
				for _, s := range m.Status().Services {
					if s.Failed > 0 || int(s.Done) > c.acts[s.Service] { //nolint:gosec // a few
						t.Fatalf("%+v, want %d", s, c.acts[s.Service])
					}
					if int(s.Done) < c.acts[s.Service] { //nolint:gosec // a few
						return false
					}
				}
				return true
			})
			l.checkRecords()
		})
	}
}

// passes lets time pass until the histories are those: a quiet period whenever
// nobody has done anything for a while.
func (l *lab) passes(want ...string) {
	l.t.Helper()
	before, unchanged := "", 0
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		now := fmt.Sprint(l.histories())
		if now == fmt.Sprint(want) {
			return
		}
		if unchanged++; now != before {
			before, unchanged = now, 0
		}
		if unchanged == 15 {
			l.turn(2 * time.Minute)
			unchanged = 0
		}
		<-tick.C
	}
	l.t.Fatalf("histories %q, want %q", l.histories(), want)
}

// checkRecords: each transition that is ours says so, and has its row among the
// acts, and the other way round.
func (l *lab) checkRecords() {
	l.t.Helper()
	const sql = `
		WITH ours AS (
			SELECT id, to_state, metadata FROM tasker_task_transitions UNION ALL SELECT id, to_state, metadata FROM tasker_workflow_step_transitions
		)
		SELECT
			(SELECT count(*) FROM ours WHERE metadata #>> '{tasker_sidecar,by}' LIKE 'tasker-sidecar/maintenance/%'),
			(SELECT count(*) FROM tasker_sidecar.maintenance_acts WHERE transition_id IS NOT NULL),
			(SELECT count(*) FROM tasker_sidecar.maintenance_acts a JOIN ours o ON o.id = a.transition_id AND o.to_state = a.to_state
				AND o.metadata #>> '{tasker_sidecar,by}' = 'tasker-sidecar/maintenance/' || a.service AND o.metadata #>> '{tasker_sidecar,reason}' = a.reason
				AND (o.metadata ->> 'epoch')::bigint = a.epoch)`
	var ours, acts, both int
	if err := l.pool.QueryRow(l.t.Context(), sql).Scan(&ours, &acts, &both); err != nil {
		l.t.Fatal(err)
	}
	if ours != acts || both != acts {
		l.t.Errorf("%d transitions say that they are ours, %d acts made one, %d agree", ours, acts, both)
	}
}
