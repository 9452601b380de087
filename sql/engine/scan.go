package engine

import (
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// timestamp is a target for timestamp and timestamptz columns.
type timestamp struct{ to *tasker.Timestamp }

func (t timestamp) ScanTimestamp(v pgtype.Timestamp) error {
	return t.ScanTimestamptz(pgtype.Timestamptz(v))
}

func (t timestamp) ScanTimestamptz(v pgtype.Timestamptz) error {
	switch {
	case !v.Valid:
		*t.to = tasker.NoTime
	case v.InfinityModifier == pgtype.Infinity:
		*t.to = tasker.Infinity
	case v.InfinityModifier == pgtype.NegativeInfinity:
		*t.to = tasker.NegativeInfinity
	default:
		*t.to = tasker.TimestampOf(v.Time)
	}
	return nil
}

// timestamptz is a parameter of that type.
func timestamptz(t tasker.Timestamp) pgtype.Timestamptz {
	switch t {
	case tasker.NoTime:
		return pgtype.Timestamptz{}
	case tasker.Infinity:
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	case tasker.NegativeInfinity:
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: t.Time(), Valid: true}
}

// text is a parameter of that type.
func text(n tasker.Null[string]) pgtype.Text { return pgtype.Text{String: n.V, Valid: n.Valid} }

type nullInt32 struct{ to *tasker.Null[int32] }

func (n nullInt32) ScanInt64(v pgtype.Int8) error {
	*n.to = tasker.Null[int32]{V: int32(v.Int64), Valid: v.Valid} //nolint:gosec // the column is an integer
	return nil
}

type nullInt64 struct{ to *tasker.Null[int64] }

func (n nullInt64) ScanInt64(v pgtype.Int8) error {
	*n.to = tasker.Null[int64]{V: v.Int64, Valid: v.Valid}
	return nil
}

type nullString struct{ to *tasker.Null[string] }

func (n nullString) ScanText(v pgtype.Text) error {
	*n.to = tasker.Null[string]{V: v.String, Valid: v.Valid}
	return nil
}

// decimal is a target for numeric columns that are selected as text.
type decimal struct {
	to     *tasker.Decimal
	places uint8
}

func (d decimal) ScanText(v pgtype.Text) (err error) {
	switch v.String {
	case "Infinity", "-Infinity", "NaN":
		// From PostgreSQL 17 on, where infinite timestamps have a difference;
		// before, the function fails by itself.
		return fmt.Errorf("%w: it answers %s where a figure is meant", tasker.ErrFunctionFails, v.String)
	}
	*d.to, err = tasker.ParseDecimal(v.String, d.places)
	return err
}
