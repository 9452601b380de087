package compare

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// Write prints the comparison for people; those figures that are the same only
// when all are wanted.
func (c *Comparison) Write(w io.Writer, all bool) error {
	fmt.Fprintf(w, "before: %s\nafter:  %s\n", c.Before, c.After)
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "note: %s\n", warning)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	counts, shown := map[State]int{}, 0
	for i := range c.Figures {
		f := &c.Figures[i]
		counts[f.State]++
		if f.State == Same && !all {
			continue
		}
		if shown == 0 {
			fmt.Fprintln(t, "\tfigure\tbefore\tafter\tchange (95 % interval)\tcounts from\tnote")
		}
		shown++
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.State, f.Name, f.value(f.Before), f.value(f.After), f.change(), f.counts(), f.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if counts[Same] > 0 && !all {
		fmt.Fprintf(w, "%d figures without a change beyond noise; --all lists them\n", counts[Same])
	}
	_, err := fmt.Fprintf(w, "\n%d worse, %d better, %d the same, %d not compared; the baselines have moved by %s (half of them by more)\n",
		counts[Regression], counts[Improvement], counts[Same], counts[NotCompared], percent(c.Drift))
	return err
}

// String is the run in words.
func (r Run) String() string {
	return fmt.Sprintf("suite %s, size %s, revision %s, PostgreSQL %s, %s",
		r.Suite, r.Size, short(r.Revision), orNone(r.Postgres), r.StartedAt.UTC().Format("2006-01-02 15:04 MST"))
}

// short keeps twelve digits of a revision, and its mark for changed files.
func short(revision string) string {
	if len(revision) <= 13 {
		return revision
	}
	out := revision[:12]
	if strings.HasSuffix(revision, "+") {
		out += "+"
	}
	return out
}

func (f *Figure) value(v float64) string {
	if v == 0 && f.Of == "" {
		return "–"
	}
	return bench.Amount(v, f.Unit)
}

// change is the change in words: in percent where that can be read, as a
// factor where it is large.
func (f *Figure) change() string {
	switch f.Of {
	case "":
		return "–"
	case OfExponent:
		return fmt.Sprintf("%+.2f (%+.2f to %+.2f)", f.Change, f.Low, f.High)
	}
	form := func(v float64) string { return fmt.Sprintf("%+.1f %%", 100*(v-1)) }
	if f.Change >= 2 || f.Change <= 0.5 {
		form = func(v float64) string { return fmt.Sprintf("×%.3g", v) }
	}
	return fmt.Sprintf("%s (%s to %s)", form(f.Change), form(f.Low), form(f.High))
}

// counts is from which change on it counts.
func (f *Figure) counts() string {
	switch f.Of {
	case "":
		return "–"
	case OfExponent:
		return fmt.Sprintf("±%.2f", f.Threshold)
	}
	return "±" + percent(f.Threshold)
}

func percent(v float64) string {
	if v >= 0.1 {
		return fmt.Sprintf("%.0f %%", math.Round(100*v))
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}
