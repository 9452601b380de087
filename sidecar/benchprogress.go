package main

import (
	"fmt"
	"io"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
	"github.com/tasker-sidecar/tasker-sidecar/bench/soak"
)

// progressLine tells how far something is: on a terminal one line that is
// rewritten, elsewhere a line when something else begins, and now and then.
type progressLine struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	began time.Time
	said  time.Time // when the last line was written
	topic string    // of the last line
}

// sayEvery is how often a line is written where there is no terminal.
const sayEvery = 15 * time.Second

func (a *app) progressLine() *progressLine {
	return &progressLine{w: a.stderr, terminal: isTerminal(a.stderr), now: time.Now}
}

// show tells what is being done about a topic; of left, how long it goes on,
// 0 is not known.
func (p *progressLine) show(topic, text string, left time.Duration) {
	now := p.now()
	if p.began.IsZero() {
		p.began = now
	}
	line := fmt.Sprintf("%6s  %s", now.Sub(p.began).Round(time.Second), text)
	if left > 0 {
		line += fmt.Sprintf("; about %s left", left.Round(time.Second))
	}
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[2K%.110s", line)
		p.said = now
		return
	}
	if topic != p.topic || now.Sub(p.said) >= sayEvery {
		fmt.Fprintln(p.w, line)
		p.topic, p.said = topic, now
	}
}

// benchProgress shows on standard error what is being done.
func (a *app) benchProgress() func(bench.Progress) { return a.progressLine().bench }

// endProgress leaves the terminal as it was.
func (a *app) endProgress() {
	if isTerminal(a.stderr) {
		fmt.Fprint(a.stderr, "\r\x1b[2K")
	}
}

// bench shows where a run of a suite stands. What is left is what the cases
// that are done took on average, for each that is not: they are not alike.
func (p *progressLine) bench(s bench.Progress) {
	left := time.Duration(0)
	if done := s.Index - 1; done > 0 {
		left = p.now().Sub(p.began) / time.Duration(done) * time.Duration(s.Cases-done)
	}
	p.show(s.Case, fmt.Sprintf("%d/%d  %s: %s", s.Index, s.Cases, s.Case, s.Stage), left)
}

// soak shows where a soak stands.
func (p *progressLine) soak(s soak.Progress) {
	text := s.Stage
	if s.Elapsed > 0 {
		text = fmt.Sprintf("%d commits, %d tasks compared, %d differences", s.Commits, s.Compared, s.Differences)
	}
	p.show(s.Stage, text, s.Duration-s.Elapsed)
}
