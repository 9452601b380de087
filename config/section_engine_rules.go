package config

import "strings"

// engineRules hold between options of the engine.
var engineRules = []Rule{
	{"engine.auth.authentication_enabled", "engine.auth.authenticator_class", func(c *Config) string {
		a := &c.Engine.Auth
		return says(a.AuthenticationEnabled && a.AuthenticatorClass == nil, "needs engine.auth.authenticator_class")
	}},
	{"engine.engine.identity_strategy", "engine.engine.identity_strategy_class", func(c *Config) string {
		e := &c.Engine.Engine
		return says(e.IdentityStrategy == "custom" && e.IdentityStrategyClass == nil, "needs engine.engine.identity_strategy_class")
	}},
	{"engine.execution.min_concurrent_steps", "engine.execution.max_concurrent_steps_limit", func(c *Config) string {
		e := &c.Engine.Execution
		return says(e.MinConcurrentSteps > e.MaxConcurrentStepsLimit, "must not be above engine.execution.max_concurrent_steps_limit")
	}},
	{"engine.execution.max_batch_timeout_seconds", "engine.execution.batch_timeout_base_seconds", func(c *Config) string {
		e := &c.Engine.Execution
		return says(e.MaxBatchTimeoutSeconds <= e.BatchTimeoutBaseSeconds, "must be more than engine.execution.batch_timeout_base_seconds")
	}},
	{"engine.cache.min_adaptive_ttl", "engine.cache.max_adaptive_ttl", func(c *Config) string {
		k := &c.Engine.Cache
		return says(k.MinAdaptiveTTL >= k.MaxAdaptiveTTL, "must be less than engine.cache.max_adaptive_ttl")
	}},
	{"engine.dependency_graph.severity_thresholds.medium", "engine.dependency_graph.severity_thresholds.high", func(c *Config) string {
		t := &c.Engine.DependencyGraph.SeverityThresholds
		return says(t.Medium > t.High, "must not be above engine.dependency_graph.severity_thresholds.high")
	}},
	{"engine.dependency_graph.severity_thresholds.high", "engine.dependency_graph.severity_thresholds.critical", func(c *Config) string {
		t := &c.Engine.DependencyGraph.SeverityThresholds
		return says(t.High > t.Critical, "must not be above engine.dependency_graph.severity_thresholds.critical")
	}},
}

// uses are what options of the engine are used for, where several share a use.
var uses = strings.NewReplacer(
	"@analysis", "GET /v1/tasks/{id}/analysis",
	"@step", "next_backoff of a step, with derived=true; not when it is ready, for which the engine's SQL functions have waits of their own",
	"@delay", "reenqueue_delay_seconds of a task's context, with derived=true",
	"@batch", "batch_timeout_seconds of a task's context, with derived=true",
	"@concurrency", "concurrency of the health counts, with derived=true",
)

func usesOf(tag string) string { return uses.Replace(tag) }
