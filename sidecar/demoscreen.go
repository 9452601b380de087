package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// demoScreen shows how a demonstration goes: on a terminal in place, elsewhere
// a line now and then.
type demoScreen struct {
	w       io.Writer
	service *service
	player  *player.Player
	live    bool

	lines       int // drawn last
	lastChanges int64
	lastAt      time.Time
}

// run shows until ctx ends, or until following ends by itself, whose error it
// then gives.
func (d *demoScreen) run(ctx context.Context, following <-chan error) error {
	interval := 2 * time.Second
	if d.live {
		interval = 500 * time.Millisecond
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	d.lastAt = time.Now()
	announced := false
	for {
		var loaded <-chan struct{}
		if !announced {
			loaded = d.service.follower.Changed()
			if d.service.follower.View() != nil {
				d.announce()
				announced = true
			}
		}
		select {
		case <-loaded:
		case <-ctx.Done():
			return nil
		case err := <-following:
			if err == nil {
				err = errors.New("following ended before its time")
			}
			return err
		case <-ticker.C:
			d.draw()
		}
	}
}

// announce prints what one can ask meanwhile.
func (d *demoScreen) announce() {
	base := "http://" + d.service.api.Addr()
	fmt.Fprintf(d.w, `
meanwhile, in another terminal:
  curl -s '%[1]s/v1/steps/ready?limit=5'
  curl -s %[1]s/v1/health-counts
  curl -s %[1]s/v1/tasks/1/steps
  curl -s %[1]s/v1/status
  curl -s %[1]s/metrics
  tasker-sidecar why task 1 --server %[1]s

`, base)
}

func (d *demoScreen) draw() {
	view := d.service.follower.View()
	if view == nil {
		return
	}
	status, now := d.service.follower.Status(), time.Now()
	health, verify := view.SystemHealthCounts(), d.service.verifier.Status()
	counters, rows := d.player.Counters(), d.service.rows.status()
	changes := int64(status.Changes) //nolint:gosec // a count
	rate := float64(changes-d.lastChanges) / now.Sub(d.lastAt).Seconds()
	d.lastChanges, d.lastAt = changes, now
	without := health.TotalTasks - health.PendingTasks - health.InProgressTasks - health.CompleteTasks - health.ErrorTasks - health.CancelledTasks
	state := status.State.String()
	if status.Stale {
		state += ", stale"
	}
	lines := []string{
		fmt.Sprintf("tasks    %7d   not begun %d, pending %d, in progress %d, complete %d, error %d, cancelled %d",
			health.TotalTasks, without, health.PendingTasks, health.InProgressTasks, health.CompleteTasks, health.ErrorTasks, health.CancelledTasks),
		fmt.Sprintf("steps    %7d   in progress %d, complete %d, error %d (%d out of attempts)",
			health.TotalSteps, health.InProgressSteps, health.CompleteSteps, health.ErrorSteps, health.ExhaustedRetrySteps),
		fmt.Sprintf("ready    %7d   commits %d, lost races %d, dead workers %d", view.ReadyCount(d.service.follower.Now()), counters.Commits, counters.LostRaces, counters.Deaths),
		fmt.Sprintf("log      %7.0f   changes/s; %s, %d bytes behind, %v old, as of %s", rate, state, status.LagBytes, status.Age.Round(time.Millisecond), view.LSN()),
		fmt.Sprintf("rows     %7d   written to the database in %d flushes, the last in %.1f ms; %s, reflecting %s", rows.Rows, rows.Flushes, rows.FlushMillis, rows.State, rows.WrittenLSN),
		fmt.Sprintf("compared %7d   tasks with the database's functions: %d differences, %d undecided", verify.Compared, verify.Differences, verify.Undecided),
	}
	if !d.live {
		fmt.Fprintln(d.w, strings.Join(lines, "\n")+"\n")
		return
	}
	if d.lines > 0 {
		fmt.Fprintf(d.w, "\x1b[%dA", d.lines)
	}
	for _, line := range lines {
		fmt.Fprintf(d.w, "\x1b[2K%s\n", line)
	}
	d.lines = len(lines)
}
