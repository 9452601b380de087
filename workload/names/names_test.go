package names_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/names"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Many writers of the same names at once: each name is there once, and all of
// them get the same ids.
func TestEnsureAtOnce(t *testing.T) {
	pool := workloadtest.Database(t)
	shapes := workload.EngineShapes()
	caches := make([]*names.Cache, 8)
	var wg sync.WaitGroup
	for i := range caches {
		caches[i] = names.New(time.Now)
		wg.Go(func() {
			for k := range shapes { // each in another order
				if err := caches[i].Ensure(t.Context(), pool, shapes[(k+i)%len(shapes)], shapes[(k*5+i)%len(shapes)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	tasks, steps := map[int32]bool{}, map[workload.NamedStepKey]int32{}
	members := 0
	for _, w := range shapes {
		tasks[caches[0].NamedTaskID(w)] = true
		members += len(w.Steps)
		for i := range w.Steps {
			steps[w.Steps[i].Key()] = caches[0].NamedStepID(&w.Steps[i])
		}
		for _, c := range caches[1:] {
			if c.NamedTaskID(w) != caches[0].NamedTaskID(w) || c.NamedTaskID(w) == 0 {
				t.Errorf("%s has the ids %d and %d", w.Name, c.NamedTaskID(w), caches[0].NamedTaskID(w))
			}
			for i := range w.Steps {
				if id := c.NamedStepID(&w.Steps[i]); id != steps[w.Steps[i].Key()] || id == 0 {
					t.Errorf("%s has the ids %d and %d", w.Steps[i].Name, id, steps[w.Steps[i].Key()])
				}
			}
		}
	}
	var got [3]int
	err := pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM tasker_named_tasks), (SELECT count(*) FROM tasker_named_steps),
		(SELECT count(*) FROM tasker_named_tasks_named_steps)`).Scan(&got[0], &got[1], &got[2])
	if want := [3]int{len(shapes), len(steps), members}; err != nil || got != want || len(tasks) != len(shapes) {
		t.Errorf("%v, want %v: %v", got, want, err)
	}
}

func TestEnsureWritesDefaults(t *testing.T) {
	pool := workloadtest.Database(t)
	w := workload.New("reporting", "weekly")
	w.Description = "every week"
	w.Version = "2.0.0"
	w.Add("collect")
	w.Add("send", 0)
	w.Steps[1].System, w.Steps[1].Skippable, w.Steps[1].Retryable, w.Steps[1].RetryLimit = "api-system", true, false, tasker.Some[int32](7)
	c := names.New(time.Now)
	for range 2 { // the second time nothing is written
		if err := c.Ensure(t.Context(), pool, w, w); err != nil {
			t.Fatal(err)
		}
		c = names.New(time.Now)
	}
	rows, err := pool.Query(t.Context(), `SELECT concat_ws(' ', n.name, t.name, t.version, t.description, d.name, s.name, m.skippable, m.default_retryable, m.default_retry_limit)
		FROM tasker_named_tasks_named_steps m JOIN tasker_named_tasks t USING (named_task_id) JOIN tasker_task_namespaces n USING (task_namespace_id)
		JOIN tasker_named_steps s USING (named_step_id) JOIN tasker_dependent_systems d USING (dependent_system_id) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"reporting weekly 2.0.0 every week api-system send t f 7", "reporting weekly 2.0.0 every week default_system collect f t 3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnsureRefusesWhole(t *testing.T) {
	pool := workloadtest.Database(t)
	bad := workload.New("default", "bad")
	bad.Add("")
	if err := names.New(time.Now).Ensure(t.Context(), pool, workload.Linear(), bad); err == nil {
		t.Error("a step without a name was written")
	}
	var n int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM tasker_task_namespaces`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d namespaces were written: %v", n, err)
	}
}
