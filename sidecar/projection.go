package main

import (
	"strconv"

	"github.com/tasker-sidecar/tasker-sidecar/projection"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// projected makes a follower a projection.Source.
type projected struct{ *follow.Follower }

// Reflection asks for the status first: what it says of the time holds for any
// view that is taken later.
func (p projected) Reflection() (projection.Reflection, bool) {
	status := p.Status()
	view := p.View()
	if status.Stale || view == nil || status.KnownAt.IsZero() {
		return projection.Reflection{}, false
	}
	system, err := strconv.ParseUint(status.System.Identifier, 10, 64)
	if err != nil {
		return projection.Reflection{}, false
	}
	return projection.Reflection{
		View: view, AsOf: status.KnownAt.Add(status.ClockOffset),
		SystemIdentifier: int64(system), //nolint:gosec // as SQL has it
		Timeline:         status.System.Timeline, Slot: status.Slot,
	}, true
}
