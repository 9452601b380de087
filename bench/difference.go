package bench

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DifferenceInterval is the interval (95 %) of the median of after less that of
// before, which were measured independently of each other; NaN without samples.
// It is the same for the same samples.
func DifferenceInterval(before, after []float64) (low, high float64) {
	if len(before) == 0 || len(after) == 0 {
		return math.NaN(), math.NaN()
	}
	random := rand.New(rand.NewPCG(2, uint64(len(before)+len(after)))) //nolint:gosec // statistics, and the same each time
	buffer := make([]float64, max(len(before), len(after)))
	resampled := func(samples []float64) float64 {
		drawn := buffer[:len(samples)]
		for i := range drawn {
			drawn[i] = samples[random.IntN(len(samples))]
		}
		slices.Sort(drawn)
		return medianOfSorted(drawn)
	}
	return bootstrap(1, func(func() int) float64 { return resampled(after) - resampled(before) })
}
