package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/compare"
)

// slowedReport is the report of a real run, one figure of which takes twice as
// long as it did.
func slowedReport(t *testing.T, original, figure string) string {
	t.Helper()
	report, err := readReport(original)
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Results {
		one := &report.Results[i]
		if one.Name == figure {
			for j := range one.Samples {
				one.Samples[j] *= 2
			}
			one.Judge(bench.Advantage)
		}
	}
	name := filepath.Join(t.TempDir(), "slowed.json")
	if err := writeReport(name, report.Write); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestBenchCompare(t *testing.T) {
	const original = "../bench/results/follow.json"
	slowed := slowedReport(t, original, "levels")
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(`{"meta":{"format":99}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"the same run":      {[]string{original, original}, exitOK, "0 worse"},
		"a slow-down":       {[]string{original, slowed}, exitFound, "1 worse"},
		"an improvement":    {[]string{slowed, original}, exitOK, "1 better"},
		"is tolerated":      {[]string{original, slowed, "--tolerance", "1.5"}, exitOK, "0 worse"},
		"all figures":       {[]string{original, original, "--all"}, exitOK, "change-cost"},
		"another suite":     {[]string{original, "../bench/results/rows.json"}, exitUsage, "the suite differs: follow and rows"},
		"one file":          {[]string{original}, exitUsage, "two reports are expected"},
		"no such file":      {[]string{original, "nowhere.json"}, exitUsage, "nowhere.json"},
		"another format":    {[]string{original, broken}, exitUsage, "it has the format 99"},
		"no such tolerance": {[]string{original, original, "--tolerance", "-1"}, exitUsage, "the tolerance is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(append([]string{"bench", "compare"}, c.args...), nil, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
				t.Errorf("exit code %d: %s", code, &out)
			}
		})
	}
	var out, errs bytes.Buffer
	if code := run([]string{"bench", "compare", "--json", original, slowed}, nil, &out, &errs); code != exitFound {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	var c compare.Comparison
	if err := json.Unmarshal(out.Bytes(), &c); err != nil || c.Figures[0].Name != "levels" || c.Figures[0].State != compare.Regression {
		t.Errorf("%v: %s", err, &out)
	}
}
