package bench

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sql/engine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
	"github.com/tasker-sidecar/tasker-sidecar/workload"
)

// question is one that is asked in process and of the database.
type question struct {
	set   *dataset
	sql   string                                               // prepared; its rows are read, not decoded
	args  func(i int) []any                                    // of the i-th time
	ask   func(v *readiness.View, i int, now tasker.Timestamp) // in process
	check func(ctx context.Context, v *readiness.View, db *engine.Database, now tasker.Timestamp) error
}

// compare measures a question, after its answers were compared.
func (l *lab) compare(ctx context.Context, c *Case, q question) ([]Result, error) {
	f, err := follow(ctx, q.set.url, hooks{})
	if err != nil {
		return nil, err
	}
	view := f.view()
	f.stop() // nothing but the question is to use the processor
	conn, err := pgx.Connect(ctx, q.set.socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	now := tasker.TimestampOf(time.Now())
	l.stage("compare the answers")
	if err := q.check(ctx, view, engine.New(conn, engine.Options{}), now); err != nil {
		return nil, err
	}

	least := pick(l, 50*time.Millisecond, time.Second)
	asked := 0
	subject := PerOperation(least, func(_ context.Context, n int) error {
		for range n {
			q.ask(view, asked, now)
			asked++
		}
		return nil
	})
	baseline := PerOperation(least, func(ctx context.Context, n int) error {
		for range n {
			rows, err := conn.Query(ctx, q.sql, q.args(asked)...)
			if err != nil {
				return err
			}
			for rows.Next() {
				_ = rows.RawValues()
			}
			if err := rows.Err(); err != nil {
				return err
			}
			asked++
		}
		return nil
	})
	r := l.result(c)
	r.Unit, r.Dataset = "ns/op", q.set.words
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), subject, baseline, l.round)
	return []Result{r}, err
}

// same says where two answers differ.
func same[T any](what string, got, want []T) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: the index gives %d rows, the database %d", what, len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Errorf("%s, row %d: the index says %+v, the database %+v", what, i, got[i], want[i])
		}
	}
	return nil
}

// spread walks over n in steps that come to every one before repeating.
func spread(i, n int) int64 { return int64(i * 7919 % n) }

// runReadiness asks of tasks in turn and, beside it, of tasks all over the
// place, where every one has to come from memory: the latter has no goal.
func runReadiness(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	results, err := l.compare(ctx, c, readinessOf(set, func(i int) int64 { return set.first + int64(i%set.tasks) }))
	if err != nil {
		return results, err
	}
	scattered := *c
	scattered.Name, scattered.What, scattered.Goal = c.Name+"-scattered", c.What+", tasks all over the place", Goal{}
	more, err := l.compare(ctx, &scattered, readinessOf(set, func(i int) int64 { return set.first + spread(i, set.tasks) }))
	return append(results, more...), err
}

func readinessOf(set *dataset, task func(i int) int64) question {
	return question{
		set:  set,
		sql:  "SELECT * FROM get_step_readiness_status($1::BIGINT)",
		args: func(i int) []any { return []any{task(i)} },
		ask: func(v *readiness.View, i int, now tasker.Timestamp) {
			answers.readiness = v.AppendStepReadiness(answers.readiness[:0], task(i), nil, now)
		},
		check: func(ctx context.Context, v *readiness.View, db *engine.Database, now tasker.Timestamp) error {
			for i := range 500 {
				want, err := db.StepReadiness(ctx, task(i), nil)
				if err != nil {
					return err
				}
				if err := same(fmt.Sprintf("readiness of task %d", task(i)), v.StepReadiness(task(i), nil, now), want); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func runContexts(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	ids := make([]int64, min(set.tasks, 5000))
	for i := range ids {
		ids[i] = set.first + int64(i)
	}
	return l.compare(ctx, c, question{
		set:  set,
		sql:  "SELECT * FROM get_task_execution_contexts_batch($1::BIGINT[])",
		args: func(int) []any { return []any{ids} },
		ask: func(v *readiness.View, _ int, now tasker.Timestamp) {
			answers.contexts = v.AppendTaskExecutionContexts(answers.contexts[:0], ids, now)
		},
		check: func(ctx context.Context, v *readiness.View, db *engine.Database, now tasker.Timestamp) error {
			want, err := db.TaskExecutionContexts(ctx, ids)
			if err != nil {
				return err
			}
			return same("contexts", v.TaskExecutionContexts(ids, now), want)
		},
	})
}

func runLevels(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	diamonds := pick(l, 10, 16)
	set, err := l.load(ctx, fmt.Sprintf("diamonds%d", diamonds), workload.Spec{
		Tasks: 1, Seed: l.o.Seed, Mix: []workload.Share[workload.Source]{{Percent: 100, Of: workload.Always(workload.Ladder(diamonds))}},
	})
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, c, question{
		set:  set,
		sql:  "SELECT * FROM calculate_dependency_levels($1::BIGINT)",
		args: func(int) []any { return []any{set.first} },
		ask:  func(v *readiness.View, _ int, _ tasker.Timestamp) { v.DependencyLevels(set.first) },
		check: func(ctx context.Context, v *readiness.View, db *engine.Database, _ tasker.Timestamp) error {
			want, err := db.DependencyLevels(ctx, set.first)
			if err != nil {
				return err
			}
			return same("levels", v.DependencyLevels(set.first), want)
		},
	})
}

func runHealth(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	return l.compare(ctx, c, question{
		set:  set,
		sql:  "SELECT * FROM get_system_health_counts_v01()",
		args: func(int) []any { return nil },
		ask:  func(v *readiness.View, _ int, _ tasker.Timestamp) { answers.health = v.SystemHealthCounts() },
		check: func(ctx context.Context, v *readiness.View, db *engine.Database, _ tasker.Timestamp) error {
			want, err := db.SystemHealthCounts(ctx)
			if err != nil {
				return err
			}
			want.ActiveConnections, want.MaxConnections = tasker.Null[int64]{}, tasker.Null[int64]{} // in no log
			return same("health counts", []tasker.SystemHealthCounts{v.SystemHealthCounts()}, []tasker.SystemHealthCounts{want})
		},
	})
}

// What answers are written to. One who asks in a loop reuses its rows, as the
// HTTP side does; and that they are kept makes the compiler not leave the
// question out.
var answers struct {
	readiness []tasker.StepReadiness
	contexts  []tasker.TaskExecutionContext
	health    tasker.SystemHealthCounts
}
