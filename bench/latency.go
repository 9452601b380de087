package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution of times, in nanoseconds.
type Latency struct {
	Count int64 `json:"count"`
	Min   int64 `json:"min_ns"`
	P50   int64 `json:"p50_ns"`
	P90   int64 `json:"p90_ns"`
	P95   int64 `json:"p95_ns"`
	P99   int64 `json:"p99_ns"`
	P999  int64 `json:"p999_ns"`
	Max   int64 `json:"max_ns"`
	// Histogram is the whole distribution, an HdrHistogram in its compressed
	// V2 form, base64.
	Histogram string `json:"histogram"`
}

// Recorder collects times, from a microsecond to a minute, to three digits.
// Shorter and longer ones count as those; negative ones, which happen where an
// answer overtakes the question's own confirmation, as the shortest. It is
// not safe for concurrent use.
type Recorder struct{ histogram *hdrhistogram.Histogram }

// NewRecorder is an empty one.
func NewRecorder() *Recorder {
	return &Recorder{hdrhistogram.New(1, int64(time.Minute), 3)}
}

// Record adds one time.
func (r *Recorder) Record(d time.Duration) {
	_ = r.histogram.RecordValue(min(max(int64(d), 1), int64(time.Minute))) // within the range
}

// Quantile gives the time that the share q (0..1) of all times is at most.
func (r *Recorder) Quantile(q float64) time.Duration {
	return time.Duration(r.histogram.ValueAtQuantile(q * 100))
}

// Count is how many times were recorded.
func (r *Recorder) Count() int64 { return r.histogram.TotalCount() }

// Merge adds all times of another one.
func (r *Recorder) Merge(other *Recorder) { r.histogram.Merge(other.histogram) }

// Latency is the distribution so far.
func (r *Recorder) Latency() *Latency {
	h := r.histogram
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		encoded = nil // the quantiles are there all the same
	}
	return &Latency{
		Count: h.TotalCount(), Min: h.Min(), Max: h.Max(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
		P95: h.ValueAtQuantile(95), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Histogram: string(encoded),
	}
}
