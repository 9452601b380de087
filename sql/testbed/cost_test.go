package testbed_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
)

// cost is a statement and the shared buffers that it touches with the engine's
// own functions on PostgreSQL 15.
type cost struct {
	name, statement string
	engine          int64
}

var goldenCosts = []cost{
	{"readiness, every task in turn", "SELECT a.* FROM tasker_tasks t, get_step_readiness_status(t.task_id) a", 23_048},
	{"readiness batch, all tasks", "SELECT * FROM get_step_readiness_status_batch((SELECT array_agg(task_id) FROM tasker_tasks))", 1_809},
	{"context, every task in turn", "SELECT a.* FROM tasker_tasks t, get_task_execution_context(t.task_id) a", 24_793},
	{"contexts batch, all tasks", "SELECT * FROM get_task_execution_contexts_batch((SELECT array_agg(task_id) FROM tasker_tasks))", 2_101},
	{"levels, every task in turn", "SELECT a.* FROM tasker_tasks t, calculate_dependency_levels(t.task_id) a", 125_752},
	{"view, all rows", "SELECT * FROM tasker_step_dag_relationships", 118},
	{"health counts", "SELECT * FROM get_system_health_counts_v01()", 1_820},
	{"analytics", "SELECT * FROM get_analytics_metrics_v01('2000-01-01')", 2_458},
}

// loadTasks is the size of the larger data set.
const loadTasks = 20_000

var loadCosts = []cost{
	{"readiness, tasks 1 to 1000 in turn", "SELECT a.* FROM generate_series(1, 1000) t, get_step_readiness_status(t) a", 136_625},
	{"readiness batch, tasks 1 to 5000", "SELECT * FROM get_step_readiness_status_batch((SELECT array_agg(t) FROM generate_series(1, 5000) t))", 10_473},
	{"context, tasks 1 to 1000 in turn", "SELECT a.* FROM generate_series(1, 1000) t, get_task_execution_context(t) a", 143_022},
	{"contexts batch, tasks 1 to 5000", "SELECT * FROM get_task_execution_contexts_batch((SELECT array_agg(t) FROM generate_series(1, 5000) t))", 11_516},
	{"levels, tasks 1 to 1000 in turn", "SELECT a.* FROM generate_series(1, 1000) t, calculate_dependency_levels(t) a", 203_009},
	{"view, one task", "SELECT * FROM tasker_step_dag_relationships WHERE task_id = 77", 19_971},
	{"health counts", "SELECT * FROM get_system_health_counts_v01()", 7_896},
	{"analytics", "SELECT * FROM get_analytics_metrics_v01('2000-01-01')", 19_641},
}

// The figures repeat to the block for one version of the server, whatever the
// machine does, and are known for version 15.
func TestCostIsThatOfTheEngine(t *testing.T) {
	server := pgtest.Server(t, nil)
	if major := server.Version() / 10_000; major != 15 {
		t.Skipf("what the engine's functions cost is known for PostgreSQL 15 only, and this is %d", major)
	}
	t.Run("golden", func(t *testing.T) {
		url := pgtest.Database(t, pgtest.On(server))
		prepare(t, url, golden.Load)
		compare(t, url, goldenCosts)
	})
	t.Run("load", func(t *testing.T) {
		url := pgtest.Database(t, pgtest.On(server))
		prepare(t, url, loadScript)
		compare(t, url, loadCosts)
	})
}

// loadScript runs testdata/load.sql, which is written for psql.
func loadScript(ctx context.Context, conn *pgx.Conn) error {
	text, err := fs.ReadFile(sql.TestData, "testdata/load.sql")
	if err != nil {
		return err
	}
	script := strings.Replace(string(text), `\set ON_ERROR_STOP on`, "", 1)
	_, err = conn.Exec(ctx, strings.ReplaceAll(script, ":ntasks", fmt.Sprint(loadTasks)))
	return err
}

func prepare(t *testing.T, url string, load func(context.Context, *pgx.Conn) error) {
	t.Helper()
	conn := connect(t, url)
	if err := testbed.Install(t.Context(), conn, testbed.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := load(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE EXTENSION pg_stat_statements", "VACUUM (ANALYZE, FREEZE)"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func compare(t *testing.T, url string, costs []cost) {
	observer := connect(t, url)
	for _, c := range costs {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				run(t, url, c.statement)
			}
			query[any](t, observer, "SELECT pg_stat_statements_reset()")
			run(t, url, c.statement)
			got := query[int64](t, observer, `
				SELECT shared_blks_hit + shared_blks_read
				FROM pg_stat_statements s
				JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
				WHERE toplevel AND query LIKE 'SELECT%' AND query NOT LIKE '%pg_stat_statements%'`)
			if len(got) != 1 {
				t.Fatalf("%d statements were recorded, want 1", len(got))
			}
			ratio := float64(got[0]) / float64(c.engine)
			t.Logf("engine %d, testbed %d, ratio %.3f", c.engine, got[0], ratio)
			if ratio < 0.9 || ratio > 1.1 {
				t.Errorf("%d buffers, %.3f of the engine's %d: 0.9 to 1.1 is a fair stand-in", got[0], ratio, c.engine)
			}
		})
	}
}

// run executes a statement in a session of its own. That the session is new
// matters: on small data most of what a function touches is the catalogs,
// which a session reads once.
func run(t *testing.T, url, statement string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for name, value := range map[string]string{"max_parallel_workers_per_gather": "0", "jit": "off", "pg_stat_statements.track": "all"} {
		config.RuntimeParams[name] = value
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
