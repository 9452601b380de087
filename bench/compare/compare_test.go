package compare

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

var update = flag.Bool("update", false, "rewrite the expected comparison in testdata")

// report is one of some results, taken at an hour of its own.
func report(hour int, results ...bench.Result) *bench.Report {
	at := time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)
	r := &bench.Report{Meta: bench.Meta{
		Format: bench.Format, Suite: "follow", Size: bench.Default, StartedAt: at, FinishedAt: at.Add(time.Minute), Seed: 1, Source: bench.OwnServer,
		Machine:  bench.Machine{CPU: "Some CPU @ 2 GHz", Cores: 2, MemoryBytes: 24 << 30, OS: "linux 6.1", Arch: "amd64"},
		Versions: bench.Versions{Go: "go1.26", Postgres: "15.10", Revision: fmt.Sprintf("abc%d", hour)},
		Settings: map[string]string{"jit": "off", "unix_socket_directories": fmt.Sprint(hour)},
	}}
	for _, one := range results {
		one.Judge(bench.Advantage)
		r.Results = append(r.Results, one)
	}
	return r
}

// figure is a result whose samples lie around v, and whose baseline's around b;
// 0: it has none.
func figure(name string, v, b float64) bench.Result {
	r := bench.Result{Name: name, What: name, Unit: "ns/op", Better: bench.Lower, Dataset: "some"}
	for _, noise := range []float64{0.98, 1.01, 1, 0.99, 1.02} {
		r.Samples = append(r.Samples, v*noise)
		if b > 0 {
			r.Baseline = "the baseline"
			r.BaselineSamples = append(r.BaselineSamples, b/noise)
		}
	}
	return r
}

func with(r bench.Result, change func(*bench.Result)) bench.Result {
	change(&r)
	return r
}

func compareReports(t *testing.T, before, after *bench.Report, tolerance float64) *Comparison {
	t.Helper()
	c, err := Reports(before, after, Options{Tolerance: tolerance})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// everything has a figure for each thing that can become of one.
func everything() (before, after *bench.Report) {
	higher := func(r *bench.Result) { r.Better, r.Unit = bench.Higher, "rows/s" }
	broken := func(r *bench.Result) { r.Samples, r.Error = nil, "no psql" }
	never := func(r *bench.Result) {
		r.Samples, r.Ending = nil, &bench.Ending{Fails: "structure of query does not match"}
	}
	exponent := func(at float64) func(*bench.Result) {
		return func(r *bench.Result) {
			r.Unit, r.Growth = "exponent", &bench.Growth{X: "tasks", Y: "time", Unit: "ns/op"}
			r.Samples = []float64{at - 0.01, at, at + 0.01, at, at}
		}
	}
	data := func(r *bench.Result) { r.Dataset = "others" }
	before = report(12,
		figure("slower", 100, 1000), figure("faster", 100, 1000), figure("as before", 100, 1000), figure("slow machine", 100, 1000),
		figure("a little slower", 100, 1000), figure("without baseline", 100, 0), with(figure("fewer rows", 1000, 0), higher), with(figure("more rows", 1000, 0), higher),
		with(figure("steeper", 1, 0), exponent(0.02)), with(figure("as flat", 1, 0), exponent(0.02)),
		figure("broke", 100, 0), with(figure("mended", 100, 0), broken), with(figure("broken", 100, 0), broken), with(figure("never", 100, 0), never),
		figure("other data", 100, 0), figure("gone", 100, 0))
	after = report(13,
		figure("slower", 150, 1000), figure("faster", 50, 1000), figure("as before", 101, 1000), figure("slow machine", 150, 1500),
		figure("a little slower", 105, 1000), figure("without baseline", 150, 0), with(figure("fewer rows", 500, 0), higher), with(figure("more rows", 2000, 0), higher),
		with(figure("steeper", 1, 0), exponent(0.9)), with(figure("as flat", 1, 0), exponent(0.03)),
		with(figure("broke", 100, 0), broken), figure("mended", 100, 0), with(figure("broken", 100, 0), broken), with(figure("never", 100, 0), never),
		with(figure("other data", 500, 0), data), figure("new", 100, 0))
	return before, after
}

func TestWhatBecomesOfEachFigure(t *testing.T) {
	before, after := everything()
	c := compareReports(t, before, after, 0.1)
	got := map[string]State{}
	for _, f := range c.Figures {
		got[f.Name] = f.State
	}
	want := map[string]State{
		"slower": Regression, "faster": Improvement, "as before": Same, "slow machine": Same, "a little slower": Same, "without baseline": Regression,
		"fewer rows": Regression, "more rows": Improvement, "steeper": Regression, "as flat": Same,
		"broke": Regression, "mended": Improvement, "broken": NotCompared, "never": Same, "other data": NotCompared, "gone": NotCompared, "new": NotCompared,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !c.Regressed() {
		t.Error("nothing has become worse")
	}
}

// A case that fails has another name than the figures that it had.
func TestFailureUnderAnotherName(t *testing.T) {
	before := report(12, figure("readiness/fast", 100, 1000), figure("other", 100, 0))
	failed := with(figure("readiness", 100, 0), func(r *bench.Result) { r.Samples, r.Error = nil, "no psql" })
	c := compareReports(t, before, report(13, failed, figure("other", 100, 0)), 0.1)
	if !c.Regressed() || c.Figures[0].Name != "readiness" || !strings.Contains(c.Figures[0].Note, "no psql") {
		t.Errorf("%+v", c.Figures)
	}
}

func TestLayout(t *testing.T) {
	before, after := everything()
	after.Meta.Machine.OS, after.Meta.Versions.Postgres, after.Meta.Settings["jit"], after.Meta.Interrupted = "linux 6.2", "15.11", "on", true
	c := compareReports(t, before, after, 0.1)
	var b bytes.Buffer
	for _, all := range []bool{false, true} {
		if err := c.Write(&b, all); err != nil {
			t.Fatal(err)
		}
		b.WriteString("----\n")
	}
	const path = "testdata/comparison.txt"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil { //nolint:gosec // testdata is for all
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBaselinesThatMoveRaiseWhatCounts(t *testing.T) {
	// Baselines, which nobody has changed, moved by a third; a figure without
	// one that has moved by as much is not told apart from that.
	before := report(12, figure("a", 100, 1000), figure("b", 100, 1000), figure("c", 100, 1000), figure("alone", 100, 0), figure("slow", 100, 0))
	after := report(13, figure("a", 133, 1330), figure("b", 133, 1330), figure("c", 133, 1330), figure("alone", 130, 0), figure("slow", 200, 0))
	for _, f := range compareReports(t, before, after, 0.1).Figures {
		want := Same
		if f.Name == "slow" {
			want = Regression
		}
		if f.State != want || math.Abs(f.Threshold-0.33) > 1e-9 {
			t.Errorf("%s is %s, counted from %v", f.Name, f.State, f.Threshold)
		}
	}
}

func TestAnotherMachine(t *testing.T) {
	before := report(12, figure("with", 100, 1000), figure("without", 100, 0))
	after := report(13, figure("with", 300, 1500), figure("without", 300, 0))
	after.Meta.Machine.CPU = "Another CPU"
	c := compareReports(t, before, after, 0.1)
	if c.Figures[0].Name != "with" || c.Figures[0].State != Regression || c.Figures[1].State != NotCompared || len(c.Warnings) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestRefused(t *testing.T) {
	good := report(12, figure("a", 1, 0))
	for name, change := range map[string]func(*bench.Meta){
		"suite": func(m *bench.Meta) { m.Suite = "rows" }, "size": func(m *bench.Meta) { m.Size = bench.Quick }, "source": func(m *bench.Meta) { m.Source = bench.GivenDatabase },
	} {
		other := report(13, figure("a", 1, 0))
		change(&other.Meta)
		if _, err := Reports(good, other, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := Reports(good, report(13), Options{}); err == nil {
		t.Error("a report without figures is compared")
	}
	for _, tolerance := range []float64{-1, 11, math.NaN()} {
		if _, err := Reports(good, good, Options{Tolerance: tolerance}); err == nil {
			t.Errorf("a tolerance of %v is taken", tolerance)
		}
	}
	all := report(13, figure("a", 1, 0))
	all.Meta.Suite, all.Meta.Size = "rows", bench.Quick
	if _, err := Reports(good, all, Options{}); err == nil || strings.Count(err.Error(), "differs") != 2 {
		t.Errorf("not all that is wrong is said: %v", err)
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.01, 0.04, 0.03, 0.005})
	want := []float64{0.03, 0.06, 0.06, 0.02}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Fatalf("%v", got)
		}
	}
	if len(holm(nil)) != 0 {
		t.Error("something of nothing")
	}
}

// TestNoiseAlone compares pairs of runs whose figures differ by chance alone,
// without any tolerance: a false alarm is to be rarer than one in twenty.
func TestNoiseAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	noisy := func(hour int) *bench.Report {
		var results []bench.Result
		for i := range 20 {
			r := figure(fmt.Sprint(i), 100, 0)
			for round := range r.Samples {
				r.Samples[round] = 100 * math.Exp(0.1*random.NormFloat64())
			}
			results = append(results, r)
		}
		return report(hour, results...)
	}
	const runs = 20
	alarms := 0
	for range runs {
		c := compareReports(t, noisy(12), noisy(13), 0)
		if slices.ContainsFunc(c.Figures, func(f Figure) bool { return f.State != Same }) {
			alarms++
		}
	}
	t.Logf("%d false alarms in %d comparisons of 20 figures", alarms, runs)
	if alarms > runs/20 {
		t.Errorf("%d false alarms in %d comparisons", alarms, runs)
	}
}
