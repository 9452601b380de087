package projection_test

import (
	"context"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestNotify: whoever listens hears of tasks that gain steps that can run, by a
// commit or by the clock, and of no other.
func TestNotify(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now());
		INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now());
		INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'step', now(), now());
		INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) SELECT i, 1, now(), 'h' || i, now(), now() FROM generate_series(1, 9) i;
		INSERT INTO tasker_workflow_steps (workflow_step_id, task_id, named_step_id, created_at, updated_at) VALUES (1, 1, 1, now(), now())`)
	l := projecttest.Start(t, url, func(_ *replication.Options, p *project.Options) {
		p.Projection.Notify, p.Projection.NotifyMost = "ready tasks", 3
	})
	l.Projects(t)
	listener := followtest.Connect(t, url)
	followtest.Exec(t, listener, `LISTEN "ready tasks"`)
	heard := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
		defer cancel()
		n, err := listener.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n.Payload != want {
			t.Errorf("heard of task %q, want %q", n.Payload, want)
		}
	}
	step := func(values string) {
		t.Helper()
		followtest.Exec(t, conn, `INSERT INTO tasker_workflow_steps (task_id, named_step_id, last_attempted_at, backoff_request_seconds, in_process, created_at, updated_at) VALUES `+values)
	}
	step(`(2, 1, NULL, NULL, false, now(), now())`)
	heard("2")
	step(`(3, 1, NULL, NULL, true, now(), now())`)                   // cannot run
	step(`(4, 1, now() AT TIME ZONE 'UTC', 1, false, now(), now())`) // can in a second
	started := time.Now()
	heard("4")
	if waited := time.Since(started); waited < 500*time.Millisecond {
		t.Errorf("heard of a task whose step waits for a second after %s", waited)
	}
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET in_process = false WHERE task_id = 3`)
	heard("3")
	step(`(5, 1, NULL, NULL, false, now(), now()), (6, 1, NULL, NULL, false, now(), now()), (7, 1, NULL, NULL, false, now(), now()), (8, 1, NULL, NULL, false, now(), now())`)
	heard("") // more than are named
	followtest.Exec(t, conn, `UPDATE tasker_workflow_steps SET in_process = true WHERE task_id = 5`)
	step(`(9, 1, NULL, NULL, false, now(), now())`)
	heard("9")
	mustBeSame(t, l)
}
