package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const dump = `backoff:
  default_backoff_seconds: [2, 4]
  reenqueue_delays:
    processing: 20
  buffer_seconds: 5
telemetry:
  filter_parameters: [passw, "/^pin$/i", "${x}"]
  prometheus:
    endpoint: https://metrics.example/write
    password: hunter2
    compression: null
engine:
  identity_strategy: hash
  identity_strategy_class: null
`

func TestImportEngine(t *testing.T) {
	i, err := ImportEngine("dump.yml", []byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	got := string(i.YAML(i.Options(false)))
	want := `engine:
  telemetry:
    filter_parameters: [passw, "/^pin$/i", "$${x}"]
    prometheus:
      endpoint: "https://metrics.example/write"
      # password is a secret: put it into a file, and name that by password_file
      compression: null
  engine:
    identity_strategy: hash
  backoff:
    default_backoff_seconds: [2, 4]
    reenqueue_delays:
      processing: 20s
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(i.Options(true)); n != 9 {
		t.Errorf("%d options are said", n)
	}
	if text := string(i.YAML(nil)); text != "engine: {} # everything is the engine's default\n" {
		t.Errorf("%q", text)
	}
}

// Everything that is wrong is told at once, each with its place.
func TestImportRefuses(t *testing.T) {
	_, err := ImportEngine("dump.yml", []byte(`backoff:
  max_backof_seconds: 10
  jitter_enabled: often
  jitter_max_percentage: 3
execution:
  min_concurrent_steps: 20
auth: on
caches: {default_ttl: 1}
telemetry:
  prometheus: {password: [hunter2]}
`))
	want := `the configuration has 7 problems:
  engine.auth: (dump.yml:7:7) is a section: its options belong below it
  engine.backoff.jitter_enabled: "often" (dump.yml:3:19) must be true or false
  engine.backoff.jitter_max_percentage: "3" (dump.yml:4:26) must be between 0 and 1
  engine.backoff.max_backof_seconds: (dump.yml:2:23) is not an option; did you mean engine.backoff.max_backoff_seconds?
  engine.caches.default_ttl: (dump.yml:8:23) is not an option; did you mean engine.cache.default_ttl?
  engine.execution.min_concurrent_steps: "20" (dump.yml:6:25) must not be above engine.execution.max_concurrent_steps_limit; engine.execution.max_concurrent_steps_limit is 12
  engine.telemetry.prometheus.password: "********" (dump.yml:10:26) must be one secret, not a list`
	if err == nil {
		t.Fatal("it was taken")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "# nothing\n", "- a\n", "a: [", "backoff: &a {b: *a}"} {
		var problems Problems
		if _, err := ImportEngine("f", []byte(bad)); !errors.As(err, &problems) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCompareEngine(t *testing.T) {
	i, err := ImportEngine("dump.yml", []byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(Sources{Environ: []string{"TASKER_SIDECAR_ENGINE__BACKOFF__REENQUEUE_DELAYS__PROCESSING=20s", "TASKER_SIDECAR_ENGINE__ENGINE__IDENTITY_STRATEGY=custom",
		"TASKER_SIDECAR_ENGINE__ENGINE__IDENTITY_STRATEGY_CLASS=Ours"}})
	if err != nil {
		t.Fatal(err)
	}
	differences, missing := i.Compare(l)
	var got strings.Builder
	for _, d := range differences {
		got.WriteString(d.Option.Key + ": " + d.Theirs + " " + d.TheirsOrigin + ", " + d.Ours + " " + d.OursOrigin + "\n")
	}
	want := `engine.telemetry.filter_parameters: passw,/^pin$/i,${x} dump.yml:7:22, passw,email,secret,token,_key,crypt,salt,certificate,otp,ssn default
engine.telemetry.prometheus.endpoint: https://metrics.example/write dump.yml:9:15, null default
engine.telemetry.prometheus.password: ******** dump.yml:10:15,  default
engine.telemetry.prometheus.compression: null dump.yml:11:18, snappy default
engine.engine.identity_strategy: hash dump.yml:13:22, custom environment TASKER_SIDECAR_ENGINE__ENGINE__IDENTITY_STRATEGY
engine.engine.identity_strategy_class: null dump.yml:14:28, Ours environment TASKER_SIDECAR_ENGINE__ENGINE__IDENTITY_STRATEGY_CLASS
engine.backoff.default_backoff_seconds: 2,4 dump.yml:2:28, 1,2,4,8,16,32 default
`
	if diff := cmp.Diff(want, got.String()); diff != "" || missing != 112-9 {
		t.Errorf("%d missing\n%s", missing, diff)
	}
}

func TestReplaceEngine(t *testing.T) {
	section := []byte("engine:\n  backoff:\n    buffer_seconds: 7s\n")
	for before, after := range map[string]string{
		"":                          "engine:\n  backoff:\n    buffer_seconds: 7s\n",
		"log: {level: warn} # loud": "log: {level: warn} # loud\nengine:\n  backoff:\n    buffer_seconds: 7s\n",
		"engine: {}\n# of http\nhttp:\n  max_limit: 5\n":                          "engine:\n  backoff:\n    buffer_seconds: 7s\n# of http\nhttp:\n  max_limit: 5\n",
		"log:\n  level: warn\nengine:\n  # old\n  cache:\n    default_ttl: 1\n\n": "log:\n  level: warn\nengine:\n  backoff:\n    buffer_seconds: 7s\n\n",
	} {
		got, err := ReplaceEngine("f", []byte(before), section)
		if err != nil || string(got) != after {
			t.Errorf("%q: %v\n%s", before, err, cmp.Diff(after, string(got)))
		}
	}
	for _, bad := range []string{"{engine: {}}", "  engine: {}", "a: ["} {
		if got, err := ReplaceEngine("f", []byte(bad), section); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// Whatever is imported and written is what is read again.
func TestImportRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[ -~]{0,12}|["'#:{}$\[\]é,-]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		c := Default()
		c.Engine.Telemetry.FilterMask = text.Draw(t, "mask")
		c.Engine.Telemetry.ServiceName = text.Draw(t, "name")
		user := text.Filter(func(s string) bool { return s != "" && s != null && s != "~" }).Draw(t, "user")
		c.Engine.Telemetry.Prometheus.Username = &user
		c.Engine.Telemetry.FilteredEvents = rapid.SliceOf(text.Filter(func(s string) bool { return s != "" })).Draw(t, "events")
		c.Engine.Backoff.DefaultBackoffSeconds = rapid.SliceOf(rapid.IntRange(0, 1000)).Draw(t, "waits")
		c.Engine.Backoff.JitterMaxPercentage = rapid.Float64Range(0, 1).Draw(t, "jitter")
		i := &Imported{Values: map[string]Value{}, Config: c}
		for _, o := range Options() {
			if o.Section() == "engine" {
				i.Values[o.Key] = Value{}
			}
		}
		written := i.YAML(i.Options(rapid.Bool().Draw(t, "all")))
		l, err := Load(Sources{File: "f.yml", ReadFile: func(string) ([]byte, error) { return written, nil }})
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if diff := cmp.Diff(c.Engine, l.Config.Engine); diff != "" {
			t.Fatalf("%s\n%s", written, diff)
		}
	})
}
