package engine_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden/goldentest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// open is a pool for a fresh database with the testbed and the golden data in
// the given schema.
func open(t *testing.T, options testbed.Options) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	err = pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		if err := testbed.Install(t.Context(), c.Conn(), options); err != nil {
			return err
		}
		if options.Schema != "" {
			defer func() { _, _ = c.Exec(context.Background(), "RESET search_path") }()
			if _, err := c.Exec(t.Context(), "SET search_path TO "+pgx.Identifier{options.Schema}.Sanitize()); err != nil {
				return err
			}
		}
		return golden.Load(t.Context(), c.Conn())
	})
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func TestGolden(t *testing.T) {
	for _, rules := range []tasker.Rules{tasker.RulesV01, tasker.RulesV02} {
		for _, schema := range []string{"", "Rails App"} {
			t.Run(fmt.Sprintf("%s in schema %q", rules, schema), func(t *testing.T) {
				pool := open(t, testbed.Options{Rules: rules, Schema: schema})
				db := engine.New(pool, engine.Options{Schema: schema})
				t.Run("one by one", func(t *testing.T) { goldentest.Check(t, rules, db) })
				t.Run("in one snapshot", func(t *testing.T) {
					err := db.In(t.Context(), func(s *engine.Snapshot) error {
						goldentest.Check(t, rules, s)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// The two slowest functions are asked in a database where somebody has mended
// them.
func TestGoldenSlowestWhereTheyWork(t *testing.T) {
	pool := open(t, testbed.Options{})
	for name, result := range map[string]string{
		"get_slowest_tasks_v01": `task_id bigint, task_name varchar, namespace_name varchar, version varchar, duration_seconds numeric, step_count bigint,
			completed_steps bigint, error_steps bigint, created_at timestamptz, completed_at timestamptz, initiator varchar, source_system varchar`,
		"get_slowest_steps_v01": `workflow_step_id bigint, task_id bigint, step_name varchar, task_name varchar, namespace_name varchar, version varchar,
			duration_seconds numeric, attempts integer, created_at timestamptz, completed_at timestamptz, retryable boolean, step_status varchar`,
	} {
		working, err := os.ReadFile("../testbed/testdata/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		_, err = pool.Exec(t.Context(), fmt.Sprintf(`DROP FUNCTION %[1]s; CREATE FUNCTION %[1]s(timestamptz, integer, text, text, text)
			RETURNS TABLE (%[2]s) LANGUAGE sql AS $$ %[3]s $$`, name, result, working))
		if err != nil {
			t.Fatal(err)
		}
	}
	db := engine.New(pool, engine.Options{})
	filter := tasker.SlowestFilter{Since: tasker.PostgresEpoch, Limit: 50}
	tasks, err := db.SlowestTasks(t.Context(), filter)
	goldentest.Equal(t, tasker.RulesV02, "get_slowest_tasks_v01", tasks, err)
	steps, err := db.SlowestSteps(t.Context(), filter)
	goldentest.Equal(t, tasker.RulesV02, "get_slowest_steps_v01", steps, err)
}
