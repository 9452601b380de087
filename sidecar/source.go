package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/statemachine/writer"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Current implements api.Source.
func (s *service) Current() (*readiness.View, api.Freshness) {
	// The status first: what it says of the age is then true of the view, too.
	status := s.follower.Status()
	view := s.follower.View()
	fresh := api.Freshness{Staleness: status.Age, Stale: status.Stale}
	if status.Stale {
		fresh.StaleCause = staleCause(&status)
	}
	if view != nil {
		fresh.AsOfLSN = view.LSN()
	}
	return view, fresh
}

func staleCause(status *replication.Status) string {
	if status.Cause != nil {
		return replication.Explain(status.Cause).Error()
	}
	return "the follower is " + status.State.String()
}

// WaitFor implements api.Source.
func (s *service) WaitFor(ctx context.Context, lsn tasker.LSN) error {
	return s.follower.WaitFor(ctx, lsn)
}

// Status implements api.Source.
func (s *service) Status() api.Status {
	out := describe(s.follower, s.config(), s.started)
	out.Verify = s.verifier.Status()
	out.Configuration = s.configuring.status()
	out.Projection = s.rows.status()
	if s.hub != nil {
		out.Events = api.EventsStatus(s.hub.Stats())
	}
	out.Maintenance = s.services.status()
	out.Writer = writerStatus(s.writing.counters())
	return out
}

func writerStatus(c writer.Counters) api.WriterStatus {
	return api.WriterStatus{
		Transitions: c.Transitions, Repeated: c.Repeated, Refused: c.Refused, Transactions: c.Transactions,
		Races: map[string]int64{
			"overtaken": c.Overtaken, "unique_violation": c.UniqueViolations, "deadlock": c.Deadlocks, "serialization_failure": c.SerializationFailures,
			"lock_timeout": c.LockTimeouts, "connection_lost": c.ConnectionsLost, "commit_in_doubt": c.CommitsInDoubt,
		},
		Retries: c.Retries,
	}
}

// describe tells all that a follower knows of itself.
func describe(follower *follow.Follower, c *config.Config, started time.Time) api.Status {
	status := follower.Status()
	out := api.Status{
		Version:   version,
		StartedAt: tasker.TimestampOf(started),
		State:     status.State.String(),
		Since:     tasker.TimestampOf(status.Since),
		Ready:     status.Loaded && !status.Stale,
		Database: api.DatabaseStatus{
			SystemIdentifier: status.System.Identifier,
			Timeline:         status.System.Timeline,
			Name:             status.System.Database,
			ServerVersion:    versionText(status.ServerVersion),
			Schema:           status.Schema,
			Rules:            status.Rules.Rules.String(),
			RulesProvisional: status.Rules.Provisional,
		},
		Replication: api.ReplicationStatus{
			Slot:           status.Slot,
			Publication:    c.Replication.Publication,
			ServerLSN:      status.Server,
			AppliedLSN:     status.Applied,
			ConfirmedLSN:   status.Flushed,
			LagBytes:       status.LagBytes,
			LagSeconds:     status.Age.Seconds(),
			WALBehindBytes: status.WALBehind,
			SpilledBytes:   status.Spilled,
			Transactions:   int64(status.Transactions), //nolint:gosec // counts
			Changes:        int64(status.Changes),      //nolint:gosec // counts
			Reconnects:     int64(status.Reconnects),   //nolint:gosec // counts
			LastErrorAt:    tasker.NoTime,
		},
		Load: api.LoadStatus{
			Snapshots:     int64(status.Snapshots), //nolint:gosec // counts
			Rows:          status.RowsLoaded,
			RowsEstimated: status.RowsEstimated,
			StartedAt:     tasker.NoTime,
			FinishedAt:    tasker.NoTime,
		},
		Writer: writerStatus(writer.Counters{}),
	}
	if status.LastError != nil {
		out.Replication.LastError = replication.Explain(status.LastError).Error()
	}
	if view := follower.View(); view != nil {
		stats := view.Stats()
		out.Index = api.IndexStatus{
			Tasks: int64(stats.Tasks), Steps: int64(stats.Steps), Edges: int64(stats.Edges), Bytes: int64(stats.Bytes),
			Ready: int64(view.ReadyCount(follower.Now())), Blocked: view.Blocked(follower.Now()),
			Anomalies: map[string]int64{
				"task_without_row": int64(stats.TasksWithoutRow), "step_without_row": int64(stats.StepsWithoutRow),
				"step_without_named_step": int64(stats.StepsWithoutName), "unknown_state": int64(stats.StatesOutsideOfMachine),
			},
		}
	}
	return out
}

// versionText prints server_version_num as people know it.
func versionText(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", number/10000, number%10000)
}
