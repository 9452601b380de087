package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// progress shows on a terminal how far a load is; elsewhere it is silent, for
// there the log has lines about it.
type progress struct {
	follower *follow.Follower
	w        io.Writer
	bar      *progressbar.ProgressBar
}

func newProgress(w io.Writer, follower *follow.Follower) *progress {
	return &progress{follower: follower, w: w}
}

// isTerminal says whether w is a terminal that a person may look at.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

func (p *progress) show() {
	status := p.follower.Status()
	if status.State != replication.StateLoading || !isTerminal(p.w) {
		return
	}
	if p.bar == nil {
		p.bar = newBar(p.w, status.RowsEstimated, "loading", "rows")
	}
	if status.RowsLoaded > p.bar.GetMax64() { // the estimate was too low
		p.bar.ChangeMax64(status.RowsLoaded)
	}
	_ = p.bar.Set64(status.RowsLoaded) // a terminal that does not take it has gone
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func newBar(w io.Writer, total int64, what, unit string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString(unit), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true))
}
