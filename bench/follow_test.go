package bench

import (
	"os"
	"regexp"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

func TestMain(m *testing.M) {
	Child()
	pgtest.Main(m)
}

// TestFollowSuite runs every case at its quick size, so that the suite cannot
// rot: every figure is taken, and answers are compared. What the figures are is
// for runs that nobody disturbs.
func TestFollowSuite(t *testing.T) { testSuite(t, "follow") }

func testSuite(t *testing.T, name string) {
	o := Options{Suite: name, Size: Quick, Rounds: 5, Progress: func(p Progress) { t.Logf("%d/%d %s: %s", p.Index, p.Cases, p.Case, p.Stage) }}
	if only := os.Getenv("BENCH_CASES"); only != "" {
		o.Only = regexp.MustCompile(only)
	}
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Verdict == Failed {
			t.Errorf("%s: %s", r.Name, r.Error)
		}
		if r.Name == "held-size" { // it is looked at once
			continue
		}
		if len(r.Samples) != o.Rounds || r.Ratio != nil && !r.Ratio.Bound && len(r.BaselineSamples) != o.Rounds {
			t.Errorf("%s: %d samples, %d of the baseline; %d were to be taken", r.Name, len(r.Samples), len(r.BaselineSamples), o.Rounds)
		}
	}
	if err := report.WriteTable(t.Output()); err != nil {
		t.Error(err)
	}
}
