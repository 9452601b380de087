package projection

import (
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A task is announced once it has gained steps that can run: by what was
// written, in the transaction that writes it, or by the clock alone.

// woken are the tasks that have gained steps since s.told: with candidates that
// are new and were ready by then, or with any that have become ready since.
func (s *session) woken(fresh []candidateRow, v *readiness.View, now tasker.Timestamp) []int64 {
	var tasks []int64
	for i := range fresh {
		if fresh[i].since <= s.told {
			tasks = append(tasks, fresh[i].task)
		}
	}
	v.ReadyBetween(s.told, now, func(_, task int64, _ tasker.Timestamp) bool {
		tasks = append(tasks, task)
		return true
	})
	slices.Sort(tasks)
	return slices.Compact(tasks)
}

// notify adds the announcement to what a transaction does.
func (s *session) notify(q *pgx.Batch, fresh []candidateRow, v *readiness.View, now tasker.Timestamp) {
	if s.o.Notify == "" {
		return
	}
	tasks := s.woken(fresh, v, now)
	switch {
	case len(tasks) == 0:
	case len(tasks) > s.o.NotifyMost:
		q.Queue("SELECT pg_notify($1, '')", s.o.Notify)
	default:
		payloads := make([]string, len(tasks))
		for i, id := range tasks {
			payloads[i] = strconv.FormatInt(id, 10)
		}
		q.Queue("SELECT pg_notify($1, p) FROM unnest($2::text[]) p", s.o.Notify, payloads)
	}
}

// announce announces whom the clock alone lets run, between two flushes.
func (s *session) announce(ctx context.Context) error {
	now := s.source.Now()
	if s.o.Notify == "" || now <= s.told {
		return nil
	}
	if len(s.woken(nil, s.of.View, now)) > 0 {
		err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			return new(batch).write(ctx, tx, func(q *pgx.Batch) { s.notify(q, nil, s.of.View, now) })
		})
		if err != nil {
			return err
		}
	}
	s.told = now
	return nil
}
