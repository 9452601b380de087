package tasker

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Timestamp is a point of time in microseconds since 1970-01-01 00:00 UTC,
// the resolution of Postgres. The zero value is that instant, not NULL: NULL
// is [NoTime]. Postgres' infinities have values of their own, at both ends of
// the order, so that < and > compare timestamps as Postgres does (NULLs apart).
type Timestamp int64

const (
	// NoTime stands for NULL.
	NoTime Timestamp = math.MinInt64
	// NegativeInfinity is Postgres' '-infinity'.
	NegativeInfinity Timestamp = math.MinInt64 + 1
	// Infinity is Postgres' 'infinity'.
	Infinity Timestamp = math.MaxInt64
)

// PostgresEpoch is 2000-01-01 00:00 UTC, from which Postgres counts the
// microseconds of a timestamp on the wire.
const PostgresEpoch Timestamp = 946684800 * 1e6

// TimestampOf converts t, cutting what is finer than a microsecond.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// TimestampFromPostgres converts the wire's binary form, microseconds since
// [PostgresEpoch] with the two infinities at the ends of the range.
func TimestampFromPostgres(micros int64) Timestamp {
	switch micros {
	case math.MaxInt64:
		return Infinity
	case math.MinInt64:
		return NegativeInfinity
	}
	t := Timestamp(micros) + PostgresEpoch
	if t < Timestamp(micros) { // beyond the range: as far away as can be said
		return Infinity
	}
	return t
}

// Valid is false for NULL.
func (t Timestamp) Valid() bool { return t != NoTime }

// Finite is false for NULL and the infinities.
func (t Timestamp) Finite() bool {
	return t != NoTime && t != NegativeInfinity && t != Infinity
}

// Time converts a finite timestamp; for any other the result has no meaning.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Add moves a finite timestamp by d; NULL and the infinities stay what they
// are, as in Postgres, and what would leave the range becomes an infinity.
func (t Timestamp) Add(d time.Duration) Timestamp {
	if !t.Finite() {
		return t
	}
	sum := t + Timestamp(d.Microseconds())
	switch {
	case d > 0 && sum < t:
		return Infinity
	case d < 0 && (sum > t || sum <= NegativeInfinity):
		return NegativeInfinity
	}
	return sum
}

// AddSeconds is [Timestamp.Add] for whole seconds, of any size.
func (t Timestamp) AddSeconds(s int64) Timestamp {
	const limit = math.MaxInt64 / 1_000_000
	if !t.Finite() {
		return t
	}
	if s > limit {
		return Infinity
	}
	if s < -limit {
		return NegativeInfinity
	}
	sum := t + Timestamp(s*1_000_000)
	switch {
	case s > 0 && sum < t:
		return Infinity
	case s < 0 && (sum > t || sum <= NegativeInfinity):
		return NegativeInfinity
	}
	return sum
}

// Sub is the time from u to t, both finite, saturated at the limits of a
// time.Duration (292 years).
func (t Timestamp) Sub(u Timestamp) time.Duration {
	d := int64(t) - int64(u)
	const limit = math.MaxInt64 / 1000
	switch {
	case d > limit:
		return math.MaxInt64
	case d < -limit:
		return math.MinInt64
	}
	return time.Duration(d) * time.Microsecond
}

// String prints RFC 3339 with microseconds, or null, infinity, -infinity.
func (t Timestamp) String() string {
	switch t {
	case NoTime:
		return "null"
	case Infinity:
		return "infinity"
	case NegativeInfinity:
		return "-infinity"
	}
	return t.Time().Format("2006-01-02T15:04:05.999999Z")
}

// MarshalJSON gives null, or a string as [Timestamp.String] prints it.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t == NoTime {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}

// UnmarshalJSON is the inverse of MarshalJSON; it takes any RFC 3339 time.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("a timestamp is null or a string: %w", err)
	}
	if s == nil {
		*t = NoTime
		return nil
	}
	v, err := ParseTimestamp(*s)
	if err == nil {
		*t = v
	}
	return err
}

// ParseTimestamp reads RFC 3339, or infinity, -infinity, null.
func ParseTimestamp(s string) (Timestamp, error) {
	switch s {
	case "null":
		return NoTime, nil
	case "infinity":
		return Infinity, nil
	case "-infinity":
		return NegativeInfinity, nil
	}
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return NoTime, fmt.Errorf("%q is not a time: RFC 3339 is expected, such as 2026-01-31T12:00:00Z", s)
	}
	return TimestampOf(v), nil
}
