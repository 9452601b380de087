package projection

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// flush is what a row of flushes says.
type flush struct {
	number      int64
	epoch       int64
	of          Reflection
	reconciling bool
	writer      int64  // the key of the lock of the session that writes; 0: nobody vouches
	version     string // of this program
}

// write puts a batch into the database, in one message and in the caller's
// transaction. What goes is deleted first, so that it can come again under the
// same key.
func (b *batch) write(ctx context.Context, tx pgx.Tx, queue ...func(*pgx.Batch)) error {
	var q pgx.Batch
	put := func(some bool, sql string, arguments ...any) {
		if some {
			q.Queue(sql, arguments...)
		}
	}
	put(len(b.candidatesGone) > 0, sqlDeleteCandidates, b.candidatesGone)
	put(len(b.stepsGone) > 0, sqlDeleteSteps, b.stepsGone)
	put(len(b.dagGone) > 0, sqlDeleteDAG, b.dagGone)
	put(len(b.tasksGone) > 0, sqlDeleteTasks, b.tasksGone)
	if len(b.steps) > 0 {
		q.Queue(sqlUpsertSteps, stepColumns(b.steps)...)
	}
	if len(b.dag) > 0 {
		q.Queue(sqlUpsertDAG, dagColumns(b.dag)...)
	}
	if len(b.tasks) > 0 {
		q.Queue(sqlUpsertTasks, taskColumns(b.tasks)...)
	}
	if len(b.candidates) > 0 {
		q.Queue(sqlUpsertCandidates, candidateColumns(b.candidates)...)
	}
	for _, more := range queue {
		more(&q)
	}
	if q.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, &q).Close(); err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	return nil
}

// queue adds the row of flushes to a batch.
func (f *flush) queue(q *pgx.Batch) {
	v := f.of.View
	h := v.SystemHealthCounts()
	var slot *string
	if f.of.Slot != "" {
		slot = &f.of.Slot
	}
	var writer *int64
	if f.writer != 0 {
		writer = &f.writer
	}
	q.Queue(sqlInsertFlush, f.number, f.epoch, f.of.SystemIdentifier, f.of.Timeline, slot, writer, v.LSN().String(), timeOf(f.of.AsOf),
		timestamp(v.OldestCandidate()), f.reconciling, v.Rules().String(),
		h.TotalTasks, h.PendingTasks, h.InProgressTasks, h.CompleteTasks, h.ErrorTasks, h.CancelledTasks,
		h.TotalSteps, h.PendingSteps, h.InProgressSteps, h.CompleteSteps, h.ErrorSteps,
		h.RetryableErrorSteps, h.ExhaustedRetrySteps, h.InBackoffSteps, f.version)
}
