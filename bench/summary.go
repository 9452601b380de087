package bench

import (
	"fmt"
	"strings"
)

// Row is what a table says of a result.
type Row struct{ Subject, Baseline, Ratio, Goal, Verdict string }

// Row is the result in words; a dash is where there is nothing.
func (r *Result) Row() Row {
	c := r.cells()
	return Row{c.subject, c.baseline, c.ratio, c.goal, c.verdict}
}

// Group is the results that a table has together.
type Group struct {
	Title   string
	Results []Result
}

// Groups are the results by their question, in the order of the report; those
// that are no answers to one come together, under the suite's name.
func (r *Report) Groups() []Group {
	var groups []Group
	at := map[string]int{}
	for _, one := range r.Results {
		title := one.Question
		if title == "" {
			title = r.Meta.Suite
		}
		if _, known := at[title]; !known {
			at[title] = len(groups)
			groups = append(groups, Group{Title: title})
		}
		g := &groups[at[title]]
		g.Results = append(g.Results, one)
	}
	return groups
}

// Summary is how many goals are reached, and which are not.
type Summary struct {
	Goals, Reached            int
	Missed, Undecided, Failed []string // names
	NotMeasured, NoAnswer     []string // of those with a goal
}

// Summary counts the goals. A case that failed counts, whether it has a goal or
// none.
func (r *Report) Summary() Summary {
	var s Summary
	for i := range r.Results {
		one := &r.Results[i]
		if one.Goal != nil {
			s.Goals++
		}
		switch one.Verdict {
		case Reached:
			s.Reached++
		case Missed:
			s.Missed = append(s.Missed, one.Name)
		case Undecided:
			s.Undecided = append(s.Undecided, one.Name)
		case Failed:
			s.Failed = append(s.Failed, one.Name)
		}
		switch {
		case one.Goal == nil:
		case one.Verdict == NotMeasured:
			s.NotMeasured = append(s.NotMeasured, one.Name)
		case one.Verdict == NoAnswer, one.Verdict == NoGoal: // or nobody to compare with
			s.NoAnswer = append(s.NoAnswer, one.Name)
		}
	}
	return s
}

// String is a sentence that leaves nothing out.
func (s Summary) String() string {
	verb := "are"
	if s.Reached == 1 {
		verb = "is"
	}
	text := fmt.Sprintf("Of %d goals %d %s reached", s.Goals, s.Reached, verb)
	say := func(names []string, what string) {
		if len(names) > 0 {
			text += fmt.Sprintf("; %d %s: %s", len(names), what, strings.Join(names, ", "))
		}
	}
	say(s.Missed, "missed")
	say(s.Undecided, "undecided, for the noise reaches across them or rounds are missing")
	say(s.Failed, "without a figure, for the case failed")
	say(s.NotMeasured, "not measured")
	say(s.NoAnswer, "without an answer, or without one to compare with")
	return text + "."
}

// Memory is the machine's memory in words.
func (r *Report) Memory() string {
	if r.Meta.Machine.MemoryBytes == 0 {
		return "unknown"
	}
	return byteCount(float64(r.Meta.Machine.MemoryBytes))
}
