// Package names finds or writes the named rows that a workflow's tasks refer
// to: namespace, dependent systems, named task, named steps, and which named
// step belongs to which named task.
//
// Each table is written by one statement that commits on its own and takes the
// rows in the order of their unique keys, so that any number of writers can do
// the same at once without waiting for one another in a circle. Nothing is
// ever changed or deleted; a name without tasks is harmless.
package names

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// Cache knows the ids of the names of one database. It is safe for concurrent
// use. It never forgets: after names were deleted a new one is needed.
type Cache struct {
	now   func() time.Time
	mu    sync.RWMutex
	tasks map[workload.NamedTaskKey]int32
	steps map[workload.NamedStepKey]int32
}

// New is an empty cache; new rows are dated by now.
func New(now func() time.Time) *Cache {
	return &Cache{now: now, tasks: map[workload.NamedTaskKey]int32{}, steps: map[workload.NamedStepKey]int32{}}
}

// NamedTaskID is the id of a named task that Ensure has seen, 0 for any other.
func (c *Cache) NamedTaskID(w *workload.Workflow) int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tasks[w.Key()]
}

// NamedStepID is the id of a named step that Ensure has seen, 0 for any other.
func (c *Cache) NamedStepID(s *workload.Step) int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.steps[s.Key()]
}

// DB is what Ensure needs of a connection or a pool; not of a transaction, or
// the order of locks is not as the package promises.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Ensure makes the names of the workflows known, and writes those that the
// database does not have. It refuses a workflow whose rows could not be
// written before it writes anything.
func (c *Cache) Ensure(ctx context.Context, db DB, workflows ...*workload.Workflow) error {
	want := c.missing(workflows)
	if len(want.tasks) == 0 && len(want.steps) == 0 {
		return nil
	}
	for _, w := range workflows {
		if err := w.Check(); err != nil {
			return err
		}
	}
	at := c.now().UTC()
	for _, s := range want.statements(at) {
		if err := run(ctx, db, s.sql, s.args, nil); err != nil {
			return fmt.Errorf("writing the names of workflows: %w", err)
		}
	}
	return c.read(ctx, db, want)
}

// missing collects what the cache does not know.
func (c *Cache) missing(workflows []*workload.Workflow) wanted {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var w wanted
	tasks, steps := map[workload.NamedTaskKey]bool{}, map[workload.NamedStepKey]bool{}
	flows := map[*workload.Workflow]bool{}
	for _, flow := range workflows {
		if flows[flow] {
			continue
		}
		flows[flow] = true
		task := flow.Key()
		_, known := c.tasks[task]
		for i := range flow.Steps {
			key := flow.Steps[i].Key()
			if _, ok := c.steps[key]; !ok {
				known = false
				if !steps[key] {
					steps[key] = true
					w.steps = append(w.steps, key)
				}
			}
		}
		if known {
			continue
		}
		if !tasks[task] {
			tasks[task] = true
			w.tasks = append(w.tasks, task)
			w.descriptions = append(w.descriptions, flow.Description)
		}
		for i := range flow.Steps {
			w.members = append(w.members, member{task: task, step: &flow.Steps[i]})
		}
	}
	return w
}

// read fills the cache with the ids of what was wanted.
func (c *Cache) read(ctx context.Context, db DB, w wanted) error {
	tasks, steps := map[workload.NamedTaskKey]int32{}, map[workload.NamedStepKey]int32{}
	a := w.arrays()
	err := run(ctx, db, `
		SELECT n.name, t.name, t.version, t.named_task_id FROM tasker_named_tasks t
		JOIN tasker_task_namespaces n ON n.task_namespace_id = t.task_namespace_id
		JOIN unnest($1::text[], $2::text[], $3::text[]) w(namespace, name, version)
		  ON n.name = w.namespace AND t.name = w.name AND t.version = w.version`,
		[]any{a.namespace, a.task, a.version}, func(rows pgx.Rows) error {
			var k workload.NamedTaskKey
			var id int32
			err := rows.Scan(&k.Namespace, &k.Name, &k.Version, &id)
			tasks[k] = id
			return err
		})
	if err == nil {
		err = run(ctx, db, `
			SELECT d.name, s.name, s.named_step_id FROM tasker_named_steps s
			JOIN tasker_dependent_systems d ON d.dependent_system_id = s.dependent_system_id
			JOIN unnest($1::text[], $2::text[]) w(system, name) ON d.name = w.system AND s.name = w.name`,
			[]any{a.system, a.step}, func(rows pgx.Rows) error {
				var k workload.NamedStepKey
				var id int32
				err := rows.Scan(&k.System, &k.Name, &id)
				steps[k] = id
				return err
			})
	}
	if err != nil {
		return fmt.Errorf("reading the names of workflows: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, id := range tasks {
		c.tasks[k] = id
	}
	for k, id := range steps {
		c.steps[k] = id
	}
	return nil
}

// run executes a statement and hands over its rows.
func run(ctx context.Context, db DB, sql string, args []any, each func(pgx.Rows) error) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if each != nil {
			if err := each(rows); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}
