package maintenance_test

import (
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// adopt brings options into force while it leads.
func (m *leads) adopt(t *testing.T, o maintenance.Options) {
	t.Helper()
	o.CheckInterval, o.MinPause, o.RetryPause = 20*time.Millisecond, time.Millisecond, 50*time.Millisecond
	apply, err := m.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	apply()
}

// TestOptionsChange: a service that leads takes other modes, filters, limits and
// thresholds over as they come, without a new lease and without losing count.
func TestOptionsChange(t *testing.T) {
	l := newLab(t)
	l.failed(1, func(w *workload.Workflow) { w.Namespace = "payments" })
	l.failed(3, func(w *workload.Workflow) { w.Namespace = "reports" })
	o := acting()
	m := l.lead(o)
	l.looked(m)
	if s := m.service(agenda.Retrier); s.Mode != agenda.Off || s.Due != 0 {
		t.Errorf("off: %+v", s)
	}

	o.Agenda.Modes[agenda.Retrier] = agenda.Observe
	m.adopt(t, o)
	followtest.Eventually(t, "four acts to be observed", func() bool { s := m.service(agenda.Retrier); return s.Mode == agenda.Observe && s.Due == 4 })
	if l.pending() != 0 {
		t.Error("it acts, and was told to observe")
	}

	o.Agenda.Modes[agenda.Retrier], o.Agenda.Exclude = agenda.Acts, []string{"reports/*/*"}
	m.adopt(t, o)
	followtest.Eventually(t, "the one act that is not excluded", func() bool { s := m.service(agenda.Retrier); return s.Done == 1 && l.pending() == 1 })

	// What was done counts against the new budget, too.
	o.Agenda.Exclude, o.Limits = nil, map[agenda.Service]agenda.Limits{agenda.Retrier: {Rate: 1000, Budget: 2}}
	m.adopt(t, o)
	followtest.Eventually(t, "the budget to be spent", func() bool { return m.service(agenda.Retrier).State == maintenance.Stopped })
	if n := l.pending(); n != 2 {
		t.Errorf("%d acts with a budget of 2", n)
	}
	o.Agenda.Modes[agenda.Retrier] = agenda.Off
	m.adopt(t, o)
	followtest.Eventually(t, "nothing to be due", func() bool { s := m.service(agenda.Retrier); return s.Mode == agenda.Off && s.Due+s.Later == 0 })
	if s := m.service(agenda.Retrier); s.Done != 2 || !m.Status().Leading {
		t.Errorf("%+v", s)
	}
	// It was stopped, and remains so.
	o.Agenda.Modes[agenda.Retrier], o.Limits = agenda.Acts, nil
	m.adopt(t, o)
	followtest.Eventually(t, "it to be stopped still", func() bool { return m.service(agenda.Retrier).State == maintenance.Stopped })
	if n := l.pending(); n != 2 {
		t.Errorf("%d acts, and it is stopped", n)
	}
}

// TestPrepareRefuses: options that are wrong change nothing.
func TestPrepareRefuses(t *testing.T) {
	m, err := maintenance.New(acting(), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := acting()
	o.Agenda.Include = []string{"payments"}
	o.LockTimeout, o.StatementTimeout = time.Second, time.Millisecond
	if _, err := m.Prepare(o); err == nil || !contains(err.Error(), "NAMESPACE/NAME/VERSION") || !contains(err.Error(), "StatementTimeout") {
		t.Errorf("%v", err)
	}
	if _, err := m.Prepare(acting(agenda.Retrier)); err == nil || !contains(err.Error(), "pool") {
		t.Errorf("it would act without a pool: %v", err)
	}
}
