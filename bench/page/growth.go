package page

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// ladder is the growths that belong into one plot: of the same thing against
// the same thing.
type ladder struct {
	Title   string
	Results []*bench.Result
	Figure  figure
}

// perLadder is how many lines a plot can have and still be read.
const perLadder = 8

// growths draws all ladders, on logarithmic axes, where a power is a straight
// line.
func (d *drawer) growths(results []bench.Result) ([]ladder, error) {
	var ladders []ladder
	at := map[string]int{}
	for i := range results {
		g := results[i].Growth
		if g == nil || !drawable(g) {
			continue
		}
		title := fmt.Sprintf("%s against %s", g.Y, g.X)
		key := title + g.Unit + results[i].Question
		known, ok := at[key]
		if !ok || len(ladders[known].Results) == perLadder {
			known = len(ladders)
			at[key] = known
			if results[i].Question != "" {
				title = results[i].Question + ": " + title
			}
			ladders = append(ladders, ladder{Title: title})
		}
		ladders[known].Results = append(ladders[known].Results, &results[i])
	}
	for i := range ladders {
		var err error
		if ladders[i].Figure, err = d.growthPlot(&ladders[i]); err != nil {
			return nil, err
		}
	}
	return ladders, nil
}

// drawable says whether all points can be on a logarithmic axis.
func drawable(g *bench.Growth) bool {
	for _, p := range g.Points {
		if !(p.X > 0 && p.Y > 0) || math.IsInf(p.Y, 0) {
			return false
		}
	}
	return len(g.Points) > 1
}

func (d *drawer) growthPlot(l *ladder) (figure, error) {
	first := l.Results[0].Growth
	p := newPlot(first.X, first.Y)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker = decades{bench.Number}
	p.Y.Tick.Marker = decades{func(v float64) string { return bench.Amount(v, first.Unit) }}
	p.Legend.Left = true
	lowX, highX, lowY, highY := math.Inf(1), 0.0, math.Inf(1), 0.0
	for i, r := range l.Results {
		points := make(plotter.XYs, len(r.Growth.Points))
		for j, one := range r.Growth.Points {
			points[j] = plotter.XY{X: one.X, Y: one.Y}
			lowX, highX, lowY, highY = min(lowX, one.X), max(highX, one.X), min(lowY, one.Y), max(highY, one.Y)
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return figure{}, err
		}
		line.Color, line.Dashes = tint(i)
		line.Width = 1.5
		marks.GlyphStyle = draw.GlyphStyle{Color: line.Color, Radius: 3, Shape: draw.CircleGlyph{}}
		p.Add(line, marks)
		p.Legend.Add(fmt.Sprintf("%s, exponent %.2f", r.Name, r.Growth.Exponent), line)
	}
	p.X.Min, p.X.Max = widen(lowX, highX)
	p.Y.Min, p.Y.Max = widen(lowY, highY)
	return d.draw(p, 560, 320, "Growth: "+l.Title, fmt.Sprintf("%s from %s to %s, on logarithmic axes, as lines: %d. The table below has the exponents.", first.X, bench.Number(lowX), bench.Number(highX), len(l.Results)))
}
