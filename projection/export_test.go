package projection

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
)

// Compare lists in what the rows of a database differ from those that a view
// should have, when finished tasks are kept for so long.
func Compare(ctx context.Context, conn *pgx.Conn, v *readiness.View, keep time.Duration) ([]string, error) {
	present, err := readRange(ctx, conn, math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	var wanted []taskRows
	v.Tasks(func(id int64) bool {
		wanted = append(wanted, rowsOf(v, id, (&Options{KeepFinished: keep}).cutoff(time.Now()), true))
		return true
	})
	slices.SortFunc(wanted, func(a, b taskRows) int { return int(a.id - b.id) })
	b := &batch{}
	merge(present, wanted, func(a, b *taskRows) int { return int(a.id - b.id) },
		func(r *taskRows) { b.add(r, &taskRows{id: r.id}) },
		func(was, is *taskRows) {
			if was == nil {
				was = &taskRows{id: is.id}
			}
			b.add(was, is)
		})
	var found []string
	add := func(what string, n int, rows any) {
		if n > 0 {
			found = append(found, fmt.Sprintf("%s: %d: %.500s", what, n, fmt.Sprintf("%+v", rows)))
		}
	}
	add("steps", len(b.steps), b.steps)
	add("tasks", len(b.tasks), b.tasks)
	add("graph", len(b.dag), b.dag)
	add("candidates", len(b.candidates), b.candidates)
	add("steps too many", len(b.stepsGone), b.stepsGone)
	add("tasks too many", len(b.tasksGone), b.tasksGone)
	add("graph too many", len(b.dagGone), b.dagGone)
	add("candidates too many", len(b.candidatesGone), b.candidatesGone)
	return found, nil
}
