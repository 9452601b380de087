package projection

import (
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// column gives one value of each row, as an array that a statement takes.
func column[R, V any](rows []R, value func(r *R) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}

// nullable is a value for a column that may be NULL.
func nullable[V comparable](v tasker.Null[V]) *V {
	if !v.Valid {
		return nil
	}
	return &v.V
}

func timestamp(t tasker.Timestamp) pgtype.Timestamp {
	switch t {
	case tasker.NoTime:
		return pgtype.Timestamp{}
	case tasker.Infinity:
		return pgtype.Timestamp{InfinityModifier: pgtype.Infinity, Valid: true}
	case tasker.NegativeInfinity:
		return pgtype.Timestamp{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamp{Time: t.Time(), Valid: true}
}

func fromTimestamp(t pgtype.Timestamp) tasker.Timestamp {
	switch {
	case !t.Valid:
		return tasker.NoTime
	case t.InfinityModifier == pgtype.Infinity:
		return tasker.Infinity
	case t.InfinityModifier == pgtype.NegativeInfinity:
		return tasker.NegativeInfinity
	}
	return tasker.TimestampOf(t.Time)
}

// instants is an array of timestamps as text, NULL for an empty one: arrays of
// arrays of different lengths cannot be sent otherwise.
func instants(list []tasker.Timestamp) *string {
	if len(list) == 0 {
		return nil
	}
	var text strings.Builder
	text.WriteByte('{')
	for i, t := range list {
		if i > 0 {
			text.WriteByte(',')
		}
		switch t {
		case tasker.Infinity:
			text.WriteString("infinity")
		case tasker.NegativeInfinity:
			text.WriteString("-infinity")
		default:
			at, era := t.Time(), ""
			if at.Year() <= 0 {
				at, era = at.AddDate(1-2*at.Year(), 0, 0), " BC"
			}
			text.WriteString(strconv.Quote(at.Format("2006-01-02 15:04:05.999999") + era))
		}
	}
	text.WriteByte('}')
	s := text.String()
	return &s
}

func stepColumns(rows []readiness.StepFacts) []any {
	type step = readiness.StepFacts
	at := func(value func(s *step) tasker.Timestamp) []pgtype.Timestamp {
		return column(rows, func(s *step) pgtype.Timestamp { return timestamp(value(s)) })
	}
	return []any{
		column(rows, func(s *step) int64 { return s.WorkflowStepID }),
		column(rows, func(s *step) int64 { return s.TaskID }),
		column(rows, func(s *step) pgtype.Timestamptz { return pgtype.Timestamptz(timestamp(s.RetryAt)) }),
		column(rows, func(s *step) pgtype.Timestamptz { return pgtype.Timestamptz(timestamp(s.ReadyAt)) }),
		at(func(s *step) tasker.Timestamp { return s.LastFailureAt }),
		at(func(s *step) tasker.Timestamp { return s.NextRetryAt }),
		at(func(s *step) tasker.Timestamp { return s.LastAttemptedAt }),
		at(func(s *step) tasker.Timestamp { return s.FailureUntil }),
		at(func(s *step) tasker.Timestamp { return s.StateSince }),
		at(func(s *step) tasker.Timestamp { return s.ProcessedAt }),
		at(func(s *step) tasker.Timestamp { return s.CreatedAt }),
		column(rows, func(s *step) int32 { return s.NamedStepID }),
		column(rows, func(s *step) int32 { return s.TotalParents }),
		column(rows, func(s *step) int32 { return s.CompletedParents }),
		column(rows, func(s *step) *int32 { return nullable(s.Attempts) }),
		column(rows, func(s *step) int32 { return s.RetryLimit }),
		column(rows, func(s *step) *int32 { return nullable(s.BackoffRequestSeconds) }),
		column(rows, func(s *step) bool { return s.DependenciesSatisfied }),
		column(rows, func(s *step) bool { return s.Retryable }),
		column(rows, func(s *step) bool { return s.InProcess }),
		column(rows, func(s *step) bool { return s.Processed }),
		column(rows, func(s *step) string { return s.CurrentState }),
		column(rows, func(s *step) *string { return nullable(s.Name) }),
	}
}

func taskColumns(rows []readiness.TaskFacts) []any {
	type task = readiness.TaskFacts
	return []any{
		column(rows, func(t *task) int64 { return t.TaskID }),
		column(rows, func(t *task) int64 { return t.TotalSteps }),
		column(rows, func(t *task) int64 { return t.PendingSteps }),
		column(rows, func(t *task) int64 { return t.InProgressSteps }),
		column(rows, func(t *task) int64 { return t.CompletedSteps }),
		column(rows, func(t *task) int64 { return t.FailedSteps }),
		column(rows, func(t *task) int64 { return t.ExhaustedSteps }),
		column(rows, func(t *task) int64 { return t.Ready }),
		column(rows, func(t *task) int32 { return t.NamedTaskID }),
		column(rows, func(t *task) string { return t.Status }),
		column(rows, func(t *task) *string { return instants(t.ReadyAt) }),
	}
}

func dagColumns(rows []dagRow) []any {
	return []any{
		column(rows, func(r *dagRow) int64 { return r.WorkflowStepID }),
		column(rows, func(r *dagRow) int64 { return r.TaskID }),
		column(rows, func(r *dagRow) int64 { return r.ParentCount }),
		column(rows, func(r *dagRow) int64 { return r.ChildCount }),
		column(rows, func(r *dagRow) int32 { return r.NamedStepID }),
		column(rows, func(r *dagRow) *int32 { return nullable(r.MinDepthFromRoot) }),
		column(rows, func(r *dagRow) *int32 { return nullable(r.level) }),
		column(rows, func(r *dagRow) bool { return r.IsRootStep }),
		column(rows, func(r *dagRow) bool { return r.IsLeafStep }),
		column(rows, func(r *dagRow) string { return ids(r.ParentStepIDs) }),
		column(rows, func(r *dagRow) string { return ids(r.ChildStepIDs) }),
	}
}

func candidateColumns(rows []candidateRow) []any {
	return []any{
		column(rows, func(r *candidateRow) int64 { return r.step }),
		column(rows, func(r *candidateRow) int64 { return r.task }),
		column(rows, func(r *candidateRow) pgtype.Timestamp { return timestamp(r.since) }),
		column(rows, func(r *candidateRow) int32 { return r.attempts }),
		column(rows, func(r *candidateRow) string { return r.state }),
		column(rows, func(r *candidateRow) string { return r.name }),
		column(rows, func(r *candidateRow) *string { return nullable(r.taskName) }),
		column(rows, func(r *candidateRow) *string { return nullable(r.version) }),
		column(rows, func(r *candidateRow) *string { return nullable(r.namespace) }),
	}
}

func timeOf(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: true} }
