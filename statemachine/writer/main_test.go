package writer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	. "github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// lab is a database with the engine's tables, and a writer on it.
type lab struct {
	testing.TB
	pool *pgxpool.Pool
	*Writer
}

func newLab(t testing.TB, o Options) *lab {
	t.Helper()
	o.Pool = workloadtest.Database(t)
	return &lab{t, o.Pool, must(t)(New(o))}
}

// must gives the value, or fails the test.
func must(t testing.TB) func(*Writer, error) *Writer {
	return func(w *Writer, err error) *Writer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
}

func (l *lab) exec(sql string, args ...any) {
	l.Helper()
	if _, err := l.pool.Exec(context.Background(), sql, args...); err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
}

// one is the only value that a query gives.
func one[T any](l *lab, sql string, args ...any) (v T) {
	l.Helper()
	if err := l.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		l.Fatalf("%s: %v", sql, err)
	}
	return v
}

// tasks creates tasks with steps, none of which depends on another, as the engine
// leaves them: of the first ones made, task n has the steps (n-1)*steps+1 and
// following.
func (l *lab) tasks(tasks, steps int) {
	l.exec(`INSERT INTO tasker_task_namespaces (task_namespace_id, name, created_at, updated_at) VALUES (1, 'default', now(), now()) ON CONFLICT DO NOTHING`)
	l.exec(`INSERT INTO tasker_dependent_systems (dependent_system_id, name, created_at, updated_at) VALUES (1, 'default', now(), now()) ON CONFLICT DO NOTHING`)
	l.exec(`INSERT INTO tasker_named_tasks (named_task_id, name, task_namespace_id, created_at, updated_at) VALUES (1, 'named', 1, now(), now()) ON CONFLICT DO NOTHING`)
	l.exec(`INSERT INTO tasker_named_steps (named_step_id, dependent_system_id, name, created_at, updated_at) VALUES (1, 1, 'named', now(), now()) ON CONFLICT DO NOTHING`)
	l.exec(`WITH made AS (
			INSERT INTO tasker_tasks (named_task_id, requested_at, identity_hash, created_at, updated_at)
			SELECT 1, '2026-01-01', gen_random_uuid(), '2026-01-01', '2026-01-01' FROM generate_series(1, $1::integer) RETURNING task_id)
		INSERT INTO tasker_workflow_steps (task_id, named_step_id, attempts, inputs, results, created_at, updated_at)
		SELECT task_id, 1, 0, '{}', '{}', '2026-01-01', '2026-01-01' FROM made, generate_series(1, $2::integer) ORDER BY task_id`, tasks, steps)
}

func (l *lab) edge(from, to int64) {
	l.exec(`INSERT INTO tasker_workflow_step_edges (from_step_id, to_step_id, name, created_at, updated_at) VALUES ($1, $2, 'provides', now(), now())`, from, to)
}

// put brings a step into a state, by transitions as the engine writes them.
func (l *lab) put(table, key string, id int64, states ...string) {
	for i, state := range states {
		l.exec(fmt.Sprintf(`INSERT INTO %s (to_state, sort_key, most_recent, %s, created_at, updated_at) VALUES ($1, $2, $3, $4, '2026-01-02', '2026-01-02')`, table, key),
			state, (i+1)*10, i == len(states)-1, id)
	}
}

func (l *lab) putStep(id int64, states ...string) {
	l.put("tasker_workflow_step_transitions", "workflow_step_id", id, states...)
}

func (l *lab) putTask(id int64, states ...string) {
	l.put("tasker_task_transitions", "task_id", id, states...)
}
