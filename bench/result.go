package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench/matrix"
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
	// Source says what was asked: [OwnServer], or [GivenDatabase].
	Source   Source   `json:"source,omitempty"`
	Machine  Machine  `json:"machine"`
	Versions Versions `json:"versions"`
	// Settings are the database's settings that differ from its defaults, and
	// those of the Go runtime.
	Settings map[string]string `json:"settings"`
}

// Source is where the data of a run lie.
type Source string

// The sources. A report of an older binary has none: it was the run's own.
const (
	OwnServer     Source = "own"   // a server that the run has started, with data of its own
	GivenDatabase Source = "given" // a database that was there, with its own tasks
)

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

	Ratio   *Ratio  `json:"ratio,omitempty"` // nil without baseline, or where one of both has no figure
	Goal    *Goal   `json:"goal,omitempty"`  // nil: measured for its own sake
	Verdict Verdict `json:"verdict"`

	// Question and By place a result in the matrix: what was asked, such as
	// step-readiness, and who has answered, such as process. Both are empty
	// for a figure that is none of its cells.
	Question string `json:"question,omitempty"`
	By       string `json:"by,omitempty"`

	// Latency and BaselineLatency are the distributions of single times in a
	// closed loop, each beginning when the one before has ended, over all
	// rounds; nil where none was taken.
	Latency         *Latency `json:"latency,omitempty"`
	BaselineLatency *Latency `json:"baseline_latency,omitempty"`
	// Open is the same in an open loop; nil where none was run.
	Open *OpenLoop `json:"open,omitempty"`

	// Cost and BaselineCost are what one question costs the database; nil where
	// it is not asked, or does not say.
	Cost         *Cost `json:"cost,omitempty"`
	BaselineCost *Cost `json:"baseline_cost,omitempty"`

	// Growth has the ladder whose exponents the samples are; nil in any other
	// result.
	Growth *Growth `json:"growth,omitempty"`

	// FallBacks counts answers that were to come from rows; nil where none was.
	FallBacks *FallBacks `json:"fall_backs,omitempty"`

	// Ending and BaselineEnding say why one side has no time; nil where it has.
	Ending         *Ending `json:"ending,omitempty"`
	BaselineEnding *Ending `json:"baseline_ending,omitempty"`

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
	// Bound says that the baseline was cut (see Ending): the ratio is at least
	// this, and how much more nobody knows.
	Bound bool `json:"bound,omitempty"`
}

// OpenLoop is what questions take that arrive at a fixed rate, whether or not
// those before have been answered: each time counts from the moment at which
// the question was due, so that one slow answer makes those late that wait
// behind it, as it would for people.
type OpenLoop struct {
	RatePerSecond float64  `json:"rate_per_second"` // of each side
	Latency       *Latency `json:"latency,omitempty"`
	Baseline      *Latency `json:"baseline,omitempty"`
}

// Cost is what one question costs the database, as a mean.
type Cost struct {
	// Source says who has counted: pg_stat_statements or explain.
	Source string `json:"source"`
	// ServerNanoseconds is the time of its execution in the server.
	ServerNanoseconds float64 `json:"server_ns"`
	// CPUNanoseconds is the processor time of the session that was asked; 0: not
	// known, for the server is elsewhere or the system does not say.
	CPUNanoseconds float64 `json:"cpu_ns,omitempty"`
	// BuffersHit and BuffersRead are blocks of 8 KiB, as a rule, that were found
	// in the server's memory, or had to be read into it.
	BuffersHit  float64 `json:"buffers_hit"`
	BuffersRead float64 `json:"buffers_read"`
}

// Growth is how a figure grows with a size: y = c * x^exponent, fitted to the
// logarithms. The result's samples are the exponents of the single rounds, so
// its median is the exponent, and its goal is one for that.
type Growth struct {
	X      string  `json:"x"`      // what grows, such as tasks
	Y      string  `json:"y"`      // what grows with it, such as time
	Unit   string  `json:"unit"`   // of y
	Points []Point `json:"points"` // by ascending x
	// Exponent is that of the medians, Low and High bound the exponents of the
	// rounds, R2 (0..1) says how much of the differences between the medians it
	// explains; where y hardly changes there is nothing to explain, and it says
	// nothing.
	Exponent float64 `json:"exponent"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	R2       float64 `json:"r2"`
}

// Point is one size of a ladder.
type Point struct {
	X       float64   `json:"x"`
	Y       float64   `json:"y"`       // the median
	Samples []float64 `json:"samples"` // one a round, all sizes of a round after each other
}

// FallBacks are answers that were to come from rows.
type FallBacks struct {
	Answers  int64 `json:"answers"`   // that were given
	FromRows int64 `json:"from_rows"` // of them; the others were computed
	// Causes says why, in the words of the database's counters.
	Causes map[string]int64 `json:"causes,omitempty"`
}

// Ending is how a question ended that has no answer, and so no time.
type Ending struct {
	// Fails is what the function said when it failed.
	Fails string `json:"fails,omitempty"`
	// CutSeconds is after how long it was cut, 0 where it was not. How long it
	// would have taken is not known.
	CutSeconds float64 `json:"cut_seconds,omitempty"`
	// Cut is how many of Asked questions were cut, where not every one was or
	// others were not asked: then the time bounds nothing. 0: all.
	Cut   int `json:"cut,omitempty"`
	Asked int `json:"asked,omitempty"`
}

// cutAfter is the ending of a subject whose last question of some was cut.
// Where there are several tasks to ask about, one says nothing of the others.
func cutAfter(timeout time.Duration, q *matrix.Question, tasks, asked int) *Ending {
	e := &Ending{CutSeconds: timeout.Seconds()}
	if asked > 1 || q.Form == matrix.Single && tasks > 1 {
		e.Cut, e.Asked = 1, asked
	}
	return e
}

// whole says whether whatever was to be asked takes longer than the cut.
func (e *Ending) whole() bool { return e != nil && e.CutSeconds > 0 && e.Cut == 0 }

// String is the ending in words, such as > 30 s.
func (e *Ending) String() string {
	switch {
	case e == nil:
		return ""
	case e.Fails != "":
		return "fails"
	case e.Cut > 0:
		return fmt.Sprintf("> %s s on %d of %d asked", number(e.CutSeconds), e.Cut, e.Asked)
	}
	return "> " + number(e.CutSeconds) + " s"
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
	Undecided Verdict = "undecided" // the noise is larger than the distance to the goal, rounds are missing, or a baseline was cut on some
	NoGoal    Verdict = "no goal"
	Failed    Verdict = "failed" // there is no figure; see Error
	// NotMeasured: no time was left.
	NotMeasured Verdict = "not measured"
	// NoAnswer: the subject has no answer, and the baseline none either or
	// none was measured; see Ending.
	NoAnswer Verdict = "no answer"
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
// that the noise leaves undecided is not one that was reached. The figures of
// Quick are no claims: there a goal is missed only where ten times was to be
// reached and the subject is slower than its baseline beyond noise, and
// fall-backs of a busy machine are none of its failures while at least half of
// the answers came from rows.
func (r *Report) Passed() bool {
	for i := range r.Results {
		one := &r.Results[i]
		switch {
		case r.Meta.Size == Quick && one.Verdict == Failed && one.FallBacks != nil && 2*one.FallBacks.FromRows >= one.FallBacks.Answers:
		case r.Meta.Size == Quick && one.Verdict != Failed:
			if one.Goal != nil && one.Goal.AtLeast >= 10 && one.Ratio != nil && one.Ratio.High < 1 {
				return false
			}
		case one.Verdict == Missed, one.Verdict == Undecided, one.Verdict == Failed, one.Verdict == NotMeasured:
			return false
		}
	}
	return true
}
