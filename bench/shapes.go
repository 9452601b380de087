package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
)

// shapesSuite looks for a shape or a size for which the drop-ins are slower than
// what they replace. None counts its rows: they are asked in mode exact.
func shapesSuite() Suite {
	shaped := func(name, what, sql string, goal float64) Case {
		return Case{
			Name: name, What: "server time of the drop-in " + what + ", exact", Against: "of the engine's function",
			Goal: Goal{AtLeast: goal}, form: Advantage, run: runShapes(sql),
		}
	}
	return Suite{
		Name: "shapes",
		What: "answer from the engine's tables, for each shape of workflow at several sizes",
		Cases: []Case{
			shaped("readiness", "readiness", "SELECT * FROM get_step_readiness_status($1::BIGINT)", 1),
			shaped("context", "context", "SELECT * FROM get_task_execution_context($1::BIGINT)", 1),
			// The walk of all paths is cheap where there are few.
			shaped("levels", "dependency levels", "SELECT * FROM calculate_dependency_levels($1::BIGINT)", 0.5),
		},
	}
}

// shaped are tasks of one workflow in the database of all shapes.
type shaped struct {
	name         string
	first, tasks int64
}

// shapesSet is one database with some tasks of each shape and size, at all
// stages.
func (l *lab) shapesSet(ctx context.Context) (*dataset, []shaped, error) {
	if l.shapes != nil {
		return l.sets["shapes"], l.shapes, nil
	}
	set, pool, err := l.database(ctx, "shapes")
	if err != nil {
		return nil, nil, err
	}
	defer pool.Close()
	l.stage("load the data set shapes")
	for _, shape := range workload.Shapes() {
		sizes := []int{0}
		if shape.Sized {
			sizes = pick(l, []int{10}, []int{10, 100, 1000})
		}
		for _, size := range sizes {
			spec := l.layeredSpec(pick(l, 10, max(10, 1000/max(size, 10))))
			spec.Mix[0].Of = workload.Always(shape.Build(size, l.o.Seed))
			stats, err := loader.Load(ctx, pool, workload.Generate(spec), loader.Options{})
			if err != nil {
				return nil, nil, err
			}
			name := shape.Name
			if shape.Sized {
				name = fmt.Sprintf("%s-%d", name, size)
			}
			l.shapes = append(l.shapes, shaped{name, stats.FirstTaskID, int64(stats.Tasks)})
		}
	}
	_, err = pool.Exec(ctx, "VACUUM (ANALYZE, FREEZE)")
	l.sets["shapes"] = set
	return set, l.shapes, err
}

func runShapes(sql string) func(context.Context, *lab, *Case) ([]Result, error) {
	return func(ctx context.Context, l *lab, c *Case) ([]Result, error) {
		set, all, err := l.shapesSet(ctx)
		if err != nil {
			return nil, err
		}
		var results []Result
		for _, s := range all {
			got, err := l.serverTimes(ctx, c, asked{
				set: set, mode: "exact", samples: 10, theirs: time.Second, least: pick(l, 5*time.Millisecond, 100*time.Millisecond),
				sql: sql, args: func(i int) []any { return []any{s.first + int64(i)%s.tasks} },
			})
			for i := range got {
				got[i].Name, got[i].Dataset = c.Name+"/"+s.name, fmt.Sprintf("%d tasks of shape %s", s.tasks, s.name)
			}
			if results = append(results, got...); err != nil {
				return results, err
			}
		}
		return results, nil
	}
}
