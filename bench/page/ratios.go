package page

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// perPlot is how many ratios one plot has.
const perPlot = 30

// bars are points with intervals, as the plotter wants them.
type bars struct {
	plotter.XYs
	plotter.XErrors
}

// ratios draws the ratios of one form, their intervals and their goals.
func (d *drawer) ratios(results []bench.Result, form bench.Form) ([]figure, error) {
	var all []*bench.Result
	for i := range results {
		r := results[i].Ratio
		if r != nil && r.Form == form && r.Value > 0 && r.Low > 0 && !math.IsInf(r.High, 0) {
			all = append(all, &results[i])
		}
	}
	title, axis := "How many times better than the baseline", "times better; 1: as good"
	if form == bench.Share {
		title, axis = "Share of the baseline", "subject / baseline; 1: as much"
	}
	var figures []figure
	for first := 0; first < len(all); first += perPlot {
		some := all[first:min(first+perPlot, len(all))]
		name := title
		if len(all) > perPlot {
			name += fmt.Sprintf(", %d to %d of %d", first+1, first+len(some), len(all))
		}
		one, err := d.ratioPlot(some, name, axis)
		if err != nil {
			return nil, err
		}
		figures = append(figures, one)
	}
	return figures, nil
}

func (d *drawer) ratioPlot(results []*bench.Result, title, axis string) (figure, error) {
	p := newPlot(axis, "")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{bench.Number}
	points := bars{}
	told, goals := plotter.XYs{}, plotter.XYs{}
	var names []plot.Tick
	low, high := 1.0, 1.0
	for i, r := range results {
		y := float64(len(results) - i)
		points.XYs = append(points.XYs, plotter.XY{X: r.Ratio.Value, Y: y})
		points.XErrors = append(points.XErrors, struct{ Low, High float64 }{r.Ratio.Value - r.Ratio.Low, r.Ratio.High - r.Ratio.Value})
		if r.Ratio.Told {
			told = append(told, points.XYs[i])
		}
		names = append(names, plot.Tick{Value: y, Label: r.Name})
		low, high = min(low, r.Ratio.Low), max(high, r.Ratio.High)
		if r.Goal != nil {
			at := max(r.Goal.AtLeast, r.Goal.AtMost)
			goals = append(goals, plotter.XY{X: at, Y: y})
			low, high = min(low, at), max(high, at)
		}
	}
	p.X.Min, p.X.Max = widen(low, high)
	p.Y.Min, p.Y.Max = 0.5, float64(len(results))+0.5
	p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.LineStyle.Width = plot.ConstantTicks(names), 0, 0
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: p.Y.Min}, {X: 1, Y: p.Y.Max}})
	if err != nil {
		return figure{}, err
	}
	even.Color = grid
	scatter, err := plotter.NewScatter(told)
	if err != nil {
		return figure{}, err
	}
	color, _ := tint(0)
	scatter.GlyphStyle = draw.GlyphStyle{Color: color, Radius: 3, Shape: draw.CircleGlyph{}}
	intervals, err := plotter.NewXErrorBars(points)
	if err != nil {
		return figure{}, err
	}
	intervals.Color, intervals.Width, intervals.CapWidth = color, 1.2, 5
	marks, err := plotter.NewScatter(goals)
	if err != nil {
		return figure{}, err
	}
	second, _ := tint(1)
	marks.GlyphStyle = draw.GlyphStyle{Color: second, Radius: 4, Shape: draw.PlusGlyph{}}
	p.Add(even, intervals, scatter, marks)
	return d.draw(p, 560, vg.Length(70+18*len(results)), title, fmt.Sprintf("Ratios with their intervals, on a logarithmic axis from %s to %s: %d. The tables of figures have the same numbers.", bench.Number(low), bench.Number(high), len(results)))
}
