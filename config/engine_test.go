package config

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// leaf is an option in the table of the engine's.
type leaf struct{ key, kind, byDefault string }

// engineLeaves reads the table; some of its rows hold several options.
func engineLeaves(t *testing.T) []leaf {
	t.Helper()
	text, err := os.ReadFile("testdata/engine_options.md")
	if err != nil {
		t.Fatal(err)
	}
	slashes := regexp.MustCompile(` */ *`)
	var leaves []leaf
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "option" {
			continue
		}
		name, kind, byDefault := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		names, defaults := slashes.Split(name, -1), []string{byDefault}
		if len(names) > 1 {
			defaults = slashes.Split(byDefault, -1)
		}
		parent := names[0][:strings.LastIndexByte(names[0], '.')+1]
		for i, n := range names {
			if i > 0 {
				n = parent + strings.TrimPrefix(n, ".")
			}
			leaves = append(leaves, leaf{"engine." + n, kind, defaults[i]})
		}
	}
	return leaves
}

// ours writes a default of the table as it would be written here.
func (l leaf) ours() string {
	if _, list, ok := strings.Cut(l.byDefault, ", else "); ok {
		return strings.ReplaceAll(list, " ", ",")
	}
	if strings.HasPrefix(l.byDefault, "'") {
		return strings.Split(l.byDefault, "'")[1]
	}
	s, _, _ := strings.Cut(l.byDefault, " (")
	if strings.HasPrefix(s, "[") {
		return strings.NewReplacer("[", "", "]", "", "'", "").Replace(s)
	}
	s = strings.TrimPrefix(strings.ReplaceAll(s, " min", "m"), ":")
	if s == "nil" {
		return null
	}
	return s
}

// Every option of the engine's table is here, of the same type and with the same
// default, and every option says whether it has a use here.
func TestEngineOptions(t *testing.T) {
	leaves := engineLeaves(t)
	if len(leaves) != 112 {
		t.Fatalf("the table has %d options, not 112", len(leaves))
	}
	kindsOf := map[string][]string{
		"bool": {kindBool}, "bool (same)": {kindBool}, "string": {"text"}, "symbol": {"text"}, "string or symbol?": {kindOptional}, "string?": {kindOptional, kindSecret},
		"int": {"whole number"}, "float": {"number"}, "int s": {"duration"}, "duration": {"duration"},
		"array": {"list"}, "array of string": {"list"}, "array of int": {"list of whole numbers"}, "array of symbol/string/regexp": {"list"},
	}
	known := map[string]bool{}
	for _, l := range leaves {
		o, ok := Lookup(l.key)
		if known[l.key] = true; !ok {
			t.Errorf("%s is missing", l.key)
			continue
		}
		if !slices.Contains(kindsOf[l.kind], o.Kind) {
			t.Errorf("%s is %q here, and %q in the table", l.key, o.Kind, l.kind)
		}
		want := l.ours()
		if o.Secret() && want == null {
			want = ""
		}
		parsed, err := o.kind.parse(want)
		if err != nil || o.kind.print(parsed) != o.Default {
			t.Errorf("%s has the default %q, and %q in the table (%v)", l.key, o.Default, l.byDefault, err)
		}
	}
	for _, o := range Options() {
		if o.Section() != "engine" {
			continue
		}
		if !known[o.Key] && o.Key != "engine.telemetry.prometheus.password_file" {
			t.Errorf("%s is not in the table", o.Key)
		}
		if (o.Use == "") == (o.Carried == "") || strings.Contains(o.Use, "@") {
			t.Errorf("%s must say either what it is used for (%q) or why it is only carried (%q)", o.Key, o.Use, o.Carried)
		}
	}
}

// Every rule of the table is enforced.
func TestEngineRules(t *testing.T) {
	word := func(s string) *string { return &s }
	for rule, breaks := range map[string]func(e *Engine){
		`engine.auth.authentication_enabled: "true" needs engine.auth.authenticator_class; engine.auth.authenticator_class is null`:                                                                   func(e *Engine) { e.Auth.AuthenticationEnabled = true },
		`engine.auth.authenticator_class: "lower" must be the name of a Ruby class, such as Billing::Authenticator`:                                                                                   func(e *Engine) { e.Auth.AuthenticatorClass = word("lower") },
		`engine.engine.identity_strategy: "custom" needs engine.engine.identity_strategy_class; engine.engine.identity_strategy_class is null`:                                                        func(e *Engine) { e.Engine.IdentityStrategy = "custom" },
		`engine.engine.identity_strategy: "other" must be one of default, hash, custom`:                                                                                                               func(e *Engine) { e.Engine.IdentityStrategy = "other" },
		`engine.execution.min_concurrent_steps: "13" must not be above engine.execution.max_concurrent_steps_limit; engine.execution.max_concurrent_steps_limit is 12`:                                func(e *Engine) { e.Execution.MinConcurrentSteps = 13 },
		`engine.execution.max_batch_timeout_seconds: "30s" must be more than engine.execution.batch_timeout_base_seconds; engine.execution.batch_timeout_base_seconds is 30s`:                         func(e *Engine) { e.Execution.MaxBatchTimeoutSeconds = 30 * time.Second },
		`engine.execution.batch_timeout_base_seconds: "1.5s" must be between 1s and 8760h and a multiple of 1s`:                                                                                       func(e *Engine) { e.Execution.BatchTimeoutBaseSeconds = 1500 * time.Millisecond },
		`engine.execution.connection_pressure_factors.low: "1.1" must be between 0 and 1`:                                                                                                             func(e *Engine) { e.Execution.ConnectionPressureFactors.Low = 1.1 },
		`engine.execution.connection_pressure_factors.moderate: "-1" must be between 0 and 1`:                                                                                                         func(e *Engine) { e.Execution.ConnectionPressureFactors.Moderate = -1 },
		`engine.execution.connection_pressure_factors.high: "2" must be between 0 and 1`:                                                                                                              func(e *Engine) { e.Execution.ConnectionPressureFactors.High = 2 },
		`engine.execution.connection_pressure_factors.critical: "3" must be between 0 and 1`:                                                                                                          func(e *Engine) { e.Execution.ConnectionPressureFactors.Critical = 3 },
		`engine.execution.connection_health_log_level: "loud" must be one of debug, info, warn, error, fatal`:                                                                                         func(e *Engine) { e.Execution.ConnectionHealthLogLevel = "loud" },
		`engine.execution.health_assessment_cache_duration: "0s" must be at least 1s and a multiple of 1s`:                                                                                            func(e *Engine) { e.Execution.HealthAssessmentCacheDuration = 0 },
		`engine.cache.min_adaptive_ttl: "1h" must be less than engine.cache.max_adaptive_ttl; engine.cache.max_adaptive_ttl is 1h`:                                                                    func(e *Engine) { e.Cache.MinAdaptiveTTL = time.Hour },
		`engine.cache.hit_rate_smoothing_factor: "1.5" must be between 0 and 1`:                                                                                                                       func(e *Engine) { e.Cache.HitRateSmoothingFactor = 1.5 },
		`engine.cache.access_frequency_decay_rate: "-0.1" must be between 0 and 1`:                                                                                                                    func(e *Engine) { e.Cache.AccessFrequencyDecayRate = -0.1 },
		`engine.cache.cache_pressure_threshold: "2" must be between 0 and 1`:                                                                                                                          func(e *Engine) { e.Cache.CachePressureThreshold = 2 },
		`engine.cache.default_ttl: "0s" must be at least 1s and a multiple of 1s`:                                                                                                                     func(e *Engine) { e.Cache.DefaultTTL = 0 },
		`engine.cache.dashboard_cache_ttl: "0s" must be at least 1s and a multiple of 1s`:                                                                                                             func(e *Engine) { e.Cache.DashboardCacheTTL = 0 },
		`engine.cache.adaptive_calculation_interval: "0s" must be at least 1s and a multiple of 1s`:                                                                                                   func(e *Engine) { e.Cache.AdaptiveCalculationInterval = 0 },
		`engine.health.readiness_timeout_seconds: "0" must be at least 0.001`:                                                                                                                         func(e *Engine) { e.Health.ReadinessTimeoutSeconds = 0 },
		`engine.health.cache_duration_seconds: "0" must be at least 1`:                                                                                                                                func(e *Engine) { e.Health.CacheDurationSeconds = 0 },
		`engine.telemetry.log_level: "trace" must be one of debug, info, warn, error, fatal`:                                                                                                          func(e *Engine) { e.Telemetry.LogLevel = "trace" },
		`engine.telemetry.log_format: "xml" must be one of json, pretty_json, logfmt`:                                                                                                                 func(e *Engine) { e.Telemetry.LogFormat = "xml" },
		`engine.telemetry.metrics_format: "xml" must be one of prometheus, json`:                                                                                                                      func(e *Engine) { e.Telemetry.MetricsFormat = "xml" },
		`engine.telemetry.event_sampling_rate: "1.01" must be between 0 and 1`:                                                                                                                        func(e *Engine) { e.Telemetry.EventSamplingRate = 1.01 },
		`engine.telemetry.filter_parameters: "/(/" must be a regular expression that is understood here, too: missing closing )`:                                                                      func(e *Engine) { e.Telemetry.FilterParameters = []string{"/(/"} },
		`engine.telemetry.prometheus.endpoint: "prometheus:9090" must be a URL that begins with http:// or https://`:                                                                                  func(e *Engine) { e.Telemetry.Prometheus.Endpoint = word("prometheus:9090") },
		`engine.telemetry.prometheus.compression: "zip" must be one of snappy, gzip`:                                                                                                                  func(e *Engine) { e.Telemetry.Prometheus.Compression = word("zip") },
		`engine.dependency_graph.severity_thresholds.high: "101" must not be above engine.dependency_graph.severity_thresholds.critical; engine.dependency_graph.severity_thresholds.critical is 100`: func(e *Engine) { e.DependencyGraph.SeverityThresholds.High = 101 },
		`engine.dependency_graph.severity_thresholds.medium: "51" must not be above engine.dependency_graph.severity_thresholds.high; engine.dependency_graph.severity_thresholds.high is 50`:         func(e *Engine) { e.DependencyGraph.SeverityThresholds.Medium = 51 },
		`engine.backoff.default_backoff_seconds: "1,-2" each must be between 0 and 31536000`:                                                                                                          func(e *Engine) { e.Backoff.DefaultBackoffSeconds = []int{1, -2} },
		`engine.backoff.jitter_max_percentage: "10" must be between 0 and 1`:                                                                                                                          func(e *Engine) { e.Backoff.JitterMaxPercentage = 10 },
	} {
		c := Default()
		breaks(&c.Engine)
		var problems Problems
		if err := c.Validate(); !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s: got %v", rule, err)
		} else if diff := cmp.Diff(rule, problems[0].String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFilterPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"passw", "user_Password", true}, {"a.b", "axb", false}, {"a.b", "a.b", true},
		{"/^pin$/", "pin", true}, {"/^pin$/", "Pin", false}, {"/^pin$/i", "Pin", true}, {"/^pin$/i", "pins", false},
	} {
		p, err := FilterPattern(c.pattern)
		if err != nil || p.MatchString(c.name) != c.want {
			t.Errorf("%s of %s: %v", c.pattern, c.name, err)
		}
	}
	for _, bad := range []string{"/(/", "/(?<!x)y/", "/ a /x"} {
		if _, err := FilterPattern(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
