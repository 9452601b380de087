package soak

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTrend(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	series := func(n int, at func(x float64) float64) []float64 { // x is 0..1
		out := make([]float64, n)
		for i := range out {
			out[i] = at(float64(i) / float64(n))
		}
		return out
	}
	noise := func() float64 { return 5 * random.NormFloat64() }
	for name, c := range map[string]struct {
		samples []float64
		want    Flatness
	}{
		"constant":           {series(100, func(float64) float64 { return 100 }), Flat},
		"noise":              {series(1000, func(float64) float64 { return 100 + noise() }), Flat},
		"teeth":              {series(1000, func(x float64) float64 { return 100 + math.Mod(x*400, 20) }), Flat},
		"fills, then flat":   {series(1000, func(x float64) float64 { return 100 + 200*min(x, 0.5) + noise() }), Flat},
		"falls":              {series(1000, func(x float64) float64 { return 300 - 200*x + noise() }), Flat},
		"rises a little":     {series(1000, func(x float64) float64 { return 100 + 5*x + noise() }), Flat},
		"rises":              {series(1000, func(x float64) float64 { return 100 + 100*x + noise() }), Rising},
		"one outlier":        {series(1000, func(x float64) float64 { return 100 + map[bool]float64{true: 1e6}[x == 0.9] }), Flat},
		"only a few samples": {series(2*parts*samplesAPart-2, func(float64) float64 { return 100 }), TooShort},
		"none":               {nil, TooShort},
		"noise alone":        {series(100, func(float64) float64 { return 100 + 40*noise() }), TooShort},
	} {
		if got := TrendOf(c.samples, Bound{Amount: 10, Share: 0.1}); got.Flatness != c.want {
			t.Errorf("%s: %+v; it is %s", name, got, c.want)
		}
	}
}
