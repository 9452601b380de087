package verify

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Report is the outcome of one pass.
type Report struct {
	// Tasks is how many tasks there are on either side, Asked how many the
	// pass asked about.
	Tasks int `json:"tasks"`
	Asked int `json:"asked"`
	// Compared is how many tasks were decided, Undecided how many changed
	// between the two answers.
	Compared  int `json:"compared"`
	Undecided int `json:"undecided"`
	// Whole says whether the questions about all tasks together (health
	// counts, analytics) could be decided.
	Whole bool `json:"whole"`
	// Skipped counts questions that were not put, by cause.
	Skipped map[string]int `json:"skipped"`
	// Failing are the database's functions that failed, with the error of each.
	Failing map[string]string `json:"failing"`
	// FailureCount is how many questions they failed to answer.
	FailureCount int `json:"failure_count"`
	// DifferenceCount counts all differences, Differences lists the first.
	DifferenceCount int          `json:"difference_count"`
	Differences     []Difference `json:"differences"`
	// AsOfLSN is what the index had applied at the end.
	AsOfLSN  tasker.LSN    `json:"as_of_lsn"`
	Duration time.Duration `json:"duration_ns"`
}

func newReport() *Report {
	return &Report{Skipped: map[string]int{}, Failing: map[string]string{}, Differences: []Difference{}}
}

func (r *Report) add(keep int, differences []Difference) {
	r.DifferenceCount += len(differences)
	room := max(keep-len(r.Differences), 0)
	r.Differences = append(r.Differences, differences[:min(room, len(differences))]...)
}

// Merge adds another pass over the same database to r, which lists at most keep
// differences then.
func (r *Report) Merge(o *Report, keep int) {
	r.Tasks, r.Whole, r.AsOfLSN = o.Tasks, r.Whole || o.Whole, max(r.AsOfLSN, o.AsOfLSN)
	r.Asked += o.Asked
	r.Compared += o.Compared
	r.Undecided += o.Undecided
	r.FailureCount += o.FailureCount
	r.Duration += o.Duration
	if r.Skipped == nil {
		r.Skipped, r.Failing, r.Differences = map[string]int{}, map[string]string{}, []Difference{}
	}
	for cause, n := range o.Skipped {
		r.Skipped[cause] += n
	}
	maps.Copy(r.Failing, o.Failing)
	listed := len(o.Differences)
	r.add(keep, o.Differences)
	r.DifferenceCount += o.DifferenceCount - listed
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	for _, d := range r.Differences {
		if _, err := fmt.Fprintln(w, d); err != nil {
			return err
		}
	}
	if hidden := r.DifferenceCount - len(r.Differences); hidden > 0 {
		fmt.Fprintf(w, "and %d more differences\n", hidden)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Failing)) {
		fmt.Fprintf(w, "%s fails in the database: %s\n", name, r.Failing[name])
	}
	for _, cause := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(w, "not asked, %d times: %s\n", r.Skipped[cause], cause)
	}
	whole := "and the counts over all tasks"
	if !r.Whole {
		whole = "the counts over all tasks undecided (something changed at every attempt)"
	}
	_, err := fmt.Fprintf(w, "%d differences; %d of %d tasks compared, %d changed meanwhile and are undecided, %s; as of %s, in %v\n",
		r.DifferenceCount, r.Compared, r.Tasks, r.Undecided, whole, r.AsOfLSN, r.Duration.Round(time.Millisecond))
	return err
}
