package config

// Rule is one that holds between two options.
type Rule struct {
	// Key is the option at which it is told, Other the one whose value is told
	// with it.
	Key, Other string
	// Broken says what is wrong at Key, such as "must not be above
	// http.max_limit"; nothing when the rule holds. It sees a configuration in
	// which both options are right by themselves, and does not keep it.
	Broken func(c *Config) string
}

var rules = []Rule{
	{"http.default_limit", "http.max_limit", func(c *Config) string {
		return says(c.HTTP.DefaultLimit > c.HTTP.MaxLimit, "must not be above http.max_limit")
	}},
	{"http.default_blockers", "http.max_limit", func(c *Config) string {
		return says(c.HTTP.DefaultBlockers > c.HTTP.MaxLimit, "must not be above http.max_limit")
	}},
	{"http.default_paths", "http.max_paths", func(c *Config) string {
		return says(c.HTTP.DefaultPaths > c.HTTP.MaxPaths, "must not be above http.max_paths")
	}},
	{"http.max_wait", "http.write_timeout", func(c *Config) string {
		return says(c.HTTP.MaxWait >= c.HTTP.WriteTimeout, "must be less than http.write_timeout, or a request that waits is cut off without an answer")
	}},
	{"replication.reload_pause", "replication.reload_pause_max", func(c *Config) string {
		return says(c.Replication.ReloadPause > c.Replication.ReloadPauseMax, "must not be above replication.reload_pause_max")
	}},
	{"replication.reconnect_min", "replication.reconnect_max", func(c *Config) string {
		return says(c.Replication.ReconnectMin > c.Replication.ReconnectMax, "must not be above replication.reconnect_max")
	}},
	{"replication.status_interval", "replication.wal_sender_timeout", func(c *Config) string {
		return says(c.Replication.StatusInterval > c.Replication.WALSenderTimeout/2, "must be at most half of replication.wal_sender_timeout")
	}},
	{"replication.receive_timeout", "replication.status_interval", func(c *Config) string {
		return says(c.Replication.ReceiveTimeout <= c.Replication.StatusInterval, "must be more than replication.status_interval")
	}},
	{"projection.min_pause", "projection.max_pause", func(c *Config) string {
		return says(c.Projection.MinPause > c.Projection.MaxPause, "must not be above projection.max_pause")
	}},
	{"replication.watch_blind", "replication.watch_interval", func(c *Config) string {
		return says(c.Replication.WatchBlind <= c.Replication.WatchInterval, "must be more than replication.watch_interval")
	}},
	{"leader.lease_timeout", "leader.poll_interval", func(c *Config) string {
		return says(c.Leader.LeaseTimeout < 3*c.Leader.PollInterval, "must be at least three times leader.poll_interval")
	}},
	{"leader.poll_interval", "leader.retry_max", func(c *Config) string {
		return says(c.Leader.PollInterval > c.Leader.RetryMax, "must not be above leader.retry_max")
	}},
	{"leader.lock_timeout", "leader.statement_timeout", func(c *Config) string {
		return says(c.Leader.LockTimeout >= c.Leader.StatementTimeout, "must be less than leader.statement_timeout")
	}},
	{"maintenance.enqueuer", "maintenance.announce_channel", func(c *Config) string {
		m := &c.Maintenance
		return says(m.Enqueuer == "act" && m.AnnounceChannel == "" && m.AnnounceSQL == "",
			"acts by announcing: set maintenance.announce_channel or maintenance.announce_sql, or nobody is told of the tasks")
	}},
	{"maintenance.rescuer", "maintenance.rescuer_thresholds", func(c *Config) string {
		m := &c.Maintenance
		return says(m.Rescuer == "act" && len(m.RescuerThresholds) == 0 && !c.varies("maintenance.rescuer_thresholds"),
			"acts on named steps alone: set maintenance.rescuer_thresholds to how long the handler of each may take; there is no default, because the result of a worker that is alive after all is lost")
	}},
	{"maintenance.statement_timeout", "maintenance.lock_timeout", func(c *Config) string {
		return says(c.Maintenance.LockTimeout >= c.Maintenance.StatementTimeout, "must be more than maintenance.lock_timeout")
	}},
	needsLeader("retrier", func(m *Maintenance) string { return m.Retrier }),
	needsLeader("enqueuer", func(m *Maintenance) string { return m.Enqueuer }),
	needsLeader("rescuer", func(m *Maintenance) string { return m.Rescuer }),
	needsLeader("finalizer", func(m *Maintenance) string { return m.Finalizer }),
	needsLeader("canceller", func(m *Maintenance) string { return m.Canceller }),
	{"writer.retry_min", "writer.retry_max", func(c *Config) string {
		return says(c.Writer.RetryMin > c.Writer.RetryMax, "must not be above writer.retry_max")
	}},
	{"writer.queue_timeout", "writer.statement_timeout", func(c *Config) string {
		return says(c.Writer.QueueTimeout >= c.Writer.StatementTimeout, "must be less than writer.statement_timeout")
	}},
	{"http.listen", "http.tokens", func(c *Config) string { return exposed(c.HTTP.Listen, c) }},
	{"http.probe_listen", "http.tokens", func(c *Config) string { return exposed(c.HTTP.ProbeListen, c) }},
}

// needsLeader refuses a service that is to act where nobody leads.
func needsLeader(service string, mode func(*Maintenance) string) Rule {
	return Rule{"maintenance." + service, "projection.mode", func(c *Config) string {
		return says(mode(&c.Maintenance) == "act" && c.Projection.Mode == "off", "acts, and only a leader does: it needs projection.mode auto")
	}}
}

func says(broken bool, text string) string {
	if broken {
		return text
	}
	return ""
}

// exposed refuses an address that others can reach while nobody is asked who
// they are.
func exposed(address string, c *Config) string {
	return says(address != "" && len(c.HTTP.Tokens) == 0 && !loopback(address),
		"is beyond loopback, and anybody who can connect could ask: configure http.tokens, or listen on 127.0.0.1")
}
