package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
)

// workflowTimes are the times of maintenance where they differ by workflow. What
// was found once is kept: there are no more of them than named steps.
func workflowTimes(c *config.Config) (func(namespace, name, version, step string) agenda.Times, error) {
	for _, s := range c.Selectors() { // those of a workflow are those of a selector
		own := c.For(s)
		if _, err := thresholds(own.Maintenance.RescuerThresholds); err != nil {
			return nil, err
		}
	}
	var found sync.Map // agenda.Times by config.Workflow
	return func(namespace, name, version, step string) agenda.Times {
		w := config.Workflow{Namespace: namespace, Name: name, Version: version, Step: step}
		if times, ok := found.Load(w); ok {
			return times.(agenda.Times)
		}
		own := c.For(w)
		m := &own.Maintenance
		times := agenda.Times{QuietPeriod: m.QuietPeriod, ObserveAfter: m.RescuerObserveAfter}
		if byStep, err := thresholds(m.RescuerThresholds); err == nil { // checked above
			times.Threshold = byStep[step]
		}
		found.Store(w, times)
		return times
	}, nil
}

// thresholds reads entries NAME=DURATION.
func thresholds(entries []string) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for _, entry := range entries {
		name, text, _ := strings.Cut(entry, "=")
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("maintenance.rescuer_thresholds: %s: %w", entry, err)
		}
		all[name] = d
	}
	return all, nil
}
