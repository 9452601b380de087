package bench

import (
	"context"
	"fmt"
	"time"
)

// Measure takes one sample.
type Measure func(ctx context.Context) (float64, error)

// Rounds is how often subjects are measured.
type Rounds struct {
	// Count is how many samples are taken of each. Defaults to 7; below 5 no
	// two subjects can be told apart with confidence.
	Count int
	// Warmup is how many are taken before and thrown away. Defaults to 1;
	// negative: none.
	Warmup int
}

func (r Rounds) withDefaults() Rounds {
	if r.Count <= 0 {
		r.Count = 7
	}
	if r.Warmup == 0 {
		r.Warmup = 1
	}
	return r
}

// Interleave measures a subject and, unless it is nil, a baseline in turn, the
// one that begins alternating. On an error, or when ctx ends, it returns the
// complete rounds with it. progress is told of each round, warm-ups as 0; nil
// is nobody.
func Interleave(ctx context.Context, rounds Rounds, subject, baseline Measure, progress func(round, of int)) (s, b []float64, err error) {
	rounds = rounds.withDefaults()
	if progress == nil {
		progress = func(int, int) {}
	}
	for round := -max(rounds.Warmup, 0); round < rounds.Count; round++ {
		progress(max(round+1, 0), rounds.Count)
		samples, err := oneRound(ctx, round%2 != 0, subject, baseline)
		if err != nil {
			return s, b, fmt.Errorf("round %d of %d: %w", max(round+1, 0), rounds.Count, err)
		}
		if round < 0 {
			continue
		}
		s = append(s, samples[0])
		if baseline != nil {
			b = append(b, samples[1])
		}
	}
	return s, b, nil
}

// oneRound gives the samples of subject and baseline.
func oneRound(ctx context.Context, baselineFirst bool, subject, baseline Measure) (samples [2]float64, err error) {
	measures := [2]Measure{subject, baseline}
	order := [2]int{0, 1}
	if baselineFirst {
		order = [2]int{1, 0}
	}
	for _, i := range order {
		if measures[i] == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return samples, err
		}
		if samples[i], err = measures[i](ctx); err != nil {
			return samples, err
		}
	}
	return samples, nil
}

// PerOperation makes a measure of an operation's time in nanoseconds: f is
// called with ever larger n until n operations take at least the given time.
// The n found is kept for the next sample.
func PerOperation(least time.Duration, f func(ctx context.Context, n int) error) Measure {
	n := 1
	return func(ctx context.Context) (float64, error) {
		for {
			start := time.Now()
			if err := f(ctx, n); err != nil {
				return 0, err
			}
			took := time.Since(start)
			if took >= least {
				return float64(took) / float64(n), nil
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			n = grow(n, took, least)
		}
	}
}

// grow is a number of operations that should take somewhat longer than least.
func grow(n int, took, least time.Duration) int {
	if took <= 0 {
		return n * 100
	}
	predicted := int(float64(n) * 1.2 * float64(least) / float64(took))
	return min(max(predicted, n+1), n*100)
}
