package soak

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

// Format is the version of the JSON form of a [Report].
const Format = 1

// Verdict is what a run has shown.
type Verdict string

// The verdicts.
const (
	Good      Verdict = "good"
	NotGood   Verdict = "not good"
	Undecided Verdict = "too short to tell"
)

// Report is the outcome of a run.
type Report struct {
	Format      int            `json:"format"`
	StartedAt   time.Time      `json:"started_at"`
	FinishedAt  time.Time      `json:"finished_at"`
	Interrupted bool           `json:"interrupted"` // it ended before its time
	Machine     bench.Machine  `json:"machine"`
	Versions    bench.Versions `json:"versions"`

	// What was asked for: commits per second and tasks in the database.
	Rate  float64 `json:"rate"`
	Tasks int     `json:"tasks"`
	Seed  uint64  `json:"seed"`

	// What was done.
	Commits  int64 `json:"commits"`
	Created  int64 `json:"created"`  // tasks
	Archived int64 `json:"archived"` // tasks
	Passes   int64 `json:"passes"`   // of the comparison
	Compared int64 `json:"compared"` // tasks, in all passes
	// Undecided are tasks that changed while they were compared; AtTheEnd are
	// those of the last pass, of everything, when nothing moved any more.
	Undecided   int64    `json:"undecided"`
	AtTheEnd    int64    `json:"at_the_end"`
	Differences int64    `json:"differences"`
	Found       []string `json:"found"` // the first of them
	Errors      []string `json:"errors"`

	Seconds []float64 `json:"seconds"` // when the samples were taken, since the start
	Series  []Series  `json:"series"`

	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"` // of a verdict that is not good, or of none
}

// Series is one thing that must not grow.
type Series struct {
	Name   string    `json:"name"`
	What   string    `json:"what"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
	Trend  Trend     `json:"trend"`
}

// Write writes the report as JSON.
func (r *Report) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// WriteTable writes it for a terminal.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "series\tmedian\trise over the second half\t95 % interval\tmay rise by\t")
	for _, s := range r.Series {
		rise, interval := "–", "–"
		if s.Trend.Low != 0 || s.Trend.High != 0 || s.Trend.Flatness != TooShort {
			rise = bench.Amount(s.Trend.Rise, s.Unit)
			interval = bench.Amount(s.Trend.Low, s.Unit) + " to " + bench.Amount(s.Trend.High, s.Unit)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, bench.Amount(s.Trend.Median, s.Unit), rise, interval, bench.Amount(s.Trend.Bound, s.Unit), s.Trend.Flatness)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.summary())
	return err
}

// summary is what was done, and the verdict.
func (r *Report) summary() string {
	text := fmt.Sprintf(`%s, %d commits; %d tasks created, %d archived
%d comparisons of tasks in %d passes, and of all %d at the end: %d differences
`, r.Took(), r.Commits, r.Created, r.Archived, r.Compared, r.Passes, r.AtTheEnd, r.Differences)
	if r.Interrupted {
		text += "it was interrupted: this is of the time until then\n"
	}
	for _, found := range r.Found {
		text += "  " + found + "\n"
	}
	text += fmt.Sprintf("VERDICT: %s\n", r.Verdict)
	for _, reason := range r.Reasons {
		text += "  " + reason + "\n"
	}
	return text
}

// Took is how long the run took.
func (r *Report) Took() time.Duration { return r.FinishedAt.Sub(r.StartedAt).Round(time.Second) }

// judge fills in the trends and the verdict.
func (r *Report) judge(bounds []Bound) {
	r.Verdict, r.Reasons = Good, []string{}
	bad := func(format string, args ...any) {
		r.Verdict, r.Reasons = NotGood, append(r.Reasons, fmt.Sprintf(format, args...))
	}
	for i := range r.Series {
		s := &r.Series[i]
		s.Trend = TrendOf(s.Values, bounds[i])
		switch s.Trend.Flatness {
		case Rising:
			bad("%s: rising by %s over the second half, where %s is allowed", s.What, bench.Amount(s.Trend.Rise, s.Unit), bench.Amount(s.Trend.Bound, s.Unit))
		case TooShort:
			r.Reasons = append(r.Reasons, s.What+": too short to tell")
			if r.Verdict == Good {
				r.Verdict = Undecided
			}
		}
	}
	if r.Differences > 0 {
		bad("the index and the database's functions differ %d times", r.Differences)
	}
	for _, text := range r.Errors {
		bad("%s", text)
	}
	if r.AtTheEnd == 0 {
		bad("nothing could be compared at the end")
	}
}
