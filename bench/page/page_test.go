package page

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/soak"
)

// hostile is what a name would be that wants to be part of the page.
const hostile = `<script>alert("&'")</script>`

// sample has one result of every kind that is drawn.
func sample() *bench.Report {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &bench.Report{Meta: bench.Meta{
		Format: bench.Format, Suite: "follow", Size: bench.Default, StartedAt: at, FinishedAt: at.Add(time.Minute), Seed: 1,
		Machine:  bench.Machine{CPU: "Some CPU @ 2 GHz", Cores: 2, MemoryBytes: 24 << 30, OS: "linux 6.1", Arch: "amd64"},
		Versions: bench.Versions{Go: "go1.26", Postgres: "15.10", Revision: "abc123"},
		Settings: map[string]string{"jit": "off"},
	}}
	add := func(form bench.Form, one bench.Result) {
		one.Seed, one.At, one.Took = 1, at, 1.5
		one.Judge(form)
		r.Results = append(r.Results, one)
	}
	recorder := bench.NewRecorder()
	for i := range 10_000 {
		recorder.Record(time.Duration(100+i) * time.Microsecond)
	}
	add(bench.Advantage, bench.Result{
		Name: "readiness", What: "readiness of a 10-step task", Baseline: "the engine's function", Unit: "ns/op", Better: bench.Lower,
		Samples: []float64{1000, 1010, 990, 1005, 995}, BaselineSamples: []float64{400e3, 401e3, 399e3, 402e3, 398e3}, Goal: &bench.Goal{AtLeast: 200},
	})
	add(bench.Share, bench.Result{
		Name: "start", What: "start to fresh", Baseline: "psql", Unit: "ns", Better: bench.Lower, Goal: &bench.Goal{AtMost: 1.5},
		Samples: []float64{1.0e9, 1.3e9, 0.9e9, 1.2e9, 1.1e9}, BaselineSamples: []float64{1.1e9, 1.0e9, 1.2e9, 1.05e9, 1.15e9},
	})
	add(bench.Share, bench.Result{
		Name: "commit", What: hostile, Unit: "ns", Better: bench.Lower, Samples: []float64{6e6, 6.1e6, 5.9e6, 6.2e6, 6e6},
		Goal: &bench.Goal{AtMost: 5e6}, Latency: recorder.Latency(), Notes: []string{hostile},
	})
	add(bench.Share, bench.Result{Name: "broken", What: "what failed", Unit: "ns", Goal: &bench.Goal{AtMost: 1}, Error: hostile})
	add(bench.Advantage, bench.Result{
		Name: "context/fast", What: "context, fast", Question: "context", By: "fast", Baseline: "engine", Unit: "ns/op", Better: bench.Lower,
		Samples: []float64{90e3, 91e3, 92e3, 93e3, 94e3}, BaselineSamples: []float64{250e3, 251e3, 252e3, 253e3, 254e3},
		Latency: recorder.Latency(), BaselineLatency: recorder.Latency(), Open: &bench.OpenLoop{RatePerSecond: 100, Latency: recorder.Latency()},
	})
	growth, exponents := bench.FitGrowth(bench.Growth{X: "tasks", Y: "time", Unit: "ns/op", Points: []bench.Point{
		{X: 100, Samples: []float64{10, 11, 10, 12, 10}}, {X: 1000, Samples: []float64{11, 11, 10, 12, 11}}, {X: 10_000, Samples: []float64{12, 11, 12, 12, 11}},
	}})
	add(bench.Share, bench.Result{Name: "change-growth", What: "cost of a change", Unit: "exponent", Better: bench.Lower, Samples: exponents, Growth: growth, Goal: &bench.Goal{AtMost: 0.1}})
	return r
}

// soaked is the report of a soak of which one series rises.
func soaked() *soak.Report {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &soak.Report{Format: soak.Format, StartedAt: at, FinishedAt: at.Add(10 * time.Minute), Verdict: soak.NotGood, Reasons: []string{hostile}, Found: []string{}, Errors: []string{}}
	flat, rising := soak.Series{Name: "goroutines", What: "goroutines", Unit: "goroutines"}, soak.Series{Name: "heap", What: "memory " + hostile, Unit: "B"}
	for i := range 300 {
		r.Seconds = append(r.Seconds, float64(2*i))
		flat.Values, rising.Values = append(flat.Values, 20), append(rising.Values, 1e6*(10+float64(i)+math.Sin(float64(i))))
	}
	for _, s := range []soak.Series{flat, rising} {
		s.Trend = soak.TrendOf(s.Values, soak.Bound{Amount: 5, Share: 0.1})
		r.Series = append(r.Series, s)
	}
	return r
}

// pages are all kinds of pages, and how many plots each has.
func pages(t *testing.T) map[string]struct {
	html  []byte
	plots int
} {
	t.Helper()
	type page = struct {
		html  []byte
		plots int
	}
	write := func(plots int, write func(*bytes.Buffer) error) page {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return page{b.Bytes(), plots}
	}
	all := map[string]page{
		"report":  write(5, func(b *bytes.Buffer) error { return Report(b, sample()) }),
		"soak":    write(2, func(b *bytes.Buffer) error { return Soak(b, soaked()) }),
		"nothing": write(0, func(b *bytes.Buffer) error { return Report(b, &bench.Report{}) }),
	}
	for name, plots := range map[string]int{"follow": 4, "rows": 0} {
		file, err := os.Open(fmt.Sprintf("../results/%s.json", name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := bench.Read(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = write(plots, func(b *bytes.Buffer) error { return Report(b, r) })
	}
	return all
}

func TestPages(t *testing.T) {
	for name, p := range pages(t) {
		text := string(p.html)
		if p.plots > 0 && strings.Count(text, "<svg ") != p.plots {
			t.Errorf("%s: %d plots; %d are expected", name, strings.Count(text, "<svg "), p.plots)
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "ZgotmplZ") || strings.Contains(text, "<no value>") || strings.Contains(text, "NaN") {
			t.Errorf("%s: something is in the page that must not be", name)
		}
		if strings.Count(text, "<title id=") != strings.Count(text, "<svg ") || strings.Count(text, "<desc id=") != strings.Count(text, "<svg ") {
			t.Errorf("%s: a plot without title or description", name)
		}
	}
}
