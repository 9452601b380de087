package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// application stands for the engine in a running application: objects with
// attributes, hashes and structures, with values of all kinds that Ruby has for
// them.
const application = `
require "ostruct"
require "active_support"
require "active_support/core_ext"

class Authenticator; end

Backoff = Struct.new(:default_backoff_seconds, :max_backoff_seconds, :reenqueue_delays, :jitter_max_percentage, keyword_init: true)

class Telemetry
  attr_accessor :filter_parameters, :service_name, :prometheus
  def initialize
    @filter_parameters = [:passw, "token", /\Apin\z/i, ->(key, value) {}]
    @service_name = "orders"
    @prometheus = { endpoint: "https://metrics.example/write", username: :metrics, password: "hunter2", job_timeout: 7.minutes, compression: nil }
  end
end

module Tasker
  def self.configuration
    @configuration ||= OpenStruct.new(
      auth: OpenStruct.new(authentication_enabled: true, authenticator_class: Authenticator, strategy: :custom, current_user_method: :current_admin),
      database: { name: :tasker, enable_secondary_database: true },
      telemetry: Telemetry.new,
      engine: OpenStruct.new(identity_strategy: :hash, custom_events_directories: ["config/events", "lib/events"]),
      health: ActiveSupport::OrderedOptions.new.merge!(cache_duration_seconds: 20, readiness_timeout_seconds: 2.5),
      dependency_graph: { impact_multipliers: { downstream_weight: 6 }.with_indifferent_access },
      backoff: Backoff.new(default_backoff_seconds: [3, 9], max_backoff_seconds: 10.minutes, reenqueue_delays: { has_ready_steps: 0, processing: 20 }.freeze, jitter_max_percentage: 0.1),
      execution: OpenStruct.new(max_concurrent_steps_limit: 20),
      cache: OpenStruct.new(default_ttl: 300)
    )
  end
end
`

// dumped is what the script writes in that application.
func dumped(t *testing.T) string {
	t.Helper()
	code, script, stderr := configured(t, nil, "config", "import", "--script")
	if code != 0 || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	path := filepath.Join(files(t, map[string]string{"engine.rb": application + script}), "engine.rb")
	ruby := exec.CommandContext(t.Context(), "ruby", path)
	var stdout, complaints bytes.Buffer
	ruby.Stdout, ruby.Stderr = &stdout, &complaints
	if err := ruby.Run(); err != nil {
		t.Fatalf("ruby (CONTRIBUTING.md names the packages): %v\n%s", err, complaints.String())
	}
	if !strings.Contains(complaints.String(), "telemetry.filter_parameters: code cannot be written down") {
		t.Errorf("complaints: %q", complaints.String())
	}
	if strings.Contains(stdout.String(), "hunter2") {
		t.Errorf("the password is in the dump:\n%s", stdout.String())
	}
	return stdout.String()
}

// What a Ruby application configures comes to be our section, and holds.
func TestImportFromRuby(t *testing.T) {
	const before = "# ours\nlog:\n  level: warn # loud\nengine:\n  cache: {default_ttl: 1}\n\n# of http\nhttp:\n  max_limit: 500\n"
	folder := files(t, map[string]string{"engine.yml": dumped(t), "tasker.yml": before})
	dump, target := filepath.Join(folder, "engine.yml"), filepath.Join(folder, "tasker.yml")
	want := `engine:
  auth:
    authentication_enabled: true
    authenticator_class: Authenticator
    current_user_method: current_admin
    strategy: custom
  database:
    name: tasker
    enable_secondary_database: true
  telemetry:
    service_name: orders
    filter_parameters: [passw, token, "/\\Apin\\z/i"]
    prometheus:
      endpoint: "https://metrics.example/write"
      username: metrics
      job_timeout: 7m
      compression: null
  engine:
    identity_strategy: hash
    custom_events_directories: [config/events, lib/events]
  health:
    readiness_timeout_seconds: 2.5
    cache_duration_seconds: 20
  dependency_graph:
    impact_multipliers:
      downstream_weight: 6
  backoff:
    default_backoff_seconds: [3, 9]
    max_backoff_seconds: 600
    reenqueue_delays:
      processing: 20s
  execution:
    max_concurrent_steps_limit: 20
`
	code, got, stderr := configured(t, nil, "config", "import", dump)
	if diff := cmp.Diff(want, got); diff != "" || code != 0 {
		t.Errorf("%d %s\n%s", code, stderr, diff)
	}
	if code, all, _ := configured(t, nil, "config", "import", dump, "--all"); code != 0 || !strings.Contains(all, "default_ttl: 5m") {
		t.Errorf("%d\n%s", code, all)
	}
	if code, asJSON, _ := configured(t, nil, "config", "import", dump, "--json"); code != 0 || !strings.Contains(asJSON, `"engine.backoff.max_backoff_seconds": "600"`) {
		t.Errorf("%d\n%s", code, asJSON)
	}

	if code, _, stderr := configured(t, nil, "config", "import", dump, "--write", "--config", target); code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	after, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Replace(before, "engine:\n  cache: {default_ttl: 1}\n", want, 1), string(after)); diff != "" {
		t.Error(diff)
	}
	loaded, err := config.Load(config.Sources{File: target})
	if err != nil {
		t.Fatal(err)
	}
	imported, err := importEngine(dump)
	if err != nil {
		t.Fatal(err)
	}
	if differences, _ := imported.Compare(loaded); len(differences) != 0 {
		t.Errorf("after the import: %+v", differences)
	}
}

// Of each option of the engine explain says what it is used for here, or why it is
// carried only.
func TestExplainSaysTheUse(t *testing.T) {
	for key, says := range map[string]string{
		"engine.backoff.max_backoff_seconds": "used      for next_backoff of a step",
		"engine.cache.default_ttl":           "carried only, answers here are always of the newest position",
	} {
		if code, stdout, stderr := configured(t, nil, "config", "explain", key); code != 0 || !strings.Contains(stdout, says) {
			t.Errorf("%s: %d %s%s", key, code, stdout, stderr)
		}
	}
}

// What is not right is told whole, and nothing is written.
func TestImportRefusals(t *testing.T) {
	folder := files(t, map[string]string{
		"wrong.yml":  "backoff:\n  max_backof_seconds: 5\n  jitter_enabled: maybe\n",
		"right.yml":  "backoff:\n  buffer_seconds: 6\n",
		"tasker.yml": "# ours\n",
		"broken.yml": "http: {max_limit: many}\n",
	})
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{at("wrong.yml")}, exitFound, []string{"wrong.yml:2:23) is not an option; did you mean engine.backoff.max_backoff_seconds?", "wrong.yml:3:19) must be true or false"}},
		{[]string{at("none.yml")}, exitUsage, []string{"cannot be read"}},
		{[]string{}, exitUsage, []string{"give the file to import"}},
		{[]string{at("right.yml"), "--script"}, exitUsage, []string{"give the file to import"}},
		{[]string{at("right.yml"), "--write"}, exitUsage, []string{"--config FILE"}},
		{[]string{at("right.yml"), "--write", "--config", at("none.yml")}, exitUsage, []string{"cannot be read"}},
		{[]string{at("right.yml"), "--write", "--config", at("broken.yml")}, exitFound, []string{"stays as it is", "must be a whole number"}},
	} {
		code, stdout, stderr := configured(t, nil, append([]string{"config", "import"}, c.args...)...)
		if code != c.code || stdout != "" {
			t.Errorf("%v: %d %s", c.args, code, stdout)
		}
		for _, text := range c.says {
			if !strings.Contains(stderr, text) {
				t.Errorf("%v: %q is missing in %s", c.args, text, stderr)
			}
		}
	}
	if text, err := os.ReadFile(at("broken.yml")); err != nil || string(text) != "http: {max_limit: many}\n" {
		t.Errorf("%v: it was changed: %s", err, text)
	}
}

func TestDoctorComparesTheEngine(t *testing.T) {
	folder := files(t, map[string]string{"engine.yml": "backoff:\n  buffer_seconds: 6\n  max_backoff_seconds: 300\ncache:\n  default_ttl: 60\n"})
	imported, err := importEngine(filepath.Join(folder, "engine.yml"))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range engineFindings(imported, loaded) {
		got = append(got, f.Severity.String()+" "+strings.ReplaceAll(f.What, folder+string(filepath.Separator), ""))
	}
	want := []string{
		"warning engine.backoff.buffer_seconds is 6s in the application (engine.yml:2:19) and 5s here (default); it is used here for reenqueue_delay_seconds of a task's context, with derived=true",
		"info engine.cache.default_ttl is 1m in the application (engine.yml:5:16) and 5m here (default); it is carried only: answers here are always of the newest position of the log; nothing is cached",
		"info the dump says nothing of 109 options of the engine, which were not compared",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
