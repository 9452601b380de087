package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"
)

var update = flag.Bool("update", false, "rewrite the expected reports in testdata")

// sampleReport has one result of every kind.
func sampleReport() *Report {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &Report{Meta: Meta{
		Format: Format, Suite: "follow", Size: Full, StartedAt: at, FinishedAt: at.Add(time.Minute), Seed: 1,
		Machine:  Machine{CPU: "Some CPU @ 2 GHz", Cores: 2, MemoryBytes: 24 << 30, OS: "linux 6.1", Arch: "amd64"},
		Versions: Versions{Go: "go1.26", Postgres: "15.10", Revision: "abc123"},
		Settings: map[string]string{"jit": "off"},
	}}
	add := func(form Form, one Result) {
		one.Seed, one.At, one.Took = 1, at, 1.5
		one.Judge(form)
		r.Results = append(r.Results, one)
	}
	recorder := NewRecorder()
	recorder.Record(3 * time.Millisecond)
	add(Advantage, Result{
		Name: "readiness", What: "readiness of a 10-step task", Subject: "in process", Baseline: "the engine's function", Unit: "ns/op", Better: Lower,
		Samples: []float64{1000, 1010, 990, 1005, 995}, BaselineSamples: []float64{400e3, 401e3, 399e3, 402e3, 398e3}, Goal: &Goal{AtLeast: 200},
	})
	add(Share, Result{
		Name: "snapshot", What: "snapshot load", Subject: "load", Baseline: "psql", Unit: "rows/s", Better: Higher,
		Samples: []float64{1.0e6, 1.3e6, 0.9e6, 1.2e6, 1.1e6}, BaselineSamples: []float64{1.1e6, 1.0e6, 1.2e6, 1.05e6, 1.15e6}, Goal: &Goal{AtLeast: 1},
	})
	add(Share, Result{
		Name: "commit", What: "commit to answer, p99", Unit: "ns", Better: Lower, Samples: []float64{6e6, 6.1e6, 5.9e6, 6.2e6, 6e6},
		Goal: &Goal{AtMost: 5e6}, Latency: recorder.Latency(), Notes: []string{"at 500 commits/s"},
	})
	add(Share, Result{Name: "broken", What: "what failed", Unit: "ns", Goal: &Goal{AtMost: 1}, Error: "no psql"})
	add(Share, Result{Name: "memory", What: "memory", Unit: "B/step", Better: Lower, Samples: []float64{181.25}})
	add(Advantage, Result{
		Name: "step-readiness/fast", What: "readiness of a step, fast", Question: "step-readiness", By: "fast", Subject: "fast", Baseline: "engine", Unit: "ns/op", Better: Lower,
		Samples: []float64{90e3, 91e3, 92e3, 93e3, 94e3}, BaselineSamples: []float64{250e3, 251e3, 252e3, 253e3, 254e3},
		Latency: recorder.Latency(), BaselineLatency: recorder.Latency(), Open: &OpenLoop{RatePerSecond: 100, Latency: recorder.Latency(), Baseline: recorder.Latency()},
		Cost: &Cost{Source: "pg_stat_statements", ServerNanoseconds: 70e3, CPUNanoseconds: 65e3, BuffersHit: 12}, BaselineCost: &Cost{Source: "pg_stat_statements", ServerNanoseconds: 200e3, BuffersHit: 120.5, BuffersRead: 1},
		FallBacks: &FallBacks{Answers: 1000, FromRows: 998, Causes: map[string]int64{"behind": 2}},
	})
	add(Advantage, Result{
		Name: "levels-20/process", What: "levels of 20 diamonds", Question: "levels-20", By: "process", Subject: "process", Baseline: "engine", Unit: "ns/op", Better: Lower,
		Samples: []float64{5000, 5010, 4990, 5005, 4995}, Goal: &Goal{AtLeast: 1000}, BaselineEnding: &Ending{CutSeconds: 30},
	})
	add(Advantage, Result{
		Name: "slowest-steps/engine", What: "slowest steps", Question: "slowest-steps", By: "engine", Subject: "engine", Unit: "ns/op", Better: Lower,
		Ending: &Ending{Fails: "structure of query does not match function result type"},
	})
	growth, exponents := FitGrowth(Growth{X: "tasks", Y: "time", Unit: "ns/op", Points: []Point{
		{X: 100, Samples: []float64{10, 11, 10, 12, 10}}, {X: 1000, Samples: []float64{11, 11, 10, 12, 11}}, {X: 10_000, Samples: []float64{12, 11, 12, 12, 11}},
	}})
	add(Share, Result{Name: "change-growth", What: "cost of a change against the number of tasks", Unit: "exponent", Better: Lower, Samples: exponents, Growth: growth, Goal: &Goal{AtMost: 0.1}})
	return r
}

func TestReportRoundTrip(t *testing.T) {
	r := sampleReport()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "x", "no format": `{"results":[]}`, "of the future": `{"meta":{"format":2}}`,
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: an error was expected", name)
		}
	}
}

// TestWriters compares with files, so that the JSON form stays what it is.
func TestWriters(t *testing.T) {
	r := sampleReport()
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.json":  func(b *bytes.Buffer) error { return r.Write(b) },
		"report.txt":   func(b *bytes.Buffer) error { return r.WriteTable(b) },
		"report.md":    func(b *bytes.Buffer) error { return r.WriteMarkdown(b) },
		"report.bench": func(b *bytes.Buffer) error { return r.WriteBenchstat(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			path := "testdata/" + name
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
		})
	}
}

func TestBenchstatReadsIt(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteBenchstat(&b); err != nil {
		t.Fatal(err)
	}
	reader := benchfmt.NewReader(&b, "report")
	samples := 0
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(record)
		case *benchfmt.Result:
			samples++
		}
	}
	if err := reader.Err(); err != nil || samples != 46 {
		t.Errorf("%d samples, %v", samples, err)
	}
}

func TestNoRatioWithinNoise(t *testing.T) {
	var b bytes.Buffer
	if err := sampleReport().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "snapshot") && !strings.Contains(line, "no difference beyond noise") {
			t.Errorf("a ratio is claimed: %s", line)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"unknown suite": {Suite: "x"}, "unknown size": {Size: "x"}, "too few rounds": {Rounds: 1},
	} {
		if r, err := Run(t.Context(), o); err == nil || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInterruptedRunReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	one := Case{Name: "one", run: func(context.Context, *lab, *Case) ([]Result, error) {
		return []Result{{Name: "one", Samples: []float64{1}}}, nil
	}}
	two := Case{Name: "two", run: func(ctx context.Context, _ *lab, _ *Case) ([]Result, error) {
		cancel()
		return []Result{{Name: "two", Samples: []float64{1, 2}}, {Name: "nothing"}}, ctx.Err()
	}}
	three := Case{Name: "three", run: func(context.Context, *lab, *Case) ([]Result, error) {
		t.Error("was run after the interruption")
		return nil, nil
	}}
	o, err := Options{Size: Quick}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := runCases(ctx, o, []Case{one, two, three})
	if !errors.Is(err, context.Canceled) || !r.Meta.Interrupted || len(r.Results) != 2 || len(r.Results[1].Notes) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

// What the budget does not suffice for is in the report all the same.
func TestNothingIsLeftOutWithoutTime(t *testing.T) {
	slow := Case{Name: "slow", run: func(ctx context.Context, _ *lab, _ *Case) ([]Result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	after := Case{Name: "after", Goal: Goal{AtLeast: 2}, run: slow.run}
	r, err := runCases(t.Context(), Options{Size: Quick, Budget: time.Millisecond, Rounds: 5, Progress: func(Progress) {}}, []Case{slow, after})
	if err != nil || r.Meta.Interrupted || len(r.Results) != 2 {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, one := range r.Results {
		if one.Verdict != NotMeasured || len(one.Notes) != 1 {
			t.Errorf("%+v", one)
		}
	}
}

func TestFailedCaseDoesNotStopTheOthers(t *testing.T) {
	bad := Case{Name: "bad", Goal: Goal{AtLeast: 1}, run: func(context.Context, *lab, *Case) ([]Result, error) { return nil, errors.New("no psql") }}
	good := Case{Name: "good", run: func(context.Context, *lab, *Case) ([]Result, error) {
		return []Result{{Name: "good", Samples: []float64{1}}}, nil
	}}
	o, err := Options{Size: Quick}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := runCases(t.Context(), o, []Case{bad, good})
	if err != nil || len(r.Results) != 2 || r.Results[0].Verdict != Failed || r.Results[0].Error != "no psql" || r.Results[1].Verdict != NoGoal {
		t.Errorf("%v, %+v", err, r.Results)
	}
}
