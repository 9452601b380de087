package soak

import (
	"math"
	"slices"
)

const (
	// parts is how many parts the second half is cut into; quantile is that of
	// Student's distribution with parts - 2 degrees of freedom, at 0.975.
	parts    = 10
	quantile = 2.306
	// samplesAPart is how many samples a part has at least.
	samplesAPart = 3
)

// Flatness says whether a series rises.
type Flatness string

// What a series can be.
const (
	Flat     Flatness = "flat"
	Rising   Flatness = "rising"
	TooShort Flatness = "too short to tell"
)

// Trend is how a series goes over the second half of a run, in its unit.
type Trend struct {
	Median float64 `json:"median"`
	// Rise is how much it has risen over the half by the line through it; Low
	// and High bound that. All are 0 where there are too few samples.
	Rise     float64  `json:"rise"`
	Low      float64  `json:"low"`
	High     float64  `json:"high"`
	Bound    float64  `json:"bound"` // what it may rise
	Flatness Flatness `json:"flatness"`
}

// Bound is how much a series may rise over the second half of a run.
type Bound struct {
	Amount float64 // in the series' unit
	Share  float64 // of its median, 0..1
}

// TrendOf judges a series by its samples, which were taken at even intervals.
func TrendOf(samples []float64, bound Bound) Trend {
	half := samples[len(samples)/2:]
	t := Trend{Flatness: TooShort}
	if len(half) == 0 {
		return t
	}
	t.Median = median(half)
	t.Bound = max(bound.Amount, bound.Share*t.Median)
	if len(half) < parts*samplesAPart {
		return t
	}
	medians := make([]float64, parts)
	for i := range medians {
		medians[i] = median(half[i*len(half)/parts : (i+1)*len(half)/parts])
	}
	slope, deviation := line(medians)
	if math.Abs(slope)+deviation < 1e-12*math.Abs(t.Median) { // rounding
		slope, deviation = 0, 0
	}
	t.Rise = slope * parts
	t.Low, t.High = t.Rise-quantile*deviation*parts, t.Rise+quantile*deviation*parts
	switch {
	case t.High <= t.Bound:
		t.Flatness = Flat
	case t.Low > t.Bound:
		t.Flatness = Rising
	}
	return t
}

// line is the slope of the least squares through values at 0, 1, …, and its
// standard deviation.
func line(values []float64) (slope, deviation float64) {
	n := float64(len(values))
	var mean, xx, xy float64
	for _, v := range values {
		mean += v / n
	}
	for i, v := range values {
		x := float64(i) - (n-1)/2
		xx += x * x
		xy += x * (v - mean)
	}
	slope = xy / xx
	var rest float64
	for i, v := range values {
		x := float64(i) - (n-1)/2
		rest += (v - mean - slope*x) * (v - mean - slope*x)
	}
	return slope, math.Sqrt(rest / (n - 2) / xx)
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
