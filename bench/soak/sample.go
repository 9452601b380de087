package soak

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

const mib = 1 << 20

// watched are the series of a run, and what each may rise by. The shares leave
// room for what comes and goes; the amounts for what is not worth a word.
var watched = []struct {
	series Series
	bound  Bound
}{
	{Series{Name: "heap", What: "memory that was in use after a garbage collection", Unit: "B"}, Bound{8 * mib, 0.15}},
	{Series{Name: "rss", What: "resident memory of the process", Unit: "B"}, Bound{16 * mib, 0.15}},
	{Series{Name: "goroutines", What: "goroutines", Unit: "goroutines"}, Bound{5, 0.05}},
	{Series{Name: "connections", What: "connections to the database", Unit: "connections"}, Bound{2, 0.05}},
	{Series{Name: "lag", What: "how old the index's answers are", Unit: "ns"}, Bound{float64(250 * time.Millisecond), 0.5}},
	{Series{Name: "rows-behind", What: "log that the rows do not reflect yet", Unit: "B"}, Bound{4 * mib, 0.5}},
	{Series{Name: "wal-held", What: "log that the slots hold back", Unit: "B"}, Bound{48 * mib, 0.5}},
	{Series{Name: "engine-tables", What: "the engine's tables with their indexes", Unit: "B"}, Bound{24 * mib, 0.25}},
	{Series{Name: "row-tables", What: "the tables of rows with their indexes", Unit: "B"}, Bound{24 * mib, 0.25}},
}

// bounds are those of the series, in their order.
func bounds() []Bound {
	out := make([]Bound, len(watched))
	for i, w := range watched {
		out[i] = w.bound
	}
	return out
}

// samplesSQL is what the database knows of itself: its connections, its log's
// end, what slots hold back, the sizes of the tables.
const samplesSQL = `SELECT
	(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())::float8,
	pg_current_wal_lsn()::text,
	(SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0) FROM pg_replication_slots)::float8,
	(SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname LIKE 'tasker\_%')::float8,
	(SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'tasker_sidecar'::regnamespace)::float8`

// sample appends one value to each series of the report.
func (s *system) sample(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var connections, held, engine, rows float64
	var text string
	if err := conn.QueryRow(ctx, samplesSQL).Scan(&connections, &text, &held, &engine, &rows); err != nil {
		return fmt.Errorf("take a sample: %w", err)
	}
	end, err := tasker.ParseLSN(text)
	if err != nil {
		return err
	}
	behind := 0.0
	if written := s.project.Status().Written; written < end {
		behind = float64(end - written)
	}
	values := []float64{
		liveHeap(), float64(bench.ResidentSize()), float64(runtime.NumGoroutine()), connections,
		float64(s.follower.Status().Age), behind, held, engine, rows,
	}
	r.Seconds = append(r.Seconds, time.Since(r.StartedAt).Seconds())
	for i := range r.Series {
		r.Series[i].Values = append(r.Series[i].Values, values[i])
	}
	return nil
}

// liveHeap is what the last garbage collection found to be in use, in bytes.
func liveHeap() float64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	if samples[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return float64(samples[0].Value.Uint64())
}
