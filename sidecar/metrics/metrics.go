package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
)

const namespace = "tasker_sidecar"

// Source is what is read at a scrape; an [api.Source] is one.
type Source interface {
	Status() api.Status
	Current() (*readiness.View, api.Freshness)
}

// Metrics are those of one sidecar. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	apply    prometheus.Histogram
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	moves    *prometheus.CounterVec
}

// New makes the metrics of what source tells, with those of the process and of
// Go's runtime beside them.
func New(source Source) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.apply = prometheus.NewHistogram(applyTime)
	m.requests = prometheus.NewCounterVec(requests, []string{"route", "method", "code"})
	m.duration = prometheus.NewHistogramVec(requestTime, []string{"route"})
	m.moves = prometheus.NewCounterVec(moves, []string{"kind", "to", "result"})
	m.registry.MustRegister(newCollector(source), m.apply, m.requests, m.duration, m.moves,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// What is counted as it happens.
var (
	applyTime = prometheus.HistogramOpts{
		Namespace: namespace, Name: "apply_duration_seconds",
		Help:    "How long it took to apply a transaction's changes to the index and to publish them.",
		Buckets: prometheus.ExponentialBuckets(1e-6, 4, 12), // 1 µs to 4 s
	}
	requests = prometheus.CounterOpts{
		Namespace: namespace, Name: "http_requests_total",
		Help: "HTTP requests answered, by the pattern of their route (none: no route), method and status.",
	}
	moves = prometheus.CounterOpts{
		Namespace: namespace, Name: "transitions_total",
		Help: "Transitions asked for, by kind (task, step), the state asked for, and result: done, repeated, failed, or why it was refused.",
	}
	requestTime = prometheus.HistogramOpts{
		Namespace: namespace, Name: "http_request_duration_seconds",
		Help:    "How long requests took, waiting for a position of the log included, by the pattern of their route.",
		Buckets: prometheus.ExponentialBuckets(25e-6, 4, 10), // 25 µs to 6.5 s
	}
)

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Observe counts a request; it is made for [api.Options.Observe].
func (m *Metrics) Observe(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// ObserveTransition counts a transition that was asked for.
func (m *Metrics) ObserveTransition(kind, to, result string) {
	m.moves.WithLabelValues(kind, to, result).Inc()
}

// ObserveApply counts a transaction that took so long to apply.
func (m *Metrics) ObserveApply(took time.Duration) { m.apply.Observe(took.Seconds()) }

// collector reads the source at each scrape.
type collector struct {
	source       Source
	descriptions []*prometheus.Desc // of readings, in their order
}

func newCollector(source Source) *collector {
	c := &collector{source: source}
	for _, r := range readings {
		var labels []string
		if r.label != "" {
			labels = []string{r.label}
		}
		c.descriptions = append(c.descriptions, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", r.name), r.help, labels, nil))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descriptions {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(to chan<- prometheus.Metric) {
	_, fresh := c.source.Current()
	s := &scrape{c.source.Status(), fresh}
	for i, r := range readings {
		if r.value != nil {
			to <- prometheus.MustNewConstMetric(c.descriptions[i], r.kind, r.value(s))
			continue
		}
		for label, value := range r.values(s) {
			to <- prometheus.MustNewConstMetric(c.descriptions[i], r.kind, value, label)
		}
	}
}
