package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// noisy gives n samples around a center: the noise is lognormal, as that of
// times is.
func noisy(r *rand.Rand, n int, center, spread float64) []float64 {
	samples := make([]float64, n)
	for i := range samples {
		samples[i] = center * math.Exp(spread*r.NormFloat64())
	}
	return samples
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) } //nolint:gosec // a test's randomness

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    float64
	}{{[]float64{3}, 3}, {[]float64{5, 1}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.samples); got != c.want {
			t.Errorf("of %v: got %v, want %v", c.samples, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("without samples there is no median")
	}
}

// Two runs of the same thing are not told apart, whatever the noise, but for
// the chance that the confidence admits.
func TestEqualSubjectsAreNotToldApart(t *testing.T) {
	for _, n := range []int{5, 7, 15} {
		for _, spread := range []float64{0.01, 0.1, 0.5} {
			t.Run(fmt.Sprintf("%d rounds, spread %v", n, spread), func(t *testing.T) {
				const trials = 300
				told := 0
				r := random(uint64(n))
				for range trials {
					if Compare(noisy(r, n, 100, spread), noisy(r, n, 100, spread), Lower, Advantage).Told {
						told++
					}
				}
				if share := float64(told) / trials; share > 0.06 { // 0.05, and chance
					t.Errorf("told apart in %.3f of all trials", share)
				}
			})
		}
	}
}

func TestIdenticalSamplesAreNotToldApart(t *testing.T) {
	same := []float64{7, 7, 7, 7, 7, 7, 7}
	if r := Compare(same, same, Lower, Advantage); r.Told || r.Value != 1 || r.Low != 1 || r.High != 1 {
		t.Errorf("%+v", r)
	}
}

// A difference larger than the noise is found, and the interval holds it.
func TestDifferencesAreFound(t *testing.T) {
	r := random(1)
	const trials = 200
	told, held := 0, 0
	for range trials {
		got := Compare(noisy(r, 7, 100, 0.05), noisy(r, 7, 150, 0.05), Lower, Advantage)
		if got.Told {
			told++
		}
		if got.Low <= 1.5 && 1.5 <= got.High {
			held++
		}
	}
	if told < trials*99/100 {
		t.Errorf("told apart in %d of %d", told, trials)
	}
	if held < trials*85/100 { // seven rounds make the bootstrap somewhat too sure
		t.Errorf("the interval holds the truth in %d of %d", held, trials)
	}
}

// Noise that meets both halves of a round does not hide a difference.
func TestNoiseOfARoundCancels(t *testing.T) {
	r := random(2)
	subject, baseline := make([]float64, 9), make([]float64, 9)
	for i := range subject {
		weather := math.Exp(0.02 * r.NormFloat64())
		subject[i], baseline[i] = 100*weather, 110*weather
	}
	got := Compare(subject, baseline, Lower, Advantage)
	if !got.Told || got.Low < 1.05 || got.High > 1.15 {
		t.Errorf("%+v", got)
	}
}

func TestForms(t *testing.T) {
	fast, slow := []float64{1, 1, 1, 1, 1}, []float64{4, 4, 4, 4, 4}
	for _, c := range []struct {
		name   string
		better Better
		form   Form
		want   float64 // of fast to slow
	}{
		{"times better, lower is better", Lower, Advantage, 4},
		{"times better, higher is better", Higher, Advantage, 0.25},
		{"share of the baseline", Lower, Share, 0.25},
		{"share of the baseline, higher is better", Higher, Share, 0.25},
	} {
		if got := Compare(fast, slow, c.better, c.form); got.Value != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got.Value, c.want)
		}
	}
}

func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "rounds")
		positive := rapid.Float64Range(1e-3, 1e9)
		s := rapid.SliceOfN(positive, n, n).Draw(t, "subject")
		b := rapid.SliceOfN(positive, n, n).Draw(t, "baseline")
		r := Compare(s, b, Lower, Share)
		if !(r.Low <= r.High) || r.Value <= 0 || r.P < 0 || r.P > 1 {
			t.Fatalf("%+v", r)
		}
		if r != Compare(s, b, Lower, Share) {
			t.Fatal("another result for the same samples")
		}
		if r.Told && r.Low <= 1 && r.High >= 1 {
			t.Fatalf("told apart with 1 in the interval: %+v", r)
		}
		scaled := make([]float64, n)
		for i := range s {
			scaled[i] = 2 * s[i]
		}
		if double := Compare(scaled, b, Lower, Share); math.Abs(double.Value/r.Value-2) > 1e-9 {
			t.Fatalf("twice the subject is not twice the ratio: %v, %v", r.Value, double.Value)
		}
	})
}

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		goal              Goal
		subject, baseline []float64
		want              Verdict
	}{
		"far better":          {Goal{AtLeast: 2}, []float64{1, 1.1, 0.9, 1, 1}, []float64{9, 9.1, 9, 8.9, 9}, Reached},
		"far worse":           {Goal{AtLeast: 2}, []float64{9, 9.1, 9, 8.9, 9}, []float64{9, 9.1, 9, 8.9, 9}, Missed},
		"the goal in between": {Goal{AtLeast: 2}, []float64{3, 5, 4, 6, 5}, []float64{9, 9.1, 9, 8.9, 9}, Undecided},
		"no baseline":         {Goal{AtMost: 5}, []float64{4, 4.1, 4.2, 4, 4.3}, nil, Reached},
		"no baseline, missed": {Goal{AtMost: 5}, []float64{6, 6.1, 6.2, 6, 6.3}, nil, Missed},
		"noise at the goal":   {Goal{AtMost: 5}, []float64{3, 6.1, 6.2, 4, 5.3}, nil, Undecided},
		"nothing measured":    {Goal{AtMost: 5}, nil, nil, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			r := Result{Samples: c.subject, BaselineSamples: c.baseline, Better: Lower, Goal: &c.goal}
			r.Judge(Advantage)
			if r.Verdict != c.want {
				t.Errorf("got %s, want %s; %+v", r.Verdict, c.want, r.Ratio)
			}
		})
	}
	r := Result{Samples: []float64{1}}
	if r.Judge(Share); r.Verdict != NoGoal {
		t.Errorf("without a goal: %s", r.Verdict)
	}
}
