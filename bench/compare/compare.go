package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// alpha is the chance of a false alarm, of one figure by the U test and of all
// together by the Welch test.
const alpha = 0.05

// Options of a comparison.
type Options struct {
	// Tolerance is the share by which a figure may become worse, or better, and
	// still count as the same: 0.1 is a tenth. Of exponents it is the difference.
	// Range 0 to 10.
	Tolerance float64
}

// State is what has become of a figure.
type State string

// The states, in the order in which a table has them.
const (
	Regression  State = "worse"
	Improvement State = "better"
	NotCompared State = "not compared" // the note says why
	Same        State = "the same"     // no change beyond noise
)

// Comparison is two reports compared.
type Comparison struct {
	Before Run `json:"before"`
	After  Run `json:"after"`
	// Tolerance is that of the options, Drift the share by which half of all
	// baselines have moved at least; 0 when there are none.
	Tolerance float64  `json:"tolerance"`
	Drift     float64  `json:"drift"`
	Warnings  []string `json:"warnings"` // what makes the comparison weaker than it looks
	Figures   []Figure `json:"figures"`  // worse ones first
}

// Figure is one figure of both reports.
type Figure struct {
	Name   string       `json:"name"`
	What   string       `json:"what"`
	Unit   string       `json:"unit"`
	Better bench.Better `json:"better"`
	State  State        `json:"state"`
	Note   string       `json:"note,omitempty"`

	// The medians; a baseline's are 0 where the figure has none.
	Before         float64 `json:"before"`
	After          float64 `json:"after"`
	BaselineBefore float64 `json:"baseline_before,omitempty"`
	BaselineAfter  float64 `json:"baseline_after,omitempty"`

	// Of says what Change is of. Change is how many times the value before the
	// one after is, for exponents how much it is more; Low and High bound it.
	Of     Of      `json:"of,omitempty"`
	Change float64 `json:"change,omitempty"`
	Low    float64 `json:"low,omitempty"`
	High   float64 `json:"high,omitempty"`
	// Threshold is the share by which it had to change to count.
	Threshold float64 `json:"threshold,omitempty"`
	// RankP is that of the U test, P that of the Welch test, multiplied by
	// Holm's factor; both are 0..1.
	RankP float64 `json:"rank_p,omitempty"`
	P     float64 `json:"p,omitempty"`
}

// Of is what is compared.
type Of string

// What can be compared.
const (
	OfQuotient Of = "subject / baseline"
	OfSubject  Of = "subject"
	OfExponent Of = "exponent"
)

// Reports compares two reports; an error says why they cannot be, or what is
// wrong with the options.
func Reports(before, after *bench.Report, o Options) (*Comparison, error) {
	if !(o.Tolerance >= 0 && o.Tolerance <= 10) {
		return nil, fmt.Errorf("the tolerance is %v: a share from 0 to 10 is expected, 0.1 for a tenth", o.Tolerance)
	}
	if err := comparable(before, after); err != nil {
		return nil, err
	}
	c := &Comparison{
		Before: run(before), After: run(after), Tolerance: o.Tolerance, Warnings: warnings(before, after), Figures: []Figure{},
	}
	pairs := match(before, after)
	c.Drift = drift(pairs)
	here := sameMachine(before.Meta.Machine, after.Meta.Machine)
	samples := make([]*change, len(pairs))
	for i, p := range pairs {
		f := p.figure()
		if f.State == "" {
			samples[i], f.Note = p.change(here)
		}
		if samples[i] == nil && f.State == "" {
			f.State = NotCompared
		}
		c.Figures = append(c.Figures, f)
	}
	c.judge(pairs, samples)
	order := []State{Regression, Improvement, NotCompared, Same}
	slices.SortStableFunc(c.Figures, func(a, b Figure) int {
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	})
	return c, nil
}

// judge decides about the figures that have samples, all together.
func (c *Comparison) judge(pairs []pair, changes []*change) {
	var ps []float64
	for _, one := range changes {
		if one != nil {
			ps = append(ps, one.p)
		}
	}
	ps = holm(ps)
	for i, one := range changes {
		if one == nil {
			continue
		}
		one.p, ps = ps[0], ps[1:]
		f := &c.Figures[i]
		f.Threshold = c.Tolerance
		if one.of != OfExponent {
			f.Threshold = max(c.Tolerance, pairs[i].move(c.Drift))
		}
		f.Of, f.Change, f.Low, f.High, f.RankP, f.P = one.of, one.value, one.low, one.high, one.rankP, one.p
		f.State = one.state(f.Threshold, f.Better)
		if f.State == Same {
			f.Note = pairs[i].together(c.Tolerance)
		}
	}
}

// Regressed says whether a figure has become worse.
func (c *Comparison) Regressed() bool {
	return slices.ContainsFunc(c.Figures, func(f Figure) bool { return f.State == Regression })
}

// drift is how far half of the baselines have moved at least, as a share.
func drift(pairs []pair) float64 {
	var moves []float64
	for _, p := range pairs {
		if p.before != nil && p.after != nil && p.before.BaselineMedian > 0 && p.after.BaselineMedian > 0 {
			moves = append(moves, share(p.after.BaselineMedian/p.before.BaselineMedian))
		}
	}
	if len(moves) == 0 {
		return 0
	}
	return bench.Median(moves)
}

// share is how far a quotient is from 1, the same for 2 and 1/2.
func share(quotient float64) float64 { return math.Exp(math.Abs(math.Log(quotient))) - 1 }
