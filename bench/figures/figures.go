// Package figures puts the figures of committed reports into a text, between
// markers that name them, so that a text cannot say what no run has shown:
//
//	<!-- figures: bench/results/follow.json -->
//	what stands here is made by make readme-figures
//	<!-- end of figures -->
//
// With the word goals after the name only figures that have a goal are listed.
// It is pure: text and reports in, text out.
package figures

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

var marked = regexp.MustCompile(`(?s)<!-- figures: (\S+)( goals)? -->\n(.*?)<!-- end of figures -->`)

// Insert gives the text with the figures of the reports that it names, which
// are files of reports. It fails where a text without markers, or with a report
// that is not there, would go unnoticed.
func Insert(text string, reports fs.FS) (string, error) {
	if n := len(marked.FindAllString(text, -1)); n == 0 || n != strings.Count(text, "<!-- figures: ") {
		return "", fmt.Errorf("%d of %d markers of figures have an end", n, strings.Count(text, "<!-- figures: "))
	}
	var failed error
	text = marked.ReplaceAllStringFunc(text, func(block string) string {
		m := marked.FindStringSubmatch(block)
		table, err := table(reports, m[1], m[2] != "")
		if err != nil && failed == nil {
			failed = err
		}
		return "<!-- figures: " + m[1] + m[2] + " -->\n" + table + "<!-- end of figures -->"
	})
	return text, failed
}

// table is a report as Markdown, under a sentence with its goals.
func table(reports fs.FS, name string, goals bool) (string, error) {
	file, err := reports.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // it was only read
	r, err := bench.Read(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	var b strings.Builder
	m := r.Meta
	fmt.Fprintf(&b, "%s Raw samples in [%s](%s): %s, %d cores, PostgreSQL %s, revision %s, %s.\n\n", r.Summary(), name[strings.LastIndex(name, "/")+1:], name,
		m.Machine.CPU, m.Machine.Cores, m.Versions.Postgres, short(m.Versions.Revision), m.StartedAt.UTC().Format("2006-01-02"))
	b.WriteString("| what | against | measured | baseline | ratio (95 % interval) | goal | |\n|---|---|---|---|---|---|---|\n")
	for i := range r.Results {
		one := &r.Results[i]
		if goals && one.Goal == nil {
			continue
		}
		row := one.Row()
		against := one.Baseline
		if against == "" {
			against = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", cell(one.What), cell(against), cell(row.Subject), row.Baseline, row.Ratio, row.Goal, row.Verdict)
	}
	return b.String(), nil
}

// short is twelve digits of a revision, and its mark for changed files.
func short(revision string) string {
	hash, changed := strings.CutSuffix(revision, "+")
	hash = fmt.Sprintf("%.12s", hash)
	if changed {
		hash += "+"
	}
	return hash
}

// cell is a text that does not end a cell.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
