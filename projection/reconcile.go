package projection

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
)

// reconcile makes the rows those of a view, whatever they were, range by range
// of task ids, and writes only what differs. Nobody believes the rows meanwhile;
// the last transaction vouches for them.
func (s *session) reconcile(ctx context.Context, r Reflection) error {
	started := time.Now()
	s.cutoff, s.swept = s.o.cutoff(r.AsOf), started
	var tasks []int64
	r.View.Tasks(func(id int64) bool { tasks = append(tasks, id); return true })
	slices.Sort(tasks) // negative ids first
	s.reconcileTasks.Store(0)
	s.reconcileAll.Store(int64(len(tasks)))
	written := 0
	b := &batch{}
	for from, done := int64(math.MinInt64), false; !done; {
		begun := time.Now()
		s.o = s.options.Load()
		part := s.part(r.View, tasks)
		tasks = tasks[len(part):]
		to := int64(math.MaxInt64)
		if done = len(tasks) == 0; !done {
			to = part[len(part)-1]
		}
		if err := s.compare(ctx, r.View, b, part, from, to); err != nil {
			return err
		}
		if b.rows() > 0 && !done {
			if err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return b.write(ctx, tx) }); err != nil {
				return err
			}
			s.rows.Add(uint64(b.rows()))
		}
		written += b.rows()
		s.reconcileTasks.Add(int64(len(part)))
		if !done {
			b, from = &batch{}, to+1
			s.restAfter(begun)
			if err := s.rest(ctx); err != nil {
				return err
			}
		}
	}
	b.fresh, s.told = nil, s.source.Now() // what can run already is no news
	if err := s.flush(ctx, r, b); err != nil {
		return err
	}
	s.reconciled.Add(1)
	s.o.Logger.Info("rows put right", "tasks", s.reconcileAll.Load(), "rows written", written, "position", r.View.LSN().String(), "after", time.Since(started).Round(time.Millisecond))
	return nil
}

// part is as many of the first tasks as one transaction takes.
func (s *session) part(v *readiness.View, tasks []int64) []int64 {
	steps := 0
	for i, id := range tasks {
		facts, _ := v.TaskFacts(id)
		if steps += 1 + int(facts.TotalSteps); steps > s.o.RowsPerTransaction && i > 0 {
			return tasks[:i]
		}
	}
	return tasks
}

// compare adds to a batch what makes the rows from one task id to another those
// of a view, which has the tasks in part there.
func (s *session) compare(ctx context.Context, v *readiness.View, b *batch, part []int64, from, to int64) error {
	present, err := readRange(ctx, s.conn, from, to)
	if err != nil {
		return err
	}
	wanted := make([]taskRows, len(part))
	for i, id := range part {
		wanted[i] = rowsOf(v, id, s.cutoff, true)
	}
	merge(present, wanted,
		func(a, b *taskRows) int { return cmp.Compare(a.id, b.id) },
		func(gone *taskRows) { b.add(gone, &taskRows{id: gone.id}) },
		func(was, is *taskRows) {
			if was == nil {
				was = &taskRows{id: is.id}
			}
			b.add(was, is)
		})
	return nil
}

// sweep deletes the rows of tasks that have been finished long enough.
func (s *session) sweep(ctx context.Context) error {
	s.swept = time.Now()
	// Rows that are gone do not come back because they may stay for longer now.
	cutoff := max(s.cutoff, s.o.cutoff(s.of.AsOf))
	b := &batch{}
	var failed error
	s.of.View.Tasks(func(id int64) bool {
		facts, _ := s.of.View.TaskFacts(id)
		if !covered(&facts, s.cutoff) || covered(&facts, cutoff) {
			return true
		}
		rows := rowsOf(s.of.View, id, s.cutoff, true)
		if b.add(&rows, &taskRows{id: id}); b.rows() >= s.o.RowsPerTransaction {
			failed = s.flush(ctx, s.of, b)
			b = &batch{}
		}
		return failed == nil
	})
	if failed == nil && b.rows() > 0 {
		failed = s.flush(ctx, s.of, b)
	}
	s.cutoff = cutoff
	return failed
}
