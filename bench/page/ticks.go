package page

import (
	"math"

	"gonum.org/v1/plot"
)

// decades are the ticks of a logarithmic axis: each power of ten has its label,
// and, where there are few, 2 and 5 have, too.
type decades struct{ label func(float64) string }

func (t decades) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	labels := 0
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	every := math.Max(1, math.Ceil((last-first)/8))
	for e := first; e <= last; e++ {
		for _, digit := range []float64{1, 2, 5} {
			v := digit * math.Pow(10, e)
			if v < low*(1-1e-9) || v > high*(1+1e-9) {
				continue
			}
			label := ""
			if digit == 1 && math.Mod(e-first, every) == 0 || last-first <= 2 {
				label = t.label(v)
				labels++
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label})
		}
	}
	if labels < 2 { // no decade is within the range
		return linear(t).Ticks(low, high)
	}
	return ticks
}

// linear are the library's ticks with labels of ours.
type linear struct{ label func(float64) string }

func (t linear) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = t.label(ticks[i].Value)
		}
	}
	return ticks
}

// widen makes room around a logarithmic range, and some where there is none.
func widen(low, high float64) (from, to float64) {
	room := math.Max(1.15, math.Pow(high/low, 0.05))
	return low / room, high * room
}
