package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Format is the version of the JSON form of a [Report]. Fields may be added
// under the same number; one that changes its meaning raises it.
const Format = 1

// Report is the results of one run.
type Report struct {
	Meta    Meta     `json:"meta"`
	Results []Result `json:"results"`
}

// Meta is what all results of a run share.
type Meta struct {
	Format      int       `json:"format"`
	Suite       string    `json:"suite"`
	Size        Size      `json:"size"`
	StartedAt   time.Time `json:"started_at"`
	FinishedAt  time.Time `json:"finished_at"`
	Interrupted bool      `json:"interrupted"` // not all cases have been run
	Seed        uint64    `json:"seed"`
	Machine     Machine   `json:"machine"`
	Versions    Versions  `json:"versions"`
	// Settings are the database's settings that differ from its defaults, and
	// those of the Go runtime.
	Settings map[string]string `json:"settings"`
}

// Better says which way a unit is better.
type Better string

// The two ways.
const (
	Higher Better = "higher"
	Lower  Better = "lower"
)

// Result is one figure.
type Result struct {
	Name     string `json:"name"`     // of the case, such as readiness
	What     string `json:"what"`     // in words, a row's first column
	Subject  string `json:"subject"`  // what was measured
	Baseline string `json:"baseline"` // beside what; empty: beside nothing
	Unit     string `json:"unit"`     // of the samples, such as ns/op
	Better   Better `json:"better"`
	Dataset  string `json:"dataset"`
	Seed     uint64 `json:"seed"`

	// Samples has one value a round, in the order of the rounds; so has
	// BaselineSamples, and they correspond.
	Samples         []float64 `json:"samples"`
	BaselineSamples []float64 `json:"baseline_samples,omitempty"`
	// Median and BaselineMedian stand for them.
	Median         float64 `json:"median"`
	BaselineMedian float64 `json:"baseline_median,omitempty"`

	Ratio   *Ratio   `json:"ratio,omitempty"`   // nil without baseline
	Latency *Latency `json:"latency,omitempty"` // nil where no distribution was taken
	Goal    *Goal    `json:"goal,omitempty"`    // nil: measured for its own sake
	Verdict Verdict  `json:"verdict"`

	Notes []string  `json:"notes,omitempty"` // what a reader must know
	Error string    `json:"error,omitempty"` // why there is no figure
	At    time.Time `json:"at"`              // when it was taken
	Took  float64   `json:"took_seconds"`    // set-up included
}

// Form says which way round a ratio is.
type Form string

// The forms. Advantage is how many times better the subject is: baseline /
// subject where lower is better. Share is subject / baseline always.
const (
	Advantage Form = "advantage"
	Share     Form = "share"
)

// Ratio is one of subject and baseline.
type Ratio struct {
	Form  Form    `json:"form"`
	Value float64 `json:"value"`
	Low   float64 `json:"low"` // of the interval
	High  float64 `json:"high"`
	// Confidence is that of the interval, 0..1.
	Confidence float64 `json:"confidence"`
	// P is the chance of samples at least this far apart from equal subjects.
	P float64 `json:"p"`
	// Told is false where the subjects cannot be told apart: then no ratio is
	// to be claimed.
	Told bool `json:"told"`
}

// Goal is what a figure has to reach: its ratio, or, without baseline, its
// median.
type Goal struct {
	AtLeast float64 `json:"at_least,omitempty"` // 0: no such bound
	AtMost  float64 `json:"at_most,omitempty"`  // 0: no such bound
}

// String is the goal in words, such as ≥ 200 or ≤ 1.5.
func (g *Goal) String() string {
	switch {
	case g == nil:
		return "–"
	case g.AtLeast > 0:
		return "≥ " + number(g.AtLeast)
	}
	return "≤ " + number(g.AtMost)
}

// Verdict says whether a goal is reached.
type Verdict string

// The verdicts.
const (
	Reached   Verdict = "reached"
	Missed    Verdict = "missed"
	Undecided Verdict = "undecided" // the noise is larger than the distance to the goal
	NoGoal    Verdict = "no goal"
	Failed    Verdict = "failed" // there is no figure; see Error
)

// Write writes the report as JSON.
func (r *Report) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Read reads a report that [Report.Write] wrote, of this format or an older one.
func Read(from io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(from).Decode(&r); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if r.Meta.Format < 1 || r.Meta.Format > Format {
		return nil, fmt.Errorf("read the report: it has the format %d; this binary reads 1 to %d", r.Meta.Format, Format)
	}
	return &r, nil
}

// Passed says whether every goal is reached and no case has failed; a figure
// that the noise leaves undecided is not one that was reached.
func (r *Report) Passed() bool {
	for i := range r.Results {
		switch r.Results[i].Verdict {
		case Missed, Undecided, Failed:
			return false
		}
	}
	return true
}
