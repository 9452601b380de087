package page

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// tints are the colors that are drawn with, and the variable of the style sheet
// that each stands for.
var tints = []struct {
	drawn    color.RGBA
	variable string
}{
	{color.RGBA{1, 1, 1, 255}, "--ink"}, {color.RGBA{2, 2, 2, 255}, "--grid"},
	{color.RGBA{3, 3, 3, 255}, "--c1"}, {color.RGBA{4, 4, 4, 255}, "--c2"}, {color.RGBA{5, 5, 5, 255}, "--c3"},
	{color.RGBA{6, 6, 6, 255}, "--c4"}, {color.RGBA{7, 7, 7, 255}, "--c5"}, {color.RGBA{8, 8, 8, 255}, "--c6"},
}

var (
	ink  = tints[0].drawn
	grid = tints[1].drawn
)

// tint is the color of the i-th line of a plot, and its dashes, so that lines
// can be told apart without colors, too.
func tint(i int) (color.Color, []vg.Length) {
	dashes := [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}
	lines := tints[2:]
	return lines[i%len(lines)].drawn, dashes[i/len(lines)%len(dashes)]
}

// newPlot is an empty one in the theme.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color = ink, ink
		style(&axis.Label.TextStyle, 10)
		style(&axis.Tick.Label, 9)
	}
	style(&p.Legend.TextStyle, 9)
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Legend.Top = true
	return p
}

func style(s *text.Style, size vg.Length) {
	s.Color = ink
	s.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// figure is a plot with what a reader who does not see it must know.
type figure struct {
	Title string
	Desc  string
	SVG   template.HTML
}

// drawer draws figures, each of which has a number of its own in the page.
type drawer struct{ drawn int }

// draw makes a plot a figure, of the given size in points.
func (d *drawer) draw(p *plot.Plot, width, height vg.Length, title, desc string) (figure, error) {
	d.drawn++
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, height))
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return figure{}, fmt.Errorf("draw %s: %w", title, err)
	}
	_, drawing, found := strings.Cut(b.String(), "<svg ")
	if found {
		_, drawing, found = strings.Cut(drawing, ">")
	}
	if !found {
		return figure{}, fmt.Errorf("draw %s: there is no drawing in it", title)
	}
	replace := []string{"font-family:Liberation Sans", "font-family:inherit"}
	for _, t := range tints {
		replace = append(replace, fmt.Sprintf("#%02X%02X%02X", t.drawn.R, t.drawn.G, t.drawn.B), "var("+t.variable+")")
	}
	drawing = strings.NewReplacer(replace...).Replace(drawing)
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t%[1]d d%[1]d" viewBox="0 0 %[2]g %[3]g" width="%[2]gpt" height="%[3]gpt"><title id="t%[1]d">%[4]s</title><desc id="d%[1]d">%[5]s</desc>`,
		d.drawn, width.Points(), height.Points(), html.EscapeString(title), html.EscapeString(desc))
	// The library escapes what is text in a drawing; all else is its own.
	return figure{title, desc, template.HTML(head + drawing)}, nil //nolint:gosec // see above
}
