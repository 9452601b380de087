package e2e_test

import (
	"context"
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// leaveFailed leaves some tasks with a failed step each, whose wait is over.
func leaveFailed(t *testing.T, address string, tasks int) {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w := workload.Chain(1)
	w.Steps[0].FailingAttempts = 1
	p, err := player.New(pool, player.Options{Workers: 1, Tasks: tasks, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(w)}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - interval '1 hour', created_at = created_at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
}

func (o outcome) report(t *testing.T) map[string]api.ServiceReport {
	t.Helper()
	var r api.MaintenanceReport
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("%v: %s", err, o.stdout)
	}
	services := map[string]api.ServiceReport{}
	for _, s := range r.Services {
		services[s.Service] = s
	}
	return services
}

// TestMaintenance: what would be done, over HTTP and alone; a pause that
// outlives its sidecar; and that it is done.
func TestMaintenance(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	leaveFailed(t, address, 3)
	conn := followtest.Connect(t, address)

	alone := command(t, address, "maintenance", "--json")
	if s := alone.report(t)["retrier"]; s.Due != 3 || len(s.Acts) != 3 || s.Acts[0].From != "error" || s.Mode != "observe" {
		t.Errorf("without a sidecar, and before the installation: %+v", s)
	}
	command(t, address, "maintenance").says(t, exitOK, "retrier    observe running 3 due", "step 1 of task 1 (step_1): error → pending")
	command(t, address, "maintenance", "pause", "retrier").says(t, exitFailed, "tasker-sidecar install")
	command(t, address, "install").says(t, exitOK)
	command(t, address, "maintenance", "pause", "nobody").says(t, exitUsage, "retrier, rescuer")
	command(t, address, "maintenance", "pause", "retrier", "--reason", "a test").says(t, exitOK, "the retrier is paused")

	p := projecting(t, address, "maintained", "--maintenance.retrier", "act", "--maintenance.check-interval", "100ms")
	p.ready()
	server := "http://" + p.address
	remote := func(args ...string) outcome { return asked(t, append(args, "--server", server)...) }
	followtest.Eventually(t, "it to lead", func() bool {
		s := remote("maintenance", "--json").report(t)["retrier"]
		return s.Due == 3 && s.State == "paused" && s.Done == 0
	})
	remote("maintenance", "resume", "retrier").says(t, exitOK, "retrier    act     running")
	followtest.Eventually(t, "it to be done", func() bool {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM tasker_sidecar.maintenance_acts WHERE service = 'retrier'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 3
	})
	remote("maintenance", "pause", "finalizer").says(t, exitOK)
	var state string
	if err := conn.QueryRow(t.Context(), `SELECT state FROM tasker_sidecar.maintenance_services WHERE service = 'finalizer'`).Scan(&state); err != nil || state != "paused" {
		t.Errorf("%s %v", state, err)
	}
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	if code := p.wait(10 * time.Second); code != exitOK {
		t.Errorf("exit code %d after %s", code, time.Since(begun))
	}
	gone(t, conn, 5*time.Second, nothing)
}
