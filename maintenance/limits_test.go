package maintenance_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// failed leaves so many tasks of one failed step each, whose wait is over.
func (l *lab) failed(n int, change ...func(*workload.Workflow)) {
	l.t.Helper()
	l.play(player.Options{Workers: 4, Tasks: n, Mix: chain(1, append(change, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })...)})
	l.age(2 * time.Minute)
}

func (l *lab) pending() int {
	return value[int](l.t, l.pool, `SELECT count(*) FROM tasker_workflow_step_transitions WHERE most_recent AND to_state = 'pending'`)
}

func (m *leads) service(s agenda.Service) maintenance.Service {
	for _, one := range m.Status().Services {
		if one.Service == s {
			return one
		}
	}
	panic(s)
}

func (m *leads) leading(t testing.TB) {
	t.Helper()
	followtest.Eventually(t, "somebody to lead", func() bool { return m.Status().Leading })
}

// TestBudgetStops: what is more than the budget is not done, by this leader or
// the next, until an operator resumes the service.
func TestBudgetStops(t *testing.T) {
	l := newLab(t)
	l.failed(10)
	o := acting(agenda.Retrier)
	o.Limits = map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 1000, Budget: 4}}
	m := l.lead(o)
	followtest.Eventually(t, "the retrier to stop", func() bool {
		return value[int](t, l.pool, `SELECT count(*) FROM tasker_sidecar.maintenance_services WHERE state = 'stopped' AND service = 'retrier'`) == 1
	})
	if n := l.pending(); n != 4 {
		t.Errorf("%d steps were moved with a budget of 4", n)
	}
	if s := m.service(agenda.Retrier); s.State != maintenance.Stopped || s.Why == "" || s.Due != 6 {
		t.Errorf("%+v", s)
	}
	m.stop()
	l.turn(2 * time.Minute) // the minute is over
	m = l.lead(o)
	l.looked(m)
	followtest.Eventually(t, "the next leader to know", func() bool { return m.service(agenda.Retrier).State == maintenance.Stopped })
	if n := l.pending(); n != 4 {
		t.Errorf("%d steps were moved after the service had stopped", n)
	}
	if err := maintenance.Resume(t.Context(), l.pool, agenda.Retrier, "looked into it"); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "it to go on and stop again", func() bool { return l.pending() == 8 && m.service(agenda.Retrier).State == maintenance.Stopped })
}

// TestBudgetOutlivesItsLeader: a new leader counts what was done in the last
// minute, whoever did it.
func TestBudgetOutlivesItsLeader(t *testing.T) {
	l := newLab(t)
	l.failed(3)
	o := acting(agenda.Retrier)
	o.Limits = map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 1000, Budget: 4}}
	m := l.lead(o)
	followtest.Eventually(t, "three acts", func() bool { return l.pending() == 3 })
	m.stop()
	l.failed(3)
	m = l.lead(o)
	followtest.Eventually(t, "it to stop", func() bool { return m.service(agenda.Retrier).State == maintenance.Stopped })
	if n := l.pending(); n != 4 {
		t.Errorf("%d steps were moved by two leaders with a budget of 4", n)
	}
}

// TestRate: acts come no faster than they may.
func TestRate(t *testing.T) {
	l := newLab(t)
	l.failed(12)
	o := acting(agenda.Retrier)
	o.Limits = map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 5, Budget: 100}}
	l.lead(o)
	followtest.Eventually(t, "twelve acts", func() bool { return l.pending() == 12 })
	// One second's worth, five, may be done at once.
	spread := value[float64](t, l.pool, `SELECT extract(epoch FROM max(acted_at) - min(acted_at))::float8 FROM tasker_sidecar.maintenance_acts`)
	if spread < 1.3 || spread > 30 {
		t.Errorf("twelve acts lie %.3f s apart, at 5 a second", spread)
	}
}

// TestPause: once a pause has returned nothing more is done, whoever leads; and
// services go by themselves.
func TestPause(t *testing.T) {
	l := newLab(t)
	l.failed(200)
	o := acting(agenda.Retrier, agenda.Enqueuer)
	m := l.lead(o)
	followtest.Eventually(t, "some acts", func() bool { return l.pending() > 3 })
	if err := maintenance.Pause(t.Context(), l.pool, agenda.Retrier, "a test"); err != nil {
		t.Fatal(err)
	}
	n := l.pending()
	if n == 200 {
		t.Fatal("all was done before the pause: this shows nothing")
	}
	followtest.Eventually(t, "the leader to say so", func() bool { return m.service(agenda.Retrier).State == maintenance.Paused })
	l.looked(m)
	l.turn(2 * time.Minute) // the enqueuer is not paused
	followtest.Eventually(t, "the enqueuer to go on", func() bool { return m.service(agenda.Enqueuer).Done > 0 })
	m.stop()
	m = l.lead(o)
	l.looked(m)
	followtest.Eventually(t, "the next leader to say so", func() bool { return m.service(agenda.Retrier).State == maintenance.Paused })
	if s := m.service(agenda.Retrier); s.Due != 200-n || !contains(s.Why, "a test") {
		t.Errorf("%+v", s)
	}
	if after := l.pending(); after != n {
		t.Errorf("%d steps were pending when the pause had returned, %d afterwards", n, after)
	}
	if err := maintenance.Resume(t.Context(), l.pool, agenda.Retrier, "a test"); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "it to go on", func() bool { return l.pending() > n })
}

// TestDeposed: a leader whose epoch has passed writes nothing, whatever it
// believes.
func TestDeposed(t *testing.T) {
	l := newLab(t)
	o := acting(agenda.Services()...)
	m := l.lead(o)
	m.leading(t)
	l.looked(m)
	// Something is due the moment the epoch passes.
	l.exec(`UPDATE tasker_sidecar.leader SET epoch = epoch + 1, holder = 'another'`)
	before := value[int64](t, l.pool, `SELECT epoch FROM tasker_sidecar.leader`)
	l.failed(20)
	followtest.Eventually(t, "it to lead anew, in a later epoch", func() bool {
		return value[int64](t, l.pool, `SELECT epoch FROM tasker_sidecar.leader`) > before && l.pending() == 20
	})
	if n := value[int](t, l.pool, `SELECT count(*) FROM tasker_sidecar.maintenance_acts WHERE epoch <= $1`, before); n > 0 {
		t.Errorf("%d acts of an epoch that had passed", n)
	}
	l.checkRecords()
}

// TestDeposedInTheMiddle: an act that has begun when the epoch passes is ordered
// before the new leader, or not done.
func TestDeposedInTheMiddle(t *testing.T) {
	l := newLab(t)
	l.failed(1)
	raised := make(chan error, 1)
	conn, err := pgx.Connect(t.Context(), l.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	// The step's row is held, so that the act waits with the leader's row locked.
	holder := l.conn()
	defer holder.Release()
	hold, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), `SELECT FROM tasker_workflow_steps FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	o := acting(agenda.Retrier)
	o.LockTimeout, o.StatementTimeout = 900*time.Millisecond, 5*time.Second
	l.lead(o)
	followtest.Eventually(t, "the act to wait for the row", func() bool {
		return value[int](t, l.pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	go func() {
		_, err := conn.Exec(context.Background(), `UPDATE tasker_sidecar.leader SET epoch = epoch + 1, holder = 'another'`)
		raised <- err
	}()
	if err := <-raised; err != nil { // the act has given the row up, at the latest after its timeout
		t.Fatal(err)
	}
	before := value[int64](t, l.pool, `SELECT epoch FROM tasker_sidecar.leader`)
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "the act to be done by a later leader", func() bool { return l.pending() == 1 })
	if epoch := value[int64](t, l.pool, `SELECT epoch FROM tasker_sidecar.maintenance_acts`); epoch <= before {
		t.Errorf("the act is of epoch %d, and %d had begun", epoch, before)
	}
}

// TestFilters: tasks are left alone that are excluded, or not included.
func TestFilters(t *testing.T) {
	l := newLab(t)
	named := func(namespace, name, version string) func(*workload.Workflow) {
		return func(w *workload.Workflow) { w.Namespace, w.Name, w.Version = namespace, name, version }
	}
	l.failed(1, named("payments", "charge", "1.0.0"))
	l.failed(1, named("payments", "charge", "2.0.0"))
	l.failed(1, named("payments", "refund", "1.0.0"))
	l.failed(1, named("default", "charge", "1.0.0"))
	o := acting(agenda.Retrier)
	o.Agenda.Include, o.Agenda.Exclude = []string{"pay*/*/*"}, []string{"*/refund/*", "*/*/2.*"}
	m := l.lead(o)
	l.looked(m)
	followtest.Eventually(t, "one act", func() bool { return l.pending() == 1 })
	followtest.Eventually(t, "nothing more to be due", func() bool { s := m.service(agenda.Retrier); return s.Due+s.Later == 0 })
	if n := l.pending(); n != 1 {
		t.Errorf("%d pending", n)
	}
	got := value[string](t, l.pool, `SELECT ns.name || '/' || n.name || '/' || n.version FROM tasker_sidecar.maintenance_acts a JOIN tasker_tasks t USING (task_id)
		JOIN tasker_named_tasks n USING (named_task_id) JOIN tasker_task_namespaces ns USING (task_namespace_id)`)
	if got != "payments/charge/1.0.0" {
		t.Error(got)
	}
}

// TestAnnouncedByStatement: the statement is executed with the transition, or
// neither is done; and once in each state.
func TestAnnouncedByStatement(t *testing.T) {
	l := newLab(t)
	l.exec(`CREATE TABLE jobs (task_id bigint NOT NULL)`)
	undone[0].leave(l)
	l.age(2 * time.Minute)
	o := acting(agenda.Retrier, agenda.Enqueuer)
	o.Channel, o.SQL = "", `INSERT INTO jobs (task_id) SELECT $1::bigint WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.task_id = $1)`
	l.exec(`ALTER TABLE jobs ADD CONSTRAINT no CHECK (task_id < 0)`)
	m := l.lead(o)
	followtest.Eventually(t, "the step to be retried", func() bool { return l.pending() == 1 })
	l.looked(m)
	l.turn(2 * time.Minute)
	followtest.Eventually(t, "the statement to fail", func() bool { return m.service(agenda.Enqueuer).Failed > 1 })
	if s := m.service(agenda.Enqueuer); s.Done != 0 || s.LastError == nil || !contains(s.LastError.Error(), "violates check constraint") {
		t.Errorf("%+v", s)
	}
	l.becomes("in_progress", "in_progress error pending", "")
	l.exec(`ALTER TABLE jobs DROP CONSTRAINT no`)
	l.becomes("in_progress pending", "in_progress error pending", "")
	jobs := func() int { return value[int](t, l.pool, `SELECT count(*) FROM jobs`) }
	if jobs() != 1 {
		t.Errorf("%d jobs", jobs())
	}
	// Nobody comes, and it is not announced again: by this leader or the next.
	l.exec(`DELETE FROM jobs`)
	for range 2 {
		l.looked(m)
		l.turn(time.Hour)
		followtest.Eventually(t, "it to be looked at", func() bool {
			s := m.service(agenda.Enqueuer)
			return s.Overtaken > 0 && s.Due == 0
		})
		if jobs() != 0 {
			t.Errorf("announced again: %d jobs", jobs())
		}
		m.stop()
		m = l.lead(o)
	}
	// But when something has happened, it is.
	l.exec(`UPDATE tasker_workflow_step_transitions SET most_recent = false`,
		`INSERT INTO tasker_workflow_step_transitions (to_state, sort_key, most_recent, workflow_step_id, metadata, created_at, updated_at)
			SELECT v.state, v.key, v.key = 50, min(workflow_step_id), '{}', now(), now() FROM tasker_workflow_steps, (VALUES ('error', 40), ('pending', 50)) v (state, key) GROUP BY 1, 2`)
	l.looked(m)
	l.turn(time.Hour)
	followtest.Eventually(t, "it to be announced again", func() bool { return jobs() == 1 })
}

// TestStatementIsChecked: one that could not work is found at the start, and the
// other services go on.
func TestStatementIsChecked(t *testing.T) {
	for sql, want := range map[string]string{
		`INSERT INTO nowhere VALUES ($1)`: "nowhere", `SELECT 1`: "0 parameters", `SELECT $1::text`: "bigint", `SELECT $1::bigint, $2::text`: "2 parameters", `SELECT $1::bigint; SELECT 1`: "multiple commands",
	} {
		t.Run(want, func(t *testing.T) {
			l := newLab(t)
			l.failed(1)
			o := acting(agenda.Retrier, agenda.Enqueuer)
			o.SQL = sql
			m := l.lead(o)
			followtest.Eventually(t, "the other service to act", func() bool { return l.pending() == 1 })
			if s := m.service(agenda.Enqueuer); s.State != maintenance.Refused || !contains(s.Why, want) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestRights: what a role may not do is said before it is tried.
func TestRights(t *testing.T) {
	l := newLab(t)
	l.failed(1)
	role := fmt.Sprintf("limited_%d", time.Now().UnixNano())
	l.exec(fmt.Sprintf(`CREATE ROLE %s`, role), fmt.Sprintf(`GRANT SELECT ON ALL TABLES IN SCHEMA tasker_sidecar, public TO %s`, role))
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), l.url)
		if err == nil {
			_, err = conn.Exec(context.Background(), fmt.Sprintf(`DROP OWNED BY %[1]s; DROP ROLE %[1]s`, role))
			conn.Close(context.Background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	limited := l.pool.Config()
	limited.ConnConfig.RuntimeParams["role"] = role
	l.pool = l.newPoolOf(limited)
	m := l.lead(acting(agenda.Retrier))
	followtest.Eventually(t, "it to be refused", func() bool { return m.service(agenda.Retrier).State == maintenance.Refused })
	if why := m.service(agenda.Retrier).Why; !contains(why, "UPDATE of tasker_workflow_steps") || !contains(why, "maintenance_acts") {
		t.Error(why)
	}
}

// TestWaitsNoLongerThanItMay: a row that somebody holds is given up, and the rest
// goes on.
func TestWaitsNoLongerThanItMay(t *testing.T) {
	l := newLab(t)
	l.failed(3)
	held := l.stepID(1)
	tx, err := l.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `SELECT FROM tasker_workflow_steps WHERE workflow_step_id = $1 FOR UPDATE`, held); err != nil {
		t.Fatal(err)
	}
	o := acting(agenda.Retrier)
	o.LockTimeout = 20 * time.Millisecond
	m := l.lead(o)
	followtest.Eventually(t, "the others to be done", func() bool { return l.pending() == 2 && m.service(agenda.Retrier).Failed > 0 })
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "it to be done at last", func() bool { return l.pending() == 3 })
}

// TestRetriedAtOnce: the retrier does not poll: it is there when the wait is over.
func TestRetriedAtOnce(t *testing.T) {
	l := newLab(t)
	o := acting(agenda.Retrier)
	o.Limits = map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 1000, Budget: 1000}}
	m := l.lead(o)
	l.looked(m)
	l.play(player.Options{Workers: 4, Tasks: 40, Mix: chain(1, func(w *workload.Workflow) { w.Steps[0].FailingAttempts = 1 })})
	followtest.Eventually(t, "all to be retried", func() bool { return l.pending() == 40 })
	var least, most float64
	err := l.pool.QueryRow(t.Context(), `
		SELECT min(d), max(d) FROM (
			SELECT extract(epoch FROM p.created_at - e.created_at - interval '2 s')::float8 AS d
			FROM tasker_workflow_step_transitions p JOIN tasker_workflow_step_transitions e USING (workflow_step_id)
			WHERE p.to_state = 'pending' AND e.to_state = 'error') x`).Scan(&least, &most)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("retried between %.4f and %.4f s after the end of the wait", least, most)
	if least < 0 {
		t.Errorf("a step was retried %.4f s before its wait was over", -least)
	}
	if most > 5 { // on any machine; the benchmark has the figure
		t.Errorf("a step was retried %.4f s late", most)
	}
}

// TestOver: what ends a lease ends the services.
func TestOver(t *testing.T) {
	l := newLab(t)
	m := l.lead(acting(agenda.Retrier))
	m.leading(t)
	m.stop()
	if s := m.Status(); s.Leading || s.Complete || m.List(agenda.Retrier, 1) != nil {
		t.Errorf("%+v", s)
	}
}

// TestLostRace: a failure that a worker made by losing a race is not retried
// while the winner may still be at work, nor ever where nobody can say how long
// that may take.
func TestLostRace(t *testing.T) {
	l := newLab(t)
	l.failed(3)
	steps := make([]int64, 3)
	for i := range steps {
		steps[i] = value[int64](t, l.pool, fmt.Sprintf(`SELECT workflow_step_id FROM tasker_workflow_steps ORDER BY 1 OFFSET %d LIMIT 1`, i))
	}
	lost := func(step int64, class string) {
		if _, err := l.pool.Exec(t.Context(), `UPDATE tasker_workflow_steps SET results = jsonb_build_object('error_class', $2::text) WHERE workflow_step_id = $1`, step, class); err != nil {
			t.Fatal(err)
		}
	}
	lost(steps[0], "ActiveRecord::RecordNotUnique")
	lost(steps[1], "Statesman::TransitionFailedError")
	moved := func(step int64) bool {
		return value[bool](t, l.pool, fmt.Sprintf(`SELECT to_state = 'pending' FROM tasker_workflow_step_transitions WHERE most_recent AND workflow_step_id = %d`, step))
	}
	o := acting(agenda.Retrier)
	o.Agenda.Thresholds = nil
	m := l.lead(o)
	followtest.Eventually(t, "what failed by itself to be retried", func() bool { return moved(steps[2]) })
	followtest.Eventually(t, "all three to be decided", func() bool { s := m.service(agenda.Retrier); return s.Done == 1 && s.Due == 0 })
	if moved(steps[0]) || moved(steps[1]) {
		t.Error("a lost race was retried, though nobody knows how long the winner takes")
	}
	m.stop()

	// They failed two minutes ago.
	o.Agenda.Thresholds = map[string]time.Duration{"step_1": time.Hour}
	m = l.lead(o)
	l.looked(m)
	followtest.Eventually(t, "both to be held", func() bool { return m.service(agenda.Retrier).Due == 0 })
	if moved(steps[0]) || moved(steps[1]) {
		t.Error("a lost race was retried before its threshold")
	}
	m.stop()
	o.Agenda.Thresholds = map[string]time.Duration{"step_1": time.Minute}
	l.lead(o)
	followtest.Eventually(t, "both to be retried", func() bool { return moved(steps[0]) && moved(steps[1]) })
}
