package config

import "time"

// EngineTelemetry is what the engine tells of its work in logs and metrics.
// Our own are configured under log, and /metrics.
type EngineTelemetry struct {
	// Enabled is whether the engine tells anything.
	Enabled bool `default:"true"`
	// ServiceName is what the application is called in traces.
	ServiceName string `default:"tasker"`
	// ServiceVersion is the version that traces name.
	ServiceVersion string `default:"0.1.0"`
	// FilterParameters are names of fields whose values are not to be seen: a
	// field is hidden when its name has one of them in it, whatever the case, or
	// matches one that is written as a regular expression, /^pin$/i.
	FilterParameters []string `form:"filter" default:"passw,email,secret,token,_key,crypt,salt,certificate,otp,ssn"`
	// FilterMask is what is shown in the place of such a value.
	FilterMask string `default:"[FILTERED]"`
	// StructuredLoggingEnabled makes the engine's log lines JSON.
	StructuredLoggingEnabled bool `default:"true"`
	// CorrelationIDHeader is the HTTP header that carries an id along.
	CorrelationIDHeader string `form:"header!" default:"X-Correlation-ID"`
	// LogLevel is the least level that the engine logs. Ours is log.level.
	LogLevel string `oneof:"debug info warn error fatal" default:"info"`
	// LogFormat is how the engine writes log lines. Ours is log.format.
	LogFormat string `oneof:"json pretty_json logfmt" default:"json"`
	// MetricsEnabled is whether the engine counts.
	MetricsEnabled bool `default:"true"`
	// MetricsEndpoint is the path of the engine's metrics.
	MetricsEndpoint string `form:"path!" default:"/tasker/metrics"`
	// MetricsFormat is the form of the engine's metrics.
	MetricsFormat string `oneof:"prometheus json" default:"prometheus"`
	// MetricsAuthRequired makes the engine's metrics ask who somebody is.
	MetricsAuthRequired bool `default:"false"`
	// PerformanceMonitoringEnabled has the engine watch for slow work.
	PerformanceMonitoringEnabled bool `default:"true"`
	// SlowQueryThresholdSeconds is from how many seconds on the engine calls a
	// query slow.
	SlowQueryThresholdSeconds float64 `range:"0.." default:"1"`
	// MemoryThresholdMB is from how many megabytes on memory is worth a word.
	MemoryThresholdMB int `range:"0.." default:"100"`
	// EventSamplingRate is the share of events that the engine records.
	EventSamplingRate float64 `range:"0..1" default:"1"`
	// FilteredEvents are events that the engine does not record.
	FilteredEvents []string
	// MaxStoredSamples is how many samples the engine keeps of one measurement.
	MaxStoredSamples int `range:"0.." default:"1000"`
	// MetricsRetentionHours is for how many hours the engine keeps its metrics;
	// it has precedence over prometheus.retention_window.
	MetricsRetentionHours int `range:"0.." default:"24"`
	// Prometheus is where the engine sends its metrics.
	Prometheus EnginePrometheus
	// Config is how the engine's subscribers take events in.
	Config EngineTelemetryConfig
}

// EnginePrometheus is the engine's export of metrics to a Prometheus server.
type EnginePrometheus struct {
	// Endpoint is the URL that metrics are written to, null where none are.
	Endpoint *string `form:"url!" default:"null"`
	// Username is for basic authentication there, null for none.
	Username *string `default:"null"`
	// Password is for basic authentication there.
	Password Secret
	// PasswordFile names a file that holds the password. It is of this file
	// alone: the engine has no such option.
	PasswordFile string
	// JobTimeout is how long an export job may take. In whole seconds, as all
	// durations of the engine.
	JobTimeout time.Duration `unit:"1s" range:"0s.." default:"5m"`
	// ExportTimeout is how long one export may take.
	ExportTimeout time.Duration `unit:"1s" range:"0s.." default:"2m"`
	// RetryAttempts is how often a failed export is tried again.
	RetryAttempts int `range:"0.." default:"3"`
	// RetentionWindow is how long metrics are kept for export.
	RetentionWindow time.Duration `unit:"1s" range:"0s.." default:"5m"`
	// SafetyMargin is how long before their end metrics are exported.
	SafetyMargin time.Duration `unit:"1s" range:"0s.." default:"1m"`
	// MetricPrefix begins the names of metrics.
	MetricPrefix string `default:"tasker"`
	// IncludeInstanceLabels adds labels for the host and process.
	IncludeInstanceLabels bool `default:"true"`
	// Compression is the Content-Encoding of an export; with null no such header
	// is sent.
	Compression *string `oneof:"snappy gzip" default:"snappy"`
	// BatchSize is how many metrics one request holds.
	BatchSize int `range:"1.." default:"1000"`
	// SkipIfUnavailable gives an export up where nobody answers.
	SkipIfUnavailable bool `default:"true"`
}

// EngineTelemetryConfig is the subsection config of telemetry.
type EngineTelemetryConfig struct {
	// BatchEvents collects events before they are recorded.
	BatchEvents bool `default:"false"`
	// BufferSize is how many are collected.
	BufferSize int `range:"0.." default:"100"`
	// FlushInterval is after how long what was collected is recorded.
	FlushInterval time.Duration `unit:"1s" range:"0s.." default:"5s"`
	// FilteredEvents are events that subscribers leave out.
	FilteredEvents []string
	// EnableMemoization keeps what was computed of an event.
	EnableMemoization bool `default:"true"`
	// AsyncProcessing records events beside the work.
	AsyncProcessing bool `default:"false"`
	// SamplingRate is the share of events that subscribers take in.
	SamplingRate float64 `range:"0..1" default:"1"`
}
