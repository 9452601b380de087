package page

import (
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// distribution is a curve of a plot of latencies.
type distribution struct {
	Name    string
	Latency *bench.Latency
}

// group is the distributions that belong into one plot.
type group struct {
	Title  string
	Curves []distribution
	Figure figure
}

// latencies draws all distributions, those of a question in one plot.
func (d *drawer) latencies(results []bench.Result) ([]group, error) {
	var groups []group
	at := map[string]int{}
	for i := range results {
		r := &results[i]
		title := r.Question
		if title == "" {
			title = r.Name
		}
		add := func(name string, l *bench.Latency) {
			if l == nil || l.Count == 0 {
				return
			}
			if _, known := at[title]; !known {
				at[title] = len(groups)
				groups = append(groups, group{Title: title})
			}
			g := &groups[at[title]]
			for _, c := range g.Curves {
				if c.Name == name { // the baseline of several results
					return
				}
			}
			g.Curves = append(g.Curves, distribution{name, l})
		}
		subject := r.By
		if subject == "" {
			subject = r.Name
		}
		add(subject, r.Latency)
		add(r.Baseline, r.BaselineLatency)
		if r.Open != nil {
			open := fmt.Sprintf(", open loop, %s/s", bench.Number(r.Open.RatePerSecond))
			add(subject+open, r.Open.Latency)
			add(r.Baseline+open, r.Open.Baseline)
		}
	}
	for i := range groups {
		var err error
		if groups[i].Figure, err = d.latencyPlot(&groups[i]); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// latencyPlot has the share of slower answers on its first axis, from all to
// the slowest alone, and the time on its second.
func (d *drawer) latencyPlot(g *group) (figure, error) {
	p := newPlot("percentile", "time")
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = decades{func(v float64) string { return bench.Amount(v, "ns") }}
	most, low, high := 10.0, math.Inf(1), 0.0
	for i, c := range g.Curves {
		points, err := curve(c.Latency)
		if err != nil {
			return figure{}, fmt.Errorf("%s, %s: %w", g.Title, c.Name, err)
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return figure{}, err
		}
		line.Color, line.Dashes = tint(i)
		line.Width = 1.5
		p.Add(line)
		p.Legend.Add(c.Name, line)
		most = max(most, points[len(points)-1].X)
		low, high = min(low, points[0].Y), max(high, points[len(points)-1].Y)
	}
	p.X.Min, p.X.Max = 1, most*1.3 // room for the last label
	p.Y.Min, p.Y.Max = widen(low, high)
	p.Legend.Left = true
	var ticks []plot.Tick
	for _, q := range []string{"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"} {
		if v := math.Pow(10, float64(len(ticks))); v <= most*1.0001 {
			ticks = append(ticks, plot.Tick{Value: v, Label: q})
		}
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	return d.draw(p, 560, 280, "Latency: "+g.Title, fmt.Sprintf("Time over percentiles, both axes logarithmic, from %s to %s, as curves: %d. The table below has their percentiles.",
		bench.Amount(low, "ns"), bench.Amount(high, "ns"), len(g.Curves)))
}

// curve is a distribution by 1/(1 - percentile).
func curve(l *bench.Latency) (plotter.XYs, error) {
	h, err := hdrhistogram.Decode([]byte(l.Histogram))
	if err != nil {
		return nil, fmt.Errorf("its histogram: %w", err)
	}
	var points plotter.XYs
	last := max(float64(l.Count), 2)
	for x := 1.0; x < last; x *= 1.25 {
		points = append(points, plotter.XY{X: x, Y: max(float64(h.ValueAtQuantile(100*(1-1/x))), 1)})
	}
	return append(points, plotter.XY{X: last, Y: max(float64(l.Max), 1)}), nil
}
