package main

import (
	"sync"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/readiness/analysis"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/tasker/derive"
)

// formulasOf hands over what the application configures its engine with, as far
// as answers are computed with it.
func formulasOf(c *config.Config) func(api.Scope) api.Formulas {
	all := formulas(&c.Engine)
	if len(c.ByWorkflow) == 0 {
		return func(api.Scope) api.Formulas { return all }
	}
	var found sync.Map // api.Formulas by api.Scope; there are no more of them than named steps
	return func(of api.Scope) api.Formulas {
		if known, ok := found.Load(of); ok {
			return known.(api.Formulas)
		}
		own := c.For(config.Workflow(of))
		f := formulas(&own.Engine)
		found.Store(of, f)
		return f
	}
}

// readyDelay is how long the application leaves a task alone that has steps to
// run.
func readyDelay(c *config.Config) func(namespace, name, version string) time.Duration {
	of := formulasOf(c)
	return func(namespace, name, version string) time.Duration {
		f := of(api.Scope{Namespace: namespace, Name: name, Version: version})
		return time.Duration(f.Backoff.ReenqueueDelays.HasReadySteps) * time.Second
	}
}

func formulas(e *config.Engine) api.Formulas {
	return api.Formulas{Backoff: backoffOf(&e.Backoff), Execution: executionOf(&e.Execution), Weights: weightsOf(&e.DependencyGraph)}
}

func backoffOf(b *config.EngineBackoff) derive.Backoff {
	waits := make([]int64, len(b.DefaultBackoffSeconds))
	for i, s := range b.DefaultBackoffSeconds {
		waits[i] = int64(s)
	}
	return derive.Backoff{
		DefaultBackoffSeconds: waits,
		MaxBackoffSeconds:     int64(b.MaxBackoffSeconds),
		BackoffMultiplier:     b.BackoffMultiplier,
		JitterEnabled:         b.JitterEnabled,
		JitterMaxPercentage:   b.JitterMaxPercentage,
		ReenqueueDelays: derive.ReenqueueDelays{
			HasReadySteps:          seconds(b.ReenqueueDelays.HasReadySteps),
			WaitingForDependencies: seconds(b.ReenqueueDelays.WaitingForDependencies),
			Processing:             seconds(b.ReenqueueDelays.Processing),
		},
		DefaultReenqueueDelay: seconds(b.DefaultReenqueueDelay),
		BufferSeconds:         seconds(b.BufferSeconds),
	}
}

func executionOf(e *config.EngineExecution) derive.Execution {
	return derive.Execution{
		MinConcurrentSteps:         int64(e.MinConcurrentSteps),
		MaxConcurrentStepsLimit:    int64(e.MaxConcurrentStepsLimit),
		BatchTimeoutBaseSeconds:    seconds(e.BatchTimeoutBaseSeconds),
		BatchTimeoutPerStepSeconds: seconds(e.BatchTimeoutPerStepSeconds),
		MaxBatchTimeoutSeconds:     seconds(e.MaxBatchTimeoutSeconds),
		PressureFactors:            derive.PressureFactors(e.ConnectionPressureFactors),
	}
}

func weightsOf(g *config.EngineDependencyGraph) analysis.Weights {
	i, s, p, t, d := g.ImpactMultipliers, g.SeverityMultipliers, g.PenaltyConstants, g.SeverityThresholds, g.DurationEstimates
	return analysis.Weights{
		DownstreamWeight: int64(i.DownstreamWeight), BlockedWeight: int64(i.BlockedWeight), PathLengthWeight: int64(i.PathLengthWeight),
		CompletedPenalty: int64(i.CompletedPenalty), BlockedPenalty: int64(i.BlockedPenalty), ErrorPenalty: int64(i.ErrorPenalty), RetryPenalty: int64(i.RetryPenalty),
		ErrorState: s.ErrorState, ExhaustedRetryBonus: s.ExhaustedRetryBonus, DependencyIssue: s.DependencyIssue,
		RetryInstability: int64(p.RetryInstability), NonRetryable: int64(p.NonRetryable), ExhaustedRetry: int64(p.ExhaustedRetry),
		Critical: int64(t.Critical), High: int64(t.High), Medium: int64(t.Medium),
		BaseStepSeconds: int64(d.BaseStepSeconds), ErrorPenaltySeconds: int64(d.ErrorPenaltySeconds), RetryPenaltySeconds: int64(d.RetryPenaltySeconds),
	}
}

// seconds of a duration of the engine's, which are whole.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
