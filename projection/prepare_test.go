package projection_test

import (
	"context"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/leader"
	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestOptionsChange: a session that writes takes other options over between two
// flushes, and goes on with the same lease and the same rows.
func TestOptionsChange(t *testing.T) {
	url := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, url)
	followtest.Exec(t, conn, `
		INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now());
		INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now());
		INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, version, created_at, updated_at) VALUES (1, 'order', 1, '1.0.0', now(), now());
		INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'step', now(), now());
		INSERT INTO tasker_tasks (task_id, named_task_id, requested_at, identity_hash, created_at, updated_at) SELECT i, 1, now(), 'h' || i, now(), now() FROM generate_series(1, 3) i;
		INSERT INTO tasker_task_transitions (id, to_state, metadata, sort_key, most_recent, task_id, created_at, updated_at)
			VALUES (1, 'complete', '{}', 10, true, 3, now() - interval '1 hour', now() - interval '1 hour')`)
	l := projecttest.Start(t, url, nil)
	l.Written(t)
	rows := func() (n int) {
		if err := l.Conn.QueryRow(t.Context(), `SELECT count(*) FROM tasker_sidecar.task_rows`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := rows(); n != 3 {
		t.Fatalf("%d tasks have rows", n)
	}
	listener := followtest.Connect(t, url)
	followtest.Exec(t, listener, `LISTEN "changed"`)
	epoch := l.Leader().Term.Epoch

	adopt := func(o projection.Options) {
		t.Helper()
		o.DatabaseURL = url
		apply, err := l.Prepare(project.Options{Projection: o, Leader: leader.Options{LeaseTimeout: 2 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		apply()
	}
	adopt(projection.Options{Heartbeat: 100 * time.Millisecond, KeepFinished: time.Minute, SweepInterval: 20 * time.Millisecond, Notify: "changed"})
	followtest.Eventually(t, "the rows of the finished task to go", func() bool { return rows() == 2 })
	followtest.Exec(t, conn, `INSERT INTO tasker_workflow_steps (task_id, named_step_id, created_at, updated_at) VALUES (2, 1, now(), now())`)
	ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
	defer cancel()
	if n, err := listener.WaitForNotification(ctx); err != nil || n.Payload != "2" {
		t.Fatalf("%+v, %v", n, err)
	}

	// What is gone does not come back because it might stay now; what changes is
	// whole all the same.
	adopt(projection.Options{Heartbeat: 100 * time.Millisecond, KeepFinished: projecttest.Forever, SweepInterval: 20 * time.Millisecond})
	followtest.Exec(t, conn, `INSERT INTO tasker_workflow_steps (task_id, named_step_id, created_at, updated_at) VALUES (1, 1, now(), now())`)
	l.Written(t)
	if n := rows(); n != 2 {
		t.Errorf("%d tasks have rows", n)
	}
	if s := l.Status(); l.Leader().Term.Epoch != epoch || s.Reconciled != 1 {
		t.Errorf("it has begun anew: %+v", s)
	}
}

// TestPrepareRefuses: options that are wrong change nothing, and all of it is
// said.
func TestPrepareRefuses(t *testing.T) {
	p, err := projection.New(projection.Options{DatabaseURL: "postgres://h/d"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if apply, err := p.Prepare(projection.Options{DatabaseURL: "postgres://h/d", MinPause: time.Second, KeepFinished: -1}); err == nil || apply != nil {
		t.Error("it took over what is wrong")
	}
}
