package bench

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"
)

const (
	confidence = 0.95
	// bootstraps is how many resamples an interval is made of.
	bootstraps = 2000
)

// Median is the middle of the samples, NaN without any.
func Median(samples []float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	return medianOfSorted(sorted)
}

func medianOfSorted(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Compare gives the ratio of two subjects that were measured in the same
// rounds. The samples are positive and as many on both sides. The interval is
// the same for the same samples.
func Compare(subject, baseline []float64, better Better, form Form) Ratio {
	r := Ratio{Form: form, Confidence: confidence}
	ratio := func(s, b float64) float64 {
		if form == Advantage && better == Lower {
			return b / s
		}
		return s / b
	}
	r.Value = ratio(Median(subject), Median(baseline))
	s, b := make([]float64, len(subject)), make([]float64, len(subject))
	r.Low, r.High = bootstrap(len(subject), func(draw func() int) float64 {
		for i := range s {
			round := draw()
			s[i], b[i] = subject[round], baseline[round]
		}
		slices.Sort(s)
		slices.Sort(b)
		return ratio(medianOfSorted(s), medianOfSorted(b))
	})
	test := benchmath.AssumeNothing.Compare(sample(subject), sample(baseline))
	r.P = min(test.P, 1) // rounding can take it beyond
	r.Told = test.P <= test.Alpha && (r.Low > 1 || r.High < 1)
	return r
}

// Interval is the interval of the median of the samples.
func Interval(samples []float64) (low, high float64) {
	s := make([]float64, len(samples))
	return bootstrap(len(samples), func(draw func() int) float64 {
		for i := range s {
			s[i] = samples[draw()]
		}
		slices.Sort(s)
		return medianOfSorted(s)
	})
}

func sample(values []float64) *benchmath.Sample {
	thresholds := benchmath.DefaultThresholds
	return benchmath.NewSample(slices.Clone(values), &thresholds)
}

// bootstrap is the percentile interval of a statistic of n rounds, which asks
// draw for the rounds of each resample.
func bootstrap(n int, statistic func(draw func() int) float64) (low, high float64) {
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	random := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // statistics, and the same each time
	draw := func() int { return random.IntN(n) }
	values := make([]float64, bootstraps)
	for i := range values {
		values[i] = statistic(draw)
	}
	slices.Sort(values)
	tail := (1 - confidence) / 2
	at := func(q float64) float64 { return values[int(math.Round(q*float64(bootstraps-1)))] }
	return at(tail), at(1 - tail)
}

// Judge fills in what follows from a result's samples: medians, ratio, verdict.
// A baseline that was cut on everything gives a ratio that bounds the true one
// from below, one that was cut on some gives none;
// one that fails gives none, and then no goal for a ratio can be judged.
func (r *Result) Judge(form Form) {
	switch {
	case r.Error == "" && r.Ending != nil:
		r.Verdict = NoAnswer
		return
	case r.Error != "" || len(r.Samples) == 0:
		r.Verdict = Failed
		return
	}
	r.Median = Median(r.Samples)
	switch {
	case len(r.BaselineSamples) > 0:
		r.BaselineMedian = Median(r.BaselineSamples)
		ratio := Compare(r.Samples, r.BaselineSamples, r.Better, form)
		r.Ratio = &ratio
		r.Verdict = r.Goal.judge(ratio.Low, ratio.High)
	case r.BaselineEnding.whole() && form == Advantage && r.Better == Lower:
		r.Ratio = boundBy(r.Samples, r.BaselineEnding.CutSeconds*1e9)
		r.Verdict = r.Goal.judge(r.Ratio.Low, math.Inf(1))
	case r.BaselineEnding != nil:
		r.Verdict = NoGoal
		if r.Goal != nil && r.BaselineEnding.Cut > 0 {
			r.Verdict = Undecided
		}
	default:
		r.Verdict = r.Goal.judge(Interval(r.Samples))
	}
}

// boundBy is the least that the advantage over a baseline can be which took
// longer than the given time.
func boundBy(samples []float64, cut float64) *Ratio {
	low, high := Interval(samples)
	r := &Ratio{Form: Advantage, Value: cut / Median(samples), Low: cut / high, High: cut / low, Confidence: confidence, Bound: true}
	r.Told = r.Low > 1
	return r
}

func (g *Goal) judge(low, high float64) Verdict {
	if g == nil {
		return NoGoal
	}
	reached := func(v float64) bool {
		return (g.AtLeast == 0 || v >= g.AtLeast) && (g.AtMost == 0 || v <= g.AtMost)
	}
	switch {
	case reached(low) && reached(high):
		return Reached
	case !reached(low) && !reached(high):
		return Missed
	}
	return Undecided
}
