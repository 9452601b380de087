package loader_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// BenchmarkLoad loads 200,000 steps of the usual mix into empty tables with all
// their indexes; steps/s is the figure.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		pool := workloadtest.Database(b)
		b.StartTimer()
		stats, err := loader.Load(b.Context(), pool, workload.Generate(workload.Spec{Steps: 200_000, Seed: 1}), loader.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(stats.StepsPerSecond(), "steps/s")
		b.ReportMetric(float64(stats.Edges)/float64(stats.Steps), "edges/step")
		b.ReportMetric(float64(stats.Transitions)/float64(stats.Steps), "transitions/step")
	}
}
