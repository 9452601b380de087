package models_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	table   = "README.md"
	install = "apt-get install spin gcc libc6-dev (macOS: brew install spin, and Xcode's command line tools)"

	patience = 10 * time.Minute // for one run, however busy the machine
	memory   = 1000             // MB
	depth    = "10000"
)

var update = flag.Bool("update", false, "write the numbers of "+table+" anew")

// run is a row of the table: a model with switches, and what comes out.
type run struct {
	model, switches, what, verdict string
	numbers                        [3]string // states, transitions, depth
}

var (
	rowForm     = regexp.MustCompile("(?m)^\\| (\\w+) \\| `(.*)` \\| (.*) \\| (holds|fails: .*) \\| (\\d+) \\| (\\d+) \\| (\\d+) \\|$")
	versionForm = regexp.MustCompile(`Spin Version [\d.]+\d`)
	failureForm = regexp.MustCompile(`(?m)^pan:\d+: (?:assertion violated \(?)?([^()\n]*\S)\)? \(at depth`)
	// The ends of processes that go on for ever are not reached.
	unreachedForm = regexp.MustCompile(`(?m)^\s.*\.pml:\d+, state \d+, "[^-].*$`)
	numberForms   = [3]*regexp.Regexp{
		regexp.MustCompile(`(?m)^\s*(\d+) states, stored`),
		regexp.MustCompile(`(?m)^\s*(\d+) transitions`),
		regexp.MustCompile(`depth reached (\d+),`),
	}
)

// TestModels runs what the table says, as it says it.
func TestModels(t *testing.T) {
	for _, name := range []string{"spin", "cc"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is not on this machine: %s", name, install)
		}
	}
	document, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	version := versionForm.FindString(command(t, ".", "spin", "-V"))
	same := version != "" && version == versionForm.FindString(string(document))
	if !same {
		t.Logf("%s: only verdicts are compared", version)
	}
	rows := rowForm.FindAllStringSubmatch(string(document), -1)
	if n := strings.Count(string(document), " | `-D"); len(rows) != n {
		t.Fatalf("%d of the table's %d rows can be read", len(rows), n)
	}
	written := make([]string, len(rows))
	t.Run("runs", func(t *testing.T) {
		for i, row := range rows {
			want := run{row[1], row[2], row[3], row[4], [3]string(row[5:8])}
			t.Run(want.model+strings.ReplaceAll(want.switches, " ", ""), func(t *testing.T) {
				t.Parallel()
				got := check(t, want)
				written[i] = fmt.Sprintf("| %s | `%s` | %s | %s | %s |", got.model, got.switches, got.what, got.verdict, strings.Join(got.numbers[:], " | "))
				if got.verdict != want.verdict {
					t.Errorf("%s; %s says: %s", got.verdict, table, want.verdict)
				}
				if same && !*update && got.numbers != want.numbers {
					t.Errorf("states, transitions, depth: %v; %s says: %v (-update writes them)", got.numbers, table, want.numbers)
				}
			})
		}
	})
	if *update && !t.Failed() {
		for i, row := range rows {
			document = []byte(strings.Replace(string(document), row[0], written[i], 1))
		}
		if err := os.WriteFile(table, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// check lets spin look at all states of a model. It holds only when all have
// been seen.
func check(t *testing.T, r run) run {
	model, err := filepath.Abs(r.model + ".pml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	command(t, dir, "spin", append(strings.Fields(r.switches), "-a", model)...)
	// Under a million states the compiler would take longer than the search.
	level := "-O0"
	if len(r.numbers[0]) > 6 {
		level = "-O1"
	}
	mode, search := "-DSAFETY", []string{}
	if strings.Contains(r.switches, "-DLIVE") {
		mode, search = "-DNFAIR=3", []string{"-a", "-f"}
	}
	command(t, dir, "cc", "-w", level, mode, "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", memory), "-o", "pan", "pan.c")
	out := command(t, dir, filepath.Join(dir, "pan"), append(search, "-m"+depth)...)

	failure := failureForm.FindStringSubmatch(out)
	switch {
	case failure != nil:
		r.verdict = "fails: " + failure[1]
	case strings.Contains(out, "errors: 0") && !strings.Contains(out, "Search not completed") && !strings.Contains(out, "error:"):
		r.verdict = "holds"
		// With one job no race may be lost, so nothing that follows is reached.
		if left := unreachedForm.FindAllString(out, -1); len(left) > 0 && !strings.Contains(r.switches, "-DONE_JOB") {
			t.Errorf("never reached, so nothing is said of it:\n%s", strings.Join(left, "\n"))
		}
	default:
		t.Fatalf("neither seen whole nor failed:\n%s", out)
	}
	for i, form := range numberForms {
		if found := form.FindStringSubmatch(out); found != nil {
			r.numbers[i] = found[1]
		} else {
			t.Fatalf("no %s in:\n%s", form, out)
		}
	}
	return r
}

// command runs a program to its end, and returns what it has printed.
func command(t *testing.T, dir, name string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, arguments...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}
