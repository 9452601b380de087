package main

import (
	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/verify"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// The functions here hand the configuration over to the packages that do the
// work. Every field of theirs that an operator may turn is set from it.

func replicationOptions(c *config.Config, logger hclog.Logger) replication.Options {
	r := c.Replication
	return replication.Options{
		DatabaseURL:            c.Database.URL.Reveal(),
		Schema:                 c.Database.Schema,
		ApplicationName:        c.Database.ApplicationName,
		ConnectTimeout:         c.Database.ConnectTimeout,
		Publication:            r.Publication,
		AllColumns:             r.AllColumns,
		SlotPrefix:             r.SlotPrefix,
		SnapshotWorkers:        r.SnapshotWorkers,
		SnapshotRowsPerBatch:   r.SnapshotRowsPerBatch,
		SnapshotChunkBytes:     int64(r.SnapshotChunkBytes),
		SnapshotBytesPerSecond: int64(r.SnapshotBytesPerSecond),
		ReloadPause:            r.ReloadPause,
		ReloadPauseMax:         r.ReloadPauseMax,
		ReconnectMin:           r.ReconnectMin,
		ReconnectMax:           r.ReconnectMax,
		FirstStartPatience:     r.FirstStartPatience,
		StatusInterval:         r.StatusInterval,
		WALSenderTimeout:       r.WALSenderTimeout,
		ReceiveTimeout:         r.ReceiveTimeout,
		TCPKeepalive:           r.TCPKeepalive,
		StandstillTimeout:      r.StandstillTimeout,
		ProbeInterval:          r.ProbeInterval,
		ProbeTimeout:           r.ProbeTimeout,
		MaxWALBehind:           int64(r.MaxWALBehind),
		WALBehindPause:         r.WALBehindPause,
		PublishInterval:        r.PublishInterval,
		ReadBuffer:             int(r.ReadBuffer),
		WatchInterval:          r.WatchInterval,
		WatchTimeout:           r.WatchTimeout,
		WatchBlind:             r.WatchBlind,
		ProvisionalInterval:    r.ProvisionalInterval,
		Rules:                  rulesOptions(c),
		Logger:                 logger.Named("replication"),
	}
}

func apiOptions(c *config.Config, logger hclog.Logger) (api.Options, error) {
	h := c.HTTP
	o := api.Options{
		Listen:             h.Listen,
		ProbeListen:        h.ProbeListen,
		AllowedHosts:       h.AllowedHosts,
		AllowedOrigins:     h.AllowedOrigins,
		MaxWait:            h.MaxWait,
		RetryAfter:         h.RetryAfter,
		ConnectionsTimeout: h.ConnectionsTimeout,
		DefaultLimit:       h.DefaultLimit,
		MaxLimit:           h.MaxLimit,
		DefaultBlockers:    h.DefaultBlockers,
		DefaultPaths:       h.DefaultPaths,
		MaxPaths:           h.MaxPaths,
		MaxBatchIDs:        h.MaxBatchIDs,
		MaxBodyBytes:       int64(h.MaxBodyBytes),
		MaxTransitionBytes: int64(h.MaxTransitionBytes),
		TransitionTimeout:  h.TransitionTimeout,
		MaxHeaderBytes:     int(h.MaxHeaderBytes),
		ReadHeaderTimeout:  h.ReadHeaderTimeout,
		ReadTimeout:        h.ReadTimeout,
		WriteTimeout:       h.WriteTimeout,
		IdleTimeout:        h.IdleTimeout,
		ShutdownTimeout:    h.ShutdownTimeout,
		EventsHeartbeat:    c.Events.Heartbeat,
		EventsWriteTimeout: c.Events.WriteTimeout,
		Formulas:           formulasOf(c),
		Version:            version,
		Logger:             logger.Named("http"),
	}
	for _, text := range h.Tokens {
		token, err := api.ParseToken(text)
		if err != nil {
			return o, usageError("http.tokens: %s", err)
		}
		o.Tokens = append(o.Tokens, token)
	}
	return o, nil
}

func announceOptions(c *config.Config) announce.Options {
	e := c.Events
	o := announce.Options{Keep: e.Keep, Queue: e.Queue, Linger: e.Linger, MaxReaders: e.MaxReaders}
	if o.Linger == 0 {
		o.Linger = -1
	}
	return o
}

// eventsClock is what events may be told of the time: nothing while the log is
// not followed.
func eventsClock(f *follow.Follower) announce.Clock {
	return announce.Clock{Now: f.Now, Fresh: func() bool { return !f.Status().Stale }}
}

func verifyOptions(c *config.Config, schema string, logger hclog.Logger) verify.Options {
	v := c.Verify
	return verify.Options{
		Schema:           schema,
		StatementTimeout: v.StatementTimeout,
		BatchTasks:       v.BatchTasks,
		MaxTasks:         v.MaxTasks,
		Pause:            v.Pause,
		MaxPaths:         int64(v.MaxPaths),
		ApplyTimeout:     v.ApplyTimeout,
		KeepDifferences:  v.KeepDifferences,
		Logger:           logger.Named("verify"),
	}
}

func rulesOptions(c *config.Config) replication.RulesOptions {
	return replication.RulesOptions{
		Override: rulesOverride(c), StepsPerKind: c.Readiness.RulesSteps, StatementTimeout: c.Readiness.RulesTimeout,
	}
}

// rulesOverride is what the operator has said of the rules; 0: ask.
func rulesOverride(c *config.Config) tasker.Rules {
	switch c.Readiness.Rules {
	case "v01":
		return tasker.RulesV01
	case "v02":
		return tasker.RulesV02
	}
	return 0
}
