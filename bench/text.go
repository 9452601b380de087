package bench

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the report for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "case\tsubject\tbaseline\tratio\tgoal\t")
	groups := r.Groups()
	for _, g := range groups {
		if len(groups) > 1 { // its cells are empty, so that the columns go on
			fmt.Fprintf(t, "\t\t\t\t\t\n%s:\t\t\t\t\t\n", g.Title)
		}
		for i := range g.Results {
			c := g.Results[i].cells()
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", g.Results[i].Name, c.subject, c.baseline, c.ratio, c.goal, c.verdict)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.footer("\n"))
	return err
}

// WriteMarkdown writes the report as a Markdown table.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| what | against | measured | baseline | ratio (95 % interval) | goal | |\n|---|---|---|---|---|---|---|\n")
	for i := range r.Results {
		one := &r.Results[i]
		c := one.cells()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", one.What, orDash(one.Baseline), c.subject, c.baseline, c.ratio, c.goal, c.verdict)
	}
	b.WriteString("\n" + r.footer("  \n"))
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteBenchstat writes the samples in the format of Go's benchmarks, which
// benchstat reads. A baseline is a benchmark of its own.
func (r *Report) WriteBenchstat(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\ncpu: %s\npostgres: %s\nrevision: %s\n", word(r.Meta.Machine.OS), r.Meta.Machine.Arch, r.Meta.Machine.CPU, r.Meta.Versions.Postgres, r.Meta.Versions.Revision)
	for i := range r.Results {
		one := &r.Results[i]
		write := func(side string, samples []float64) {
			for _, v := range samples {
				fmt.Fprintf(&b, "Benchmark%s/side=%s 1 %s %s\n", title(one.Name), side, strconv.FormatFloat(v, 'g', -1, 64), unit(one.Unit))
			}
		}
		write("subject", one.Samples)
		write("baseline", one.BaselineSamples)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// word is the first word of s.
func word(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// title makes a case's name part of a benchmark's.
func title(name string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' || r == ' ' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// unit is a unit without spaces, as the format demands.
func unit(u string) string { return strings.ReplaceAll(u, " ", "_") }

type tableCells struct{ subject, baseline, ratio, goal, verdict string }

func (r *Result) cells() tableCells {
	if r.Verdict == Failed {
		return tableCells{"failed: " + orDash(r.Error), "–", "–", r.goal(), string(Failed)}
	}
	if r.Verdict == NotMeasured {
		return tableCells{"–", "–", "–", r.goal(), string(NotMeasured)}
	}
	c := tableCells{withUnit(r.Median, r.Unit), "–", "–", r.goal(), string(r.Verdict)}
	if r.Ending != nil {
		c.subject = r.Ending.String()
	}
	switch {
	case r.BaselineEnding != nil:
		c.baseline = r.BaselineEnding.String()
	case r.Ratio != nil:
		c.baseline = withUnit(r.BaselineMedian, r.Unit)
	}
	if r.Ratio != nil {
		c.ratio = r.Ratio.String()
	}
	if r.Goal == nil {
		c.verdict = ""
	}
	return c
}

// goal is the goal in words: of a ratio, or, without baseline, in the unit.
func (r *Result) goal() string {
	switch {
	case r.Goal == nil || r.Baseline != "":
		return r.Goal.String()
	case r.Goal.AtLeast > 0:
		return "≥ " + withUnit(r.Goal.AtLeast, r.Unit)
	}
	return "≤ " + withUnit(r.Goal.AtMost, r.Unit)
}

// String is the ratio with its interval, or that there is none to be claimed.
func (r *Ratio) String() string {
	if r.Bound {
		if !r.Told {
			return "–"
		}
		return "> " + number(r.Low)
	}
	interval := fmt.Sprintf("%s to %s", number(r.Low), number(r.High))
	if !r.Told {
		return "no difference beyond noise (" + interval + ")"
	}
	return fmt.Sprintf("%s (%s)", number(r.Value), interval)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func (r *Report) footer(newline string) string {
	m := r.Meta
	var b strings.Builder
	fmt.Fprintf(&b, "suite %s, size %s, seed %d, %s%s", m.Suite, m.Size, m.Seed, m.StartedAt.UTC().Format("2006-01-02 15:04 MST"), newline)
	fmt.Fprintf(&b, "%s, %d cores, %s, %s; %s; PostgreSQL %s; revision %s%s",
		m.Machine.CPU, m.Machine.Cores, byteCount(float64(m.Machine.MemoryBytes)), m.Machine.OS, m.Versions.Go, orDash(m.Versions.Postgres), m.Versions.Revision, newline)
	if m.Interrupted {
		b.WriteString("interrupted: cases that are missing were not run" + newline)
	}
	for i := range r.Results {
		for _, note := range r.Results[i].Notes {
			fmt.Fprintf(&b, "%s: %s%s", r.Results[i].Name, note, newline)
		}
	}
	return b.String()
}

// withUnit prints a value in a unit that keeps it readable.
func withUnit(v float64, unit string) string {
	switch unit {
	case "ns", "ns/op":
		return nanoseconds(v) + strings.TrimPrefix(unit, "ns")
	case "B", "B/step":
		return byteCount(v) + strings.TrimPrefix(unit, "B")
	}
	return number(v) + " " + unit
}

func nanoseconds(v float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{" s", 1e9}, {" ms", 1e6}, {" µs", 1e3}} {
		if v >= u.size {
			return number(v/u.size) + u.name
		}
	}
	return number(v) + " ns"
}

func byteCount(v float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{" GiB", 1 << 30}, {" MiB", 1 << 20}, {" KiB", 1 << 10}} {
		if v >= u.size {
			return number(v/u.size) + u.name
		}
	}
	return number(v) + " B"
}

// number prints three significant digits, and thousands in groups.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	if math.Abs(v) < 1000 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(math.Round(math.Abs(v)), 'f', 0, 64)
	var b strings.Builder
	if v < 0 {
		b.WriteByte('-')
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
