package tasker

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimestampFromPostgres(t *testing.T) {
	for _, c := range []struct {
		wire int64
		want Timestamp
	}{
		{0, TimestampOf(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))},
		{math.MaxInt64, Infinity},
		{math.MinInt64, NegativeInfinity},
		{math.MaxInt64 - 1, Infinity},
		{1, PostgresEpoch + 1},
	} {
		if got := TimestampFromPostgres(c.wire); got != c.want {
			t.Errorf("TimestampFromPostgres(%d) = %v, want %v", c.wire, got, c.want)
		}
	}
}

func TestTimestampAddSaturates(t *testing.T) {
	for _, c := range []struct {
		t    Timestamp
		s    int64
		want Timestamp
	}{
		{0, 30, 30_000_000},
		{NoTime, 30, NoTime},
		{Infinity, -30, Infinity},
		{NegativeInfinity, 30, NegativeInfinity},
		{Infinity - 1, 1, Infinity},
		{NegativeInfinity + 1, -1, NegativeInfinity},
		{0, math.MaxInt64, Infinity},
		{0, math.MinInt64, NegativeInfinity},
	} {
		if got := c.t.AddSeconds(c.s); got != c.want {
			t.Errorf("%v.AddSeconds(%d) = %v, want %v", c.t, c.s, got, c.want)
		}
	}
}

func TestTimestampAddAgreesWithAddSeconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := Timestamp(rapid.Int64().Draw(t, "at"))
		s := rapid.Int64Range(-9e9, 9e9).Draw(t, "seconds")
		if a, b := at.Add(time.Duration(s)*time.Second), at.AddSeconds(s); a != b {
			t.Fatalf("%v + %ds: Add %v, AddSeconds %v", at, s, a, b)
		}
	})
}

func TestTimestampJSONRoundTrips(t *testing.T) {
	// Years that RFC 3339 can write.
	low := TimestampOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	high := TimestampOf(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC))
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(
			rapid.Map(rapid.Int64Range(int64(low), int64(high)), func(v int64) Timestamp { return Timestamp(v) }),
			rapid.SampledFrom([]Timestamp{NoTime, Infinity, NegativeInfinity, 0}),
		).Draw(t, "at")
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Timestamp
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("%s: %v came back as %v, %v", text, want, got, err)
		}
	})
}
