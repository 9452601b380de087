package loader_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// structure is what the catalogs say of the tables, their indexes and
// constraints, a line each.
func structure(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(context.Background(), `
		SELECT format('%s: %s; valid %s, ready %s, live %s, replica identity %s, clustered %s; owner %s, tablespace %s, options %s, kind %s; comment %s; statistics %s',
			i.indrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive, i.indisreplident, i.indisclustered,
			c.relowner::regrole, c.reltablespace, c.reloptions, c.relpersistence, obj_description(c.oid, 'pg_class'),
			(SELECT array_agg(greatest(attstattarget, -1) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid))
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL
		SELECT format('%s: %s %s, validated %s, by %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated, conindid::regclass)
		FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL
		SELECT format('%s: persistence %s, replica identity %s, has index %s, options %s', oid::regclass, relpersistence, relreplident, relhasindex, reloptions)
		FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		UNION ALL
		SELECT format('%s: trigger on %s, enabled %s', tgrelid::regclass, tgfoid::regproc, tgenabled) FROM pg_trigger
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func indexes(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	if err := pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Indexes that are built after the rows are those that were there before, also
// when the load fails or is interrupted; tables with rows are left alone.
func TestBuildIndexesAfter(t *testing.T) {
	pool := workloadtest.Database(t)
	before := structure(t, pool)
	if n := indexes(t, pool); n != 99 {
		t.Fatalf("%d indexes", n)
	}
	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(before, structure(t, pool)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	failing := func(yield func(*workload.Batch) bool) {
		yield(&workload.Batch{Tasks: []*workload.Instance{workload.Instantiate(workload.New("", ""), 0)}})
	}
	if _, err := loader.Load(t.Context(), pool, failing, loader.Options{BuildIndexesAfter: true}); err == nil {
		t.Error("a workflow without a name was loaded")
	}
	same("after a failure")
	during := 0
	stats, err := loader.Load(t.Context(), pool, workload.Generate(everything(300)), loader.Options{BuildIndexesAfter: true,
		Progress: func(loader.Stats) { during = indexes(t, pool) }})
	if err != nil || stats.Tasks < 300 {
		t.Fatal(stats, err)
	}
	if during >= 60 {
		t.Errorf("%d indexes during the load", during)
	}
	same("after a load")
	_, err = loader.Load(t.Context(), pool, workload.Generate(everything(1)), loader.Options{BuildIndexesAfter: true})
	if !errors.Is(err, loader.ErrNotEmpty) || !strings.Contains(err.Error(), "tasker_tasks has rows") {
		t.Error(err)
	}
	same("after a refusal")
}

func TestBuildIndexesAfterAnInterruption(t *testing.T) {
	pool := workloadtest.Database(t)
	before := structure(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := loader.Load(ctx, pool, workload.Generate(workload.Spec{Tasks: 100_000, Seed: 1, BatchSteps: 100}), loader.Options{
		BuildIndexesAfter: true, Progress: func(loader.Stats) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, structure(t, pool)); diff != "" {
		t.Error(diff)
	}
}

// What an index has beyond its definition is there afterwards as well.
func TestBuildIndexesAfterKeepsWhatNoDefinitionTells(t *testing.T) {
	pool := workloadtest.Database(t)
	if _, err := pool.Exec(t.Context(), `
		COMMENT ON INDEX tasks_requested_at_index IS 'for the dashboard';
		ALTER TABLE tasker_tasks REPLICA IDENTITY USING INDEX index_tasks_on_identity_hash;
		ALTER TABLE tasker_workflow_steps CLUSTER ON index_workflow_steps_by_task;
		CREATE INDEX day ON tasker_tasks (date_trunc('day', created_at));
		ALTER INDEX day ALTER COLUMN 1 SET STATISTICS 7;
		ALTER INDEX tasks_context_idx SET (fastupdate = off)`); err != nil {
		t.Fatal(err)
	}
	before := structure(t, pool)
	if _, err := loader.Load(t.Context(), pool, workload.Generate(everything(20)), loader.Options{BuildIndexesAfter: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, structure(t, pool)); diff != "" {
		t.Error(diff)
	}
}
