package compare

import (
	"fmt"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// pair is a figure of both reports, or, with one of them nil, of one.
type pair struct{ before, after *bench.Result }

// match pairs the figures by name, in the order of the later report; those
// that only the earlier one has are last.
func match(before, after *bench.Report) []pair {
	earlier := map[string]*bench.Result{}
	for i := range before.Results {
		earlier[before.Results[i].Name] = &before.Results[i]
	}
	var pairs []pair
	for i := range after.Results {
		one := &after.Results[i]
		pairs = append(pairs, pair{earlier[one.Name], one})
		delete(earlier, one.Name)
	}
	for i := range before.Results {
		if one := earlier[before.Results[i].Name]; one != nil {
			pairs = append(pairs, pair{one, nil})
		}
	}
	return pairs
}

// figure is the pair as far as it can be told without its samples; its state
// is empty where they decide.
func (p pair) figure() Figure {
	one := p.after
	if one == nil {
		one = p.before
	}
	f := Figure{Name: one.Name, What: one.What, Unit: one.Unit, Better: one.Better}
	if p.before != nil {
		f.Before, f.BaselineBefore = p.before.Median, p.before.BaselineMedian
	}
	if p.after != nil {
		f.After, f.BaselineAfter = p.after.Median, p.after.BaselineMedian
	}
	switch {
	case p.after == nil:
		f.State, f.Note = NotCompared, "only the earlier report has it"
	case p.before == nil && failure(p.after) != "": // a case that fails has another name than its figures
		f.State, f.Note = Regression, "has no figure, and the earlier report has no such failure: "+failure(p.after)
	case p.before == nil:
		f.State, f.Note = NotCompared, "only the later report has it"
	case failure(p.after) != "" && failure(p.before) == "":
		f.State, f.Note = Regression, "has no figure any more: "+failure(p.after)
	case failure(p.before) != "" && failure(p.after) == "":
		f.State, f.Note = Improvement, "had no figure before: "+failure(p.before)
	case p.after.Ending != nil && p.before.Ending != nil:
		f.State, f.Note = Same, "has no answer in either report: "+failure(p.after)
	case failure(p.after) != "":
		f.State, f.Note = NotCompared, "has no figure in either report: "+failure(p.after)
	case p.before.Unit != p.after.Unit || p.before.Better != p.after.Better:
		f.State, f.Note = NotCompared, fmt.Sprintf("its unit was %s and is %s", p.before.Unit, p.after.Unit)
	case p.before.Dataset != p.after.Dataset || p.before.Seed != p.after.Seed:
		f.State, f.Note = NotCompared, fmt.Sprintf("its data were %s (seed %d) and are %s (seed %d)", p.before.Dataset, p.before.Seed, p.after.Dataset, p.after.Seed)
	}
	return f
}

// failure is why a result has no figure, empty when it has one.
func failure(r *bench.Result) string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Ending != nil && r.Ending.Fails != "":
		return r.Ending.Fails
	case r.Ending != nil:
		return r.Ending.String()
	case len(r.Samples) == 0:
		return string(r.Verdict)
	}
	return ""
}

// move is the share that a change has to be larger than to be one of the
// subject: that by which the baseline has moved.
func (p pair) move(drift float64) float64 {
	if p.before.BaselineMedian > 0 && p.after.BaselineMedian > 0 {
		return share(p.after.BaselineMedian / p.before.BaselineMedian)
	}
	return drift
}

// together tells of a subject that has moved with its baseline.
func (p pair) together(tolerance float64) string {
	if p.before.BaselineMedian <= 0 || p.after.BaselineMedian <= 0 || p.before.Median <= 0 || p.after.Median <= 0 {
		return ""
	}
	subject, baseline := p.after.Median/p.before.Median, p.after.BaselineMedian/p.before.BaselineMedian
	if share(subject) <= tolerance || share(baseline) <= tolerance || (subject > 1) != (baseline > 1) {
		return ""
	}
	return fmt.Sprintf("both have moved, the subject to %.2f and its baseline to %.2f times what they were: the machine, or what they share", subject, baseline)
}
