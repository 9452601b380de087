package compare

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// enough is how many rounds a U test needs on each side to be able to say
// anything at 0.05.
const enough = 4

// change is how the samples of a figure have changed.
type change struct {
	of               Of
	value, low, high float64
	rankP, p         float64
}

// change compares the samples; nil, and why, where they say nothing. here is
// whether both reports are of one machine.
func (p pair) change(here bool) (*change, string) {
	if p.before.Growth != nil && p.after.Growth != nil {
		return differ(p.before.Samples, p.after.Samples)
	}
	before, after, of := p.before.Samples, p.after.Samples, OfSubject
	if with, without := len(p.before.BaselineSamples), len(p.after.BaselineSamples); with > 0 && without > 0 {
		of, before, after = OfQuotient, quotients(p.before), quotients(p.after)
	}
	if of == OfSubject && !here {
		return nil, "it has no baseline, and the machines differ"
	}
	before, okBefore := logarithms(before)
	after, okAfter := logarithms(after)
	if !okBefore || !okAfter {
		return nil, "not all of its samples are positive"
	}
	c, note := differ(before, after)
	if c != nil {
		c.of, c.value, c.low, c.high = of, math.Exp(c.value), math.Exp(c.low), math.Exp(c.high)
	}
	return c, note
}

// quotients are subject by baseline, round by round.
func quotients(r *bench.Result) []float64 {
	n := min(len(r.Samples), len(r.BaselineSamples))
	out := make([]float64, n)
	for i := range out {
		out[i] = r.Samples[i] / r.BaselineSamples[i]
	}
	return out
}

func logarithms(samples []float64) (out []float64, ok bool) {
	out = make([]float64, len(samples))
	for i, v := range samples {
		if !(v > 0) || math.IsInf(v, 0) {
			return nil, false
		}
		out[i] = math.Log(v)
	}
	return out, true
}

// differ compares samples by the difference of their medians. Of logarithms
// that is the logarithm of the medians' ratio.
func differ(before, after []float64) (*change, string) {
	if len(before) < enough || len(after) < enough {
		return nil, fmt.Sprintf("%d and %d rounds cannot be told apart, whatever they say; %d of each can", len(before), len(after), enough)
	}
	c := &change{of: OfExponent, value: bench.Median(after) - bench.Median(before)}
	c.low, c.high = bench.DifferenceInterval(before, after)
	thresholds := benchmath.DefaultThresholds
	a, b := benchmath.NewSample(slices.Clone(before), &thresholds), benchmath.NewSample(slices.Clone(after), &thresholds)
	c.rankP = min(benchmath.AssumeNothing.Compare(a, b).P, 1) // rounding can take it beyond
	c.p = benchmath.AssumeNormal.Compare(a, b).P
	if slices.Min(before) == slices.Max(before) && slices.Min(after) == slices.Max(after) {
		// Without noise there is nothing to test, and the tests refuse.
		c.p = 1
		if before[0] != after[0] {
			c.rankP, c.p = 0, 0
		}
	}
	return c, ""
}

// state is what the change amounts to.
func (c *change) state(threshold float64, better bench.Better) State {
	low, high := c.low, c.high
	if c.of != OfExponent {
		low, high, threshold = math.Log(low), math.Log(high), math.Log1p(threshold)
	}
	rises, falls := low > threshold, high < -threshold
	switch {
	case c.rankP > alpha || c.p > alpha || !rises && !falls:
		return Same
	case rises == (better == bench.Higher):
		return Improvement
	}
	return Regression
}

// holm multiplies each p by the factor that keeps the chance of any false
// alarm among all of them below the level that it is then compared with: the
// smallest by their number, the next by one less, and none below one before.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case ps[a] < ps[b]:
			return -1
		case ps[a] > ps[b]:
			return 1
		}
		return a - b
	})
	out := make([]float64, len(ps))
	least := 0.0
	for rank, i := range order {
		least = max(least, min(1, ps[i]*float64(len(ps)-rank)))
		out[i] = least
	}
	return out
}
