package bench

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A law that was put in comes out, whatever its constant; noise widens the
// interval and leaves it around the law.
func TestFitGrowth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exponent := rapid.Float64Range(-1, 3).Draw(t, "exponent")
		constant := rapid.Float64Range(1e-3, 1e9).Draw(t, "constant")
		noise := rapid.Float64Range(0, 0.2).Draw(t, "noise")
		r := random(rapid.Uint64().Draw(t, "seed"))
		g := Growth{X: "tasks", Y: "time", Unit: "ns"}
		for _, x := range []float64{100, 1000, 10_000, 100_000} {
			p := Point{X: x}
			for range 7 {
				p.Samples = append(p.Samples, constant*math.Pow(x, exponent)*math.Exp(noise*r.NormFloat64()))
			}
			g.Points = append(g.Points, p)
		}
		fitted, rounds := FitGrowth(g)
		if off := math.Abs(fitted.Exponent - exponent); off > 1e-9+noise*0.6 {
			t.Errorf("the exponent %v was fitted as %v", exponent, fitted.Exponent)
		}
		if len(rounds) != 7 || fitted.Low > Median(rounds) || fitted.High < Median(rounds) {
			t.Errorf("the rounds have %v, the interval is %v to %v", rounds, fitted.Low, fitted.High)
		}
		if noise == 0 && math.Abs(exponent) > 0.01 && fitted.R2 < 0.999 {
			t.Errorf("a line without noise explains %v", fitted.R2)
		}
	})
}

func TestJudgeEndings(t *testing.T) {
	fast := []float64{1e6, 1.01e6, 0.99e6, 1e6, 1e6}
	for name, c := range map[string]struct {
		r     Result
		want  Verdict
		ratio string
	}{
		"a baseline that was cut beyond the goal":    {Result{Samples: fast, Goal: &Goal{AtLeast: 1000}, BaselineEnding: &Ending{CutSeconds: 30}}, Reached, "> 29,703"},
		"a baseline that was cut below the goal":     {Result{Samples: fast, Goal: &Goal{AtLeast: 1e6}, BaselineEnding: &Ending{CutSeconds: 30}}, Undecided, "> 29,703"},
		"a baseline that was cut before we are done": {Result{Samples: []float64{4e10, 4e10, 4e10, 4e10, 4e10}, BaselineEnding: &Ending{CutSeconds: 30}}, NoGoal, "–"},
		"a baseline that fails":                      {Result{Samples: fast, Goal: &Goal{AtLeast: 10}, BaselineEnding: &Ending{Fails: "no"}}, NoGoal, ""},
		"a subject that fails":                       {Result{Ending: &Ending{Fails: "no"}}, NoAnswer, ""},
	} {
		c.r.Better = Lower
		c.r.Judge(Advantage)
		ratio := ""
		if c.r.Ratio != nil {
			ratio = c.r.Ratio.String()
		}
		if c.r.Verdict != c.want || ratio != c.ratio {
			t.Errorf("%s: %s, ratio %q; %s and %q were expected", name, c.r.Verdict, ratio, c.want, c.ratio)
		}
	}
}
