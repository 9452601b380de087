package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// scrape is what one scrape reads.
type scrape struct {
	api.Status
	fresh api.Freshness
}

// reading is a metric whose value is read from the source at each scrape:
// value, or, with a label, one of values for each of the label's values.
type reading struct {
	name   string
	help   string
	kind   prometheus.ValueType
	label  string
	value  func(*scrape) float64
	values func(*scrape) map[string]float64
}

func gauge(name, help string, value func(*scrape) float64) reading {
	return reading{name: name, help: help, kind: prometheus.GaugeValue, value: value}
}

func counter(name, help string, value func(*scrape) float64) reading {
	return reading{name: name, help: help, kind: prometheus.CounterValue, value: value}
}

func labeled(name, label, help string, values func(*scrape) map[string]float64) reading {
	return reading{name: name, help: help, kind: prometheus.GaugeValue, label: label, values: values}
}

func labeledCounter(name, label, help string, values func(*scrape) map[string]float64) reading {
	return reading{name: name, help: help, kind: prometheus.CounterValue, label: label, values: values}
}

// causes are the values of the label cause.
var causes = []tasker.ReasonCode{
	tasker.ReasonInvalidState, tasker.ReasonDependenciesNotSatisfied, tasker.ReasonAttemptsExhausted, tasker.ReasonAttemptsUnknown,
	tasker.ReasonNotRetryable, tasker.ReasonInProcess, tasker.ReasonProcessed, tasker.ReasonExplicitBackoff, tasker.ReasonFailureBackoff,
	tasker.ReasonNoNamedStep,
}

// readings are all metrics that are read, in the order of the page.
var readings = []reading{
	labeled("build_info", "version", "Always 1; the label says which version runs.", func(s *scrape) map[string]float64 {
		return map[string]float64{s.Version: 1}
	}),
	gauge("start_time_seconds", "When the sidecar started to follow, in seconds since 1970.", func(s *scrape) float64 { return seconds(s.StartedAt) }),
	gauge("ready", "1 while answers are given and vouched for, else 0.", func(s *scrape) float64 { return number(s.Ready) }),
	gauge("stale", "1 while the sidecar cannot vouch for its answers; /v1/status says why.", func(s *scrape) float64 { return number(s.fresh.Stale) }),
	labeled("state", "state", "1 for the state that the follower is in, as /v1/status gives it.", func(s *scrape) map[string]float64 {
		if s.State == "" {
			return nil
		}
		return map[string]float64{s.State: 1}
	}),

	gauge("age_seconds", "How old answers are: now less the time at which the newest position known to be applied was the server's own.",
		func(s *scrape) float64 { return s.fresh.Staleness.Seconds() }),
	gauge("lag_bytes", "How far the index is behind the server's own position in the log.", func(s *scrape) float64 { return float64(s.Replication.LagBytes) }),
	gauge("lag_seconds", "How far the index is behind in time.", func(s *scrape) float64 { return s.Replication.LagSeconds }),
	gauge("applied_position_bytes", "The position of the log up to which everything is in the index, as a number of bytes.",
		func(s *scrape) float64 { return float64(s.Replication.AppliedLSN) }),
	gauge("wal_behind_bytes", "Write-ahead log that the server keeps because of the sidecar's slot.", func(s *scrape) float64 { return float64(s.Replication.WALBehindBytes) }),
	gauge("wal_spilled_bytes", "What decoding for the sidecar has written to the server's disk for unfinished transactions.",
		func(s *scrape) float64 { return float64(s.Replication.SpilledBytes) }),

	counter("transactions_total", "Transactions applied.", func(s *scrape) float64 { return float64(s.Replication.Transactions) }),
	counter("changes_total", "Row changes applied.", func(s *scrape) float64 { return float64(s.Replication.Changes) }),
	counter("reconnects_total", "How often the replication connection was made anew.", func(s *scrape) float64 { return float64(s.Replication.Reconnects) }),
	counter("snapshots_total", "Snapshots loaded.", func(s *scrape) float64 { return float64(s.Load.Snapshots) }),
	gauge("snapshot_rows", "Rows loaded of the current or the last snapshot.", func(s *scrape) float64 { return float64(s.Load.Rows) }),
	gauge("snapshot_estimated_rows", "How many rows that snapshot has, by the server's estimate.", func(s *scrape) float64 { return float64(s.Load.RowsEstimated) }),

	gauge("index_bytes", "Memory that the index takes, by its own account.", func(s *scrape) float64 { return float64(s.Index.Bytes) }),
	gauge("tasks", "Tasks in the index.", func(s *scrape) float64 { return float64(s.Index.Tasks) }),
	gauge("steps", "Workflow steps in the index.", func(s *scrape) float64 { return float64(s.Index.Steps) }),
	gauge("edges", "Edges between steps in the index.", func(s *scrape) float64 { return float64(s.Index.Edges) }),
	gauge("ready_steps", "Steps that can run now.", func(s *scrape) float64 { return float64(s.Index.Ready) }),
	labeled("blocked_steps", "cause", "Steps that are not done and cannot run, by cause; a step counts under each cause that holds.", func(s *scrape) map[string]float64 {
		if s.Index.Blocked == nil {
			return nil
		}
		values := make(map[string]float64, len(causes))
		for _, cause := range causes {
			values[string(cause)] = float64(s.Index.Blocked[cause])
		}
		return values
	}),
	labeled("anomalies", "kind", "Rows in the index that mean nothing defined, by kind.", func(s *scrape) map[string]float64 {
		values := make(map[string]float64, len(s.Index.Anomalies))
		for kind, n := range s.Index.Anomalies {
			values[kind] = float64(n)
		}
		return values
	}),

	labeledCounter("configuration_reloads_total", "result", "How often the configuration was read anew: taken over, or refused because it was wrong.", func(s *scrape) map[string]float64 {
		return map[string]float64{"done": float64(s.Configuration.Reloads), "refused": float64(s.Configuration.Refused)}
	}),
	gauge("configuration_reloaded_seconds", "When the configuration was read the last time and was right, in seconds since 1970.",
		func(s *scrape) float64 { return seconds(s.Configuration.ReloadedAt) }),
	gauge("configuration_pending", "Options whose new values wait for a restart.", func(s *scrape) float64 { return float64(s.Configuration.Pending) }),

	counter("verify_passes_total", "Comparisons with the database's own functions.", func(s *scrape) float64 { return float64(s.Verify.Passes) }),
	counter("verify_tasks_total", "Tasks compared.", func(s *scrape) float64 { return float64(s.Verify.Compared) }),
	counter("verify_undecided_tasks_total", "Tasks that changed during a comparison, so that it says nothing about them.", func(s *scrape) float64 { return float64(s.Verify.Undecided) }),
	counter("verify_differences_total", "Fields in which the index was found to differ. Anything but 0 is a defect of the sidecar.", func(s *scrape) float64 { return float64(s.Verify.Differences) }),
	labeled("projection_state", "state", "1 for the state that the projection is in, as /v1/status gives it.", func(s *scrape) map[string]float64 {
		if s.Projection.State == "" {
			return nil
		}
		return map[string]float64{s.Projection.State: 1}
	}),
	gauge("projection_written_position_bytes", "The position of the log that the rows in the database reflect, as a number of bytes; 0 unless this sidecar writes them.",
		func(s *scrape) float64 { return float64(s.Projection.WrittenLSN) }),
	counter("projection_flushes_total", "Transactions that wrote rows, or how old they are.", func(s *scrape) float64 { return float64(s.Projection.Flushes) }),
	counter("projection_rows_total", "Rows written or deleted.", func(s *scrape) float64 { return float64(s.Projection.Rows) }),
	counter("projection_compactions_total", "How often tables of rows that had grown too large were filled anew.", func(s *scrape) float64 { return float64(s.Projection.Compactions) }),
	gauge("projection_flush_seconds", "How long the last of those transactions took.", func(s *scrape) float64 { return s.Projection.FlushMillis / 1000 }),

	counter("events_published_total", "Events made for readers; none are while nobody reads.", func(s *scrape) float64 { return float64(s.Events.Published) }),
	counter("events_gaps_total", "How often events had to be left out, of which readers were told.", func(s *scrape) float64 { return float64(s.Events.Gaps) }),
	counter("events_unnamed_transitions_total", "Transitions to states that the engine does not know: they have no event.", func(s *scrape) float64 { return float64(s.Events.Unnamed) }),
	gauge("events_readers", "Who reads events.", func(s *scrape) float64 { return float64(s.Events.Readers) }),
	counter("events_readers_dropped_total", "Readers that were sent away because they were too slow.", func(s *scrape) float64 { return float64(s.Events.Dropped) }),
	gauge("events_queued_transitions", "Transitions that wait to become events.", func(s *scrape) float64 { return float64(s.Events.Queued) }),
	labeled("maintenance_due_acts", "service", "Acts of each maintenance service that are due, or would be if it acted; 0 where another sidecar leads.",
		perService(func(m *api.ServiceStatus) float64 { return float64(m.Due) })),
	labeled("maintenance_halted", "service", "1 while a maintenance service that is to act does not: it is paused, has stopped because its budget was spent, or cannot act here.",
		perService(func(m *api.ServiceStatus) float64 { return number(m.Mode == "act" && m.State != "running") })),
	labeled("maintenance_stopped", "service", "1 while a maintenance service has stopped because its budget was spent; an operator has to resume it.",
		perService(func(m *api.ServiceStatus) float64 { return number(m.State == "stopped") })),
	labeledCounter("maintenance_acts_total", "service", "Acts of each maintenance service that were done.",
		perService(func(m *api.ServiceStatus) float64 { return float64(m.Done) })),
	labeledCounter("maintenance_overtaken_total", "service", "Acts of each maintenance service that were given up because somebody else was faster.",
		perService(func(m *api.ServiceStatus) float64 { return float64(m.Overtaken) })),
	labeledCounter("maintenance_failures_total", "service", "Tries of each maintenance service that failed, and are made again.",
		perService(func(m *api.ServiceStatus) float64 { return float64(m.Failed) })),

	counter("writer_transactions_total", "Transactions committed for transitions that were asked for.", func(s *scrape) float64 { return float64(s.Writer.Transactions) }),
	counter("writer_retries_total", "Attempts after the first of such a transaction.", func(s *scrape) float64 { return float64(s.Writer.Retries) }),
	labeledCounter("writer_races_total", "kind", "How often something was in the way of such a transaction, by kind, as /v1/status gives it.", func(s *scrape) map[string]float64 {
		values := make(map[string]float64, len(s.Writer.Races))
		for kind, n := range s.Writer.Races {
			values[kind] = float64(n)
		}
		return values
	}),

	gauge("verify_last_pass_time_seconds", "When the last comparison was done, in seconds since 1970; 0 before the first.", func(s *scrape) float64 { return seconds(s.Verify.LastAt) }),
}

// perService reads a value of each maintenance service.
func perService(value func(*api.ServiceStatus) float64) func(*scrape) map[string]float64 {
	return func(s *scrape) map[string]float64 {
		values := make(map[string]float64, len(s.Maintenance))
		for i := range s.Maintenance {
			values[s.Maintenance[i].Service] = value(&s.Maintenance[i])
		}
		return values
	}
}

func seconds(t tasker.Timestamp) float64 {
	if !t.Finite() {
		return 0
	}
	return float64(t) / 1e6
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
