package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestInterleave(t *testing.T) {
	var order strings.Builder
	measure := func(letter byte, value float64) Measure {
		return func(context.Context) (float64, error) {
			order.WriteByte(letter)
			value++
			return value, nil
		}
	}
	var told []int
	s, b, err := Interleave(t.Context(), Rounds{Count: 4, Warmup: 2}, measure('s', 0), measure('b', 100), func(round, _ int) { told = append(told, round) })
	if err != nil {
		t.Fatal(err)
	}
	if got := order.String(); got != "sbbssbbssbbs" {
		t.Errorf("the order was %s", got)
	}
	if !slices.Equal(s, []float64{3, 4, 5, 6}) || !slices.Equal(b, []float64{103, 104, 105, 106}) {
		t.Errorf("got %v and %v: warm-ups are to be dropped", s, b)
	}
	if !slices.Equal(told, []int{0, 0, 1, 2, 3, 4}) {
		t.Errorf("told of %v", told)
	}
}

func TestInterleaveWithoutBaseline(t *testing.T) {
	s, b, err := Interleave(t.Context(), Rounds{Count: 5, Warmup: -1}, func(context.Context) (float64, error) { return 1, nil }, nil, nil)
	if err != nil || len(s) != 5 || b != nil {
		t.Errorf("%v %v %v", s, b, err)
	}
}

func TestInterleaveInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s, b, err := Interleave(ctx, Rounds{Count: 9, Warmup: -1}, func(context.Context) (float64, error) {
		if n++; n == 3 {
			cancel()
		}
		return 1, nil
	}, func(context.Context) (float64, error) { return 2, nil }, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if len(s) != 2 || len(b) != 2 { // the third round lacks its baseline
		t.Errorf("%v and %v: only complete rounds count", s, b)
	}
}

func TestInterleaveKeepsWhatCameBeforeAnError(t *testing.T) {
	broken := errors.New("broken")
	n := 0
	s, _, err := Interleave(t.Context(), Rounds{Count: 9, Warmup: -1}, func(context.Context) (float64, error) {
		if n++; n == 4 {
			return 0, broken
		}
		return 1, nil
	}, nil, nil)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "round 4 of 9") || len(s) != 3 {
		t.Errorf("%v, %v", s, err)
	}
}

func TestPerOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		measure := PerOperation(time.Second, func(_ context.Context, n int) error {
			calls++
			time.Sleep(time.Duration(n) * 3 * time.Microsecond) // the bubble's clock
			return nil
		})
		for range 3 {
			got, err := measure(t.Context())
			if err != nil || got != 3000 {
				t.Fatalf("got %v ns, %v", got, err)
			}
		}
		if calls > 10 {
			t.Errorf("%d calls for three samples", calls)
		}
	})
}

func TestRecorder(t *testing.T) {
	r := NewRecorder()
	for i := 1; i <= 1000; i++ {
		r.Record(time.Duration(i) * time.Millisecond)
	}
	r.Record(-time.Second)
	r.Record(time.Hour)
	l := r.Latency()
	near := func(got int64, want time.Duration) bool {
		return float64(got) > 0.998*float64(want) && float64(got) < 1.002*float64(want)
	}
	if l.Count != 1002 || l.Min != 1 || !near(l.P50, 500*time.Millisecond) || !near(l.P99, 991*time.Millisecond) || !near(l.Max, time.Minute) {
		t.Errorf("%+v", l)
	}
	if l.Histogram == "" {
		t.Error("the distribution is not kept")
	}
	other := NewRecorder()
	other.Merge(r)
	if other.Count() != 1002 || other.Quantile(0.5) != r.Quantile(0.5) {
		t.Errorf("merged: %d", other.Count())
	}
}
