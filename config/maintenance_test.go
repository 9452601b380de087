package config

import (
	"strings"
	"testing"
	"time"
)

func TestMaintenance(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // empty: it is right
	}{
		{"nothing acts", func(*Config) {}, ""},
		{"an enqueuer without anything to announce by", func(c *Config) { c.Maintenance.Enqueuer = "act" }, "maintenance.announce_channel"},
		{"an enqueuer with a channel", func(c *Config) { c.Maintenance.Enqueuer, c.Maintenance.AnnounceChannel = "act", "tasks" }, ""},
		{"an enqueuer with a statement", func(c *Config) { c.Maintenance.Enqueuer, c.Maintenance.AnnounceSQL = "act", "SELECT f($1::bigint)" }, ""},
		{"a rescuer without thresholds", func(c *Config) { c.Maintenance.Rescuer = "act" }, "there is no default"},
		{"a rescuer with one", func(c *Config) {
			c.Maintenance.Rescuer, c.Maintenance.RescuerThresholds = "act", []string{"charge card=30m"}
		}, ""},
		{"a threshold for everything", func(c *Config) { c.Maintenance.RescuerThresholds = []string{"*=30m"} }, "one named step"},
		{"a threshold that is none", func(c *Config) { c.Maintenance.RescuerThresholds = []string{"charge_card"} }, "NAME=DURATION"},
		{"a threshold that is too short", func(c *Config) { c.Maintenance.RescuerThresholds = []string{"charge_card=10ms"} }, "at least 1s"},
		{"a filter", func(c *Config) { c.Maintenance.Include = []string{"payments/*/*", "*/refund/1.?"} }, ""},
		{"a filter that is none", func(c *Config) { c.Maintenance.Exclude = []string{"payments"} }, "NAMESPACE/NAME/VERSION"},
		{"a filter that cannot be read", func(c *Config) { c.Maintenance.Exclude = []string{"[/a/b"} }, "NAMESPACE/NAME/VERSION"},
		{"where nobody leads", func(c *Config) { c.Maintenance.Retrier, c.Projection.Mode = "act", "off" }, "projection.mode"},
		{"timeouts the wrong way round", func(c *Config) { c.Maintenance.LockTimeout = 6 * time.Second }, "maintenance.lock_timeout"},
		{"a mode that there is not", func(c *Config) { c.Maintenance.Retrier = "acts" }, "off, observe, act"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := Default()
			c.change(&conf)
			err := conf.Validate()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}
