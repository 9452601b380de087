package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// runDropInReadiness asks of tasks all over the place.
func runDropInReadiness(mode string) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, c *Case) ([]Result, error) {
		set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
		if err != nil {
			return nil, err
		}
		return l.serverTimes(ctx, c, asked{
			set: set, mode: mode, samples: 500,
			sql:  "SELECT * FROM get_step_readiness_status($1::BIGINT)",
			args: func(i int) []any { return []any{set.first + spread(i, set.tasks)} },
		})
	}
}

func runDropInContexts(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.batch(ctx, c, "SELECT * FROM get_task_execution_contexts_batch($1::BIGINT[])")
}

func runDropInBatch(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	return l.batch(ctx, c, "SELECT * FROM get_step_readiness_status_batch($1::BIGINT[])")
}

// batch asks a function about 5,000 tasks at once.
func (l *lab) batch(ctx context.Context, c *Case, sql string) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	ids := make([]int64, min(set.tasks, 5000))
	for i := range ids {
		ids[i] = set.first + int64(i)
	}
	return l.serverTimes(ctx, c, asked{set: set, mode: "fast", sql: sql, args: func(int) []any { return []any{ids} }})
}

func runDropInHealth(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	return l.serverTimes(ctx, c, asked{
		set: set, mode: "fast",
		sql:     "SELECT * FROM get_system_health_counts_v01()",
		args:    func(int) []any { return nil },
		columns: 14, // behind them are the connections, which come and go
	})
}

// runDropInLevels asks of a chain of diamonds, of which the engine walks every
// path.
func runDropInLevels(quick, full int) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, c *Case) ([]Result, error) {
		diamonds := pick(l, quick, full)
		set, err := l.load(ctx, fmt.Sprintf("diamonds%d", diamonds), workload.Spec{
			Tasks: 1, Seed: l.o.Seed, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Ladder(diamonds))}},
		})
		if err != nil {
			return nil, err
		}
		return l.serverTimes(ctx, c, asked{
			set: set, mode: "exact", theirs: time.Minute,
			sql:  "SELECT * FROM calculate_dependency_levels($1::BIGINT)",
			args: func(int) []any { return []any{set.first} },
		})
	}
}

func runDropInDAG(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	return l.serverTimes(ctx, c, asked{
		set: set, mode: "exact", theirs: time.Minute,
		sql:  "SELECT * FROM tasker_step_dag_relationships WHERE task_id = $1::BIGINT",
		args: func(i int) []any { return []any{set.first + spread(i, set.tasks)} },
	})
}
