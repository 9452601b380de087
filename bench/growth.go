package bench

import "math"

// FitGrowth fits a ladder whose points have their samples, one for each round,
// and gives it with the exponents of the single rounds, which are the samples
// of its result. The points are at least two, with different positive x and
// positive samples, as many at each.
func FitGrowth(g Growth) (*Growth, []float64) {
	xs := make([]float64, len(g.Points))
	ys := make([]float64, len(g.Points))
	for i := range g.Points {
		p := &g.Points[i]
		p.Y = Median(p.Samples)
		xs[i], ys[i] = math.Log(p.X), math.Log(p.Y)
	}
	g.Exponent, g.R2 = line(xs, ys)
	rounds := make([]float64, len(g.Points[0].Samples))
	for round := range rounds {
		for i := range g.Points {
			ys[i] = math.Log(g.Points[i].Samples[round])
		}
		rounds[round], _ = line(xs, ys)
	}
	g.Low, g.High = Interval(rounds)
	return &g, rounds
}

// line is the slope of the least squares through points, and the share (0..1)
// of the variance of y that it explains: 1 where there is none to explain.
func line(xs, ys []float64) (slope, explained float64) {
	var mx, my float64
	for i := range xs {
		mx += xs[i] / float64(len(xs))
		my += ys[i] / float64(len(ys))
	}
	var xx, xy, yy float64
	for i := range xs {
		xx += (xs[i] - mx) * (xs[i] - mx)
		xy += (xs[i] - mx) * (ys[i] - my)
		yy += (ys[i] - my) * (ys[i] - my)
	}
	slope = xy / xx
	if yy == 0 {
		return slope, 1
	}
	return slope, xy * xy / (xx * yy)
}
