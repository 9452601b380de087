package main

import (
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
)

// TestWorkflowTimes: maintenance has the times of each workflow and step.
func TestWorkflowTimes(t *testing.T) {
	payments, refund := config.Selector{Namespace: "payments"}, config.Selector{Namespace: "payments", Name: "refund", Step: "charge"}
	loaded, err := new(config.Builder).
		Set("maintenance.announce_channel", "tasks").Set("maintenance.rescuer", "act").
		Set("maintenance.quiet_period", 2*time.Minute).
		For(payments, "maintenance.quiet_period", 5*time.Minute).
		For(payments, "maintenance.rescuer_thresholds", []string{"charge=30m", "ship=10m"}).
		For(refund, "maintenance.rescuer_thresholds", []string{"charge=1h"}).
		For(refund, "maintenance.rescuer_observe_after", 3*time.Hour).
		For(payments, "engine.backoff.reenqueue_delays.has_ready_steps", 9*time.Second).
		Build()
	if err != nil {
		t.Fatal(err)
	}
	o, err := maintenanceOptions(&loaded.Config, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Agenda.WithDefaults(); err != nil {
		t.Fatal(err)
	}
	const m = time.Minute
	for _, c := range []struct {
		namespace, name, step string
		want                  agenda.Times
	}{
		{"other", "refund", "charge", agenda.Times{QuietPeriod: 2 * m, ObserveAfter: time.Hour}},
		{"payments", "refund", "", agenda.Times{QuietPeriod: 5 * m, ObserveAfter: time.Hour}},
		{"payments", "order", "charge", agenda.Times{QuietPeriod: 5 * m, ObserveAfter: time.Hour, Threshold: 30 * m}},
		{"payments", "order", "ship", agenda.Times{QuietPeriod: 5 * m, ObserveAfter: time.Hour, Threshold: 10 * m}},
		{"payments", "refund", "charge", agenda.Times{QuietPeriod: 5 * m, ObserveAfter: 3 * time.Hour, Threshold: time.Hour}},
	} {
		for range 2 { // the second time it is known
			if got := o.Agenda.Own(c.namespace, c.name, "1", c.step); got != c.want {
				t.Errorf("%s/%s/%s: got %+v, want %+v", c.namespace, c.name, c.step, got, c.want)
			}
		}
	}
	if a, b := o.Agenda.ReadyDelay("payments", "refund", "1"), o.Agenda.ReadyDelay("other", "refund", "1"); a != 9*time.Second || b != 0 {
		t.Errorf("re-enqueued after %s and %s", a, b)
	}
	formulas := formulasOf(&loaded.Config)
	a, b := formulas(api.Scope{Namespace: "payments", Name: "refund", Version: "1"}), formulas(api.Scope{Namespace: "other"})
	if a.Backoff.ReenqueueDelays.HasReadySteps != 9 || b.Backoff.ReenqueueDelays.HasReadySteps != 0 {
		t.Errorf("told are %v and %v seconds", a.Backoff.ReenqueueDelays.HasReadySteps, b.Backoff.ReenqueueDelays.HasReadySteps)
	}
}
