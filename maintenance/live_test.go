package maintenance_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// liveVariable says how long the live test goes on.
const liveVariable = "TASKER_SIDECAR_TEST_MAINTENANCE"

func liveTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(liveVariable)
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", liveVariable, err)
	}
	return d
}

// wrongs are what may never be, each a query whose rows tell of a step or task
// that is so. Nothing but workers of the player and services has written.
var wrongs = []struct{ what, sql string }{
	{"a step was executed to its end twice", `
		SELECT workflow_step_id FROM tasker_workflow_step_transitions WHERE to_state = 'complete' GROUP BY 1 HAVING count(*) > 1`},
	{"a step was taken while it was in progress, or after it was done", `
		SELECT workflow_step_id FROM (
			SELECT workflow_step_id, to_state, lag(to_state) OVER (PARTITION BY workflow_step_id ORDER BY sort_key) AS before FROM tasker_workflow_step_transitions) x
		WHERE to_state = 'in_progress' AND before IN ('in_progress', 'complete', 'error', 'resolved_manually', 'cancelled')`},
	{"a step failed because of a race", `
		SELECT workflow_step_id FROM tasker_workflow_steps WHERE results ->> 'error_class' IN ('ActiveRecord::RecordNotUnique', 'Statesman::TransitionFailedError')`},
	{"a step failed without having been taken", `
		SELECT workflow_step_id FROM (
			SELECT workflow_step_id, to_state, lag(to_state) OVER (PARTITION BY workflow_step_id ORDER BY sort_key) AS before FROM tasker_workflow_step_transitions) x
		WHERE to_state = 'error' AND before IS DISTINCT FROM 'in_progress'`},
	{"an attempt was counted that no handler made", `
		SELECT s.workflow_step_id FROM tasker_workflow_steps s
		LEFT JOIN tasker_workflow_step_transitions x ON x.workflow_step_id = s.workflow_step_id
		GROUP BY s.workflow_step_id, s.attempts
		HAVING s.attempts <> count(*) FILTER (WHERE x.to_state = 'in_progress') - count(*) FILTER (WHERE x.to_state = 'in_progress' AND x.most_recent)`},
	{"not one most recent transition, with the highest sort_key", `
		SELECT workflow_step_id FROM tasker_workflow_step_transitions GROUP BY 1 HAVING count(*) FILTER (WHERE most_recent) <> 1 OR max(sort_key) <> max(sort_key) FILTER (WHERE most_recent)
		UNION ALL SELECT task_id FROM tasker_task_transitions GROUP BY 1 HAVING count(*) FILTER (WHERE most_recent) <> 1 OR max(sort_key) <> max(sort_key) FILTER (WHERE most_recent)`},
	{"processed or complete contradicts the state", `
		SELECT s.workflow_step_id FROM tasker_workflow_steps s JOIN tasker_workflow_step_transitions x USING (workflow_step_id) WHERE x.most_recent AND s.processed <> (x.to_state = 'complete')
		UNION ALL SELECT t.task_id FROM tasker_tasks t JOIN tasker_task_transitions x USING (task_id) WHERE x.most_recent AND t.complete <> (x.to_state = 'complete')`},
}

// right fails the test where something is that may never be.
func (l *lab) right() {
	l.t.Helper()
	for _, w := range wrongs {
		rows, err := l.pool.Query(l.t.Context(), w.sql)
		if err != nil {
			l.t.Fatalf("%s: %v", w.what, err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			l.t.Fatalf("%s: %v", w.what, err)
		}
		if len(ids) > 0 {
			l.t.Errorf("%s: %d, such as %d", w.what, len(ids), ids[0])
		}
	}
}

// TestLive: with every service acting and workers that fail, die and spin,
// everything comes to an end, and nothing goes wrong that would not have without
// us. The queue behind the workers takes no second job for a task that has one
// waiting, as the documentation asks of queues.
func TestLive(t *testing.T) {
	l := newLab(t)
	o := acting(agenda.Services()...)
	// Quiet is long beside all that a worker does between two transactions, the
	// threshold beside the longest handler.
	o.Agenda.QuietPeriod = 3 * time.Second
	thresholds := map[string]time.Duration{}
	mix := []workload.Share[workload.Source]{
		{Percent: 40, Of: workload.Always(workload.Chain(4))}, {Percent: 30, Of: workload.Always(workload.Fan(4))}, {Percent: 20, Of: workload.Always(workload.Diamond())},
		{Percent: 10, Of: workload.Always(workload.Fan(60))}, // its coordinator is there when the waits of failed steps end
	}
	for _, w := range []*workload.Workflow{workload.Chain(4), workload.Fan(60), workload.Diamond()} {
		for i := range w.Steps {
			thresholds[w.Steps[i].Name] = 5 * time.Second
		}
	}
	o.Agenda.Thresholds = thresholds
	o.Limits = map[agenda.Service]agenda.Limits{}
	for _, s := range agenda.Services() {
		o.Limits[s] = agenda.Limits{Rate: 500, Budget: 100_000}
	}
	m := l.lead(o)
	m.leading(t)
	end := time.Now().Add(liveTime(t))
	p := l.workers(player.Options{Workers: 4, Tasks: 1 << 30, Rate: 200, Mix: mix, FailureRate: 0.05, DeathRate: 0.01, HandlerTime: 20 * time.Millisecond, Spins: 200, Seed: 5})
	// While the retrier is paused failed steps are called ready, and coordinators
	// spin. It goes on until enough has happened.
	enough := func() bool {
		c := p.Counters()
		return c.Deaths > 0 && c.StepsFailed > 0 && c.Spins > 0 && m.service(agenda.Retrier).Done > 0 && m.service(agenda.Rescuer).Done > 0 && m.service(agenda.Enqueuer).Done > 0
	}
	for time.Now().Before(end) || !enough() && time.Now().Before(end.Add(followtest.Patience)) {
		if err := maintenance.Pause(t.Context(), l.pool, agenda.Retrier, "a test"); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Second)
		if err := maintenance.Resume(t.Context(), l.pool, agenda.Retrier, "a test"); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
	}
	p.Close()
	// What is left comes to an end.
	followtest.Eventually(t, "everything to come to an end", func() bool {
		return value[int](t, l.pool, `SELECT count(*) FROM tasker_tasks t LEFT JOIN tasker_task_transitions x ON x.task_id = t.task_id AND x.most_recent
			WHERE coalesce(x.to_state, 'pending') NOT IN ('complete', 'error', 'cancelled')`) == 0
	})
	l.right()
	l.checkRecords()
	c := p.Counters()
	t.Logf("%+v", c)
	done := map[agenda.Service]uint64{}
	for _, s := range m.Status().Services {
		done[s.Service] = s.Done
		if s.State != maintenance.Running {
			t.Errorf("%+v", s)
		}
	}
	t.Logf("done: %v", done)
	if c.LostRaces > 0 {
		t.Errorf("workers have lost %d races, all of them to us", c.LostRaces)
	}
	if !enough() {
		t.Error("too little has happened for this to show anything")
	}
}

// TestLiveAmongRaces: workers that lose races among themselves, which costs them
// attempts and winners, come to an end too, and no race is lost to us.
func TestLiveAmongRaces(t *testing.T) {
	l := newLab(t)
	o := acting(agenda.Services()...)
	o.Agenda.QuietPeriod = 2 * time.Second
	o.Agenda.Thresholds = map[string]time.Duration{}
	for i := range workload.Fan(6).Steps {
		o.Agenda.Thresholds[workload.Fan(6).Steps[i].Name] = 3 * time.Second
	}
	l.lead(o)
	p := l.workers(player.Options{Workers: 4, Tasks: 40, RaceRate: 1, DeathRate: 0.01, Spins: 3, Seed: 7, HandlerTime: time.Millisecond,
		Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Fan(6))}}})
	followtest.Eventually(t, "everything to come to an end", func() bool {
		return p.Counters().Tasks == 40 && value[int](t, l.pool, `SELECT count(*) FROM tasker_tasks t LEFT JOIN tasker_task_transitions x ON x.task_id = t.task_id AND x.most_recent
			WHERE coalesce(x.to_state, 'pending') NOT IN ('complete', 'error', 'cancelled')`) == 0
	})
	l.checkRecords()
	c := p.Counters()
	t.Logf("%+v", c)
	if c.LostRaces == 0 {
		t.Error("no race was lost: this shows nothing")
	}
	// A race that is lost to us shows as an error right after one of our
	// transitions, without a take between.
	if n := value[int](t, l.pool, `
		SELECT count(*) FROM (
			SELECT to_state, metadata, lag(metadata) OVER (PARTITION BY workflow_step_id ORDER BY sort_key) AS before FROM tasker_workflow_step_transitions) x
		WHERE to_state = 'error' AND before ? 'tasker_sidecar'`); n > 0 {
		t.Errorf("%d steps failed right after something of ours", n)
	}
	if n := value[int](t, l.pool, `SELECT count(*) FROM (SELECT workflow_step_id FROM tasker_workflow_step_transitions WHERE to_state = 'complete' GROUP BY 1 HAVING count(*) > 1) x`); n > 0 {
		t.Errorf("%d steps were completed twice", n)
	}
}
