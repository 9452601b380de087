package page

import (
	"fmt"

	"gonum.org/v1/plot/plotter"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/soak"
)

// observed is a series of a soak with its plot.
type observed struct {
	soak.Series
	Figure figure
}

// series draws what was sampled over time; the second half, which is judged,
// begins at the line.
func (d *drawer) series(r *soak.Report) ([]observed, error) {
	var out []observed
	for _, s := range r.Series {
		one := observed{Series: s}
		if len(s.Values) > 1 && len(s.Values) == len(r.Seconds) {
			var err error
			if one.Figure, err = d.seriesPlot(r.Seconds, s); err != nil {
				return nil, err
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func (d *drawer) seriesPlot(seconds []float64, s soak.Series) (figure, error) {
	p := newPlot("minutes", "")
	p.Y.Tick.Marker = linear{func(v float64) string { return bench.Amount(v, s.Unit) }}
	points := make(plotter.XYs, len(s.Values))
	high := 0.0
	for i, v := range s.Values {
		points[i] = plotter.XY{X: seconds[i] / 60, Y: v}
		high = max(high, v)
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return figure{}, err
	}
	line.Color, _ = tint(0)
	line.Width = 1.2
	p.Y.Min, p.Y.Max = 0, max(1.1*high, 1)
	half := points[len(points)/2].X
	border, err := plotter.NewLine(plotter.XYs{{X: half, Y: 0}, {X: half, Y: p.Y.Max}})
	if err != nil {
		return figure{}, err
	}
	border.Color = grid
	p.Add(border, line)
	p.X.Min, p.X.Max = 0, points[len(points)-1].X
	return d.draw(p, 560, 200, s.What, fmt.Sprintf("%d samples over %.1f minutes, at most %s; the second half is %s.",
		len(s.Values), p.X.Max, bench.Amount(high, s.Unit), s.Trend.Flatness))
}
