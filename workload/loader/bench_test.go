package loader_test

import (
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/workload"
	"github.com/tasker-sidecar/tasker-sidecar/workload/loader"
	"github.com/tasker-sidecar/tasker-sidecar/workload/workloadtest"
)

// BenchmarkLoad loads 200,000 steps of the usual mix into empty tables that have
// all their indexes in the end; steps/s is the figure.
func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name string
		opts loader.Options
	}{{"indexes=kept", loader.Options{}}, {"indexes=built-after", loader.Options{BuildIndexesAfter: true}}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				pool := workloadtest.Database(b)
				b.StartTimer()
				stats, err := loader.Load(b.Context(), pool, workload.Generate(workload.Spec{Steps: 200_000, Seed: 1}), c.opts)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(stats.StepsPerSecond(), "steps/s")
				b.ReportMetric(float64(stats.Edges)/float64(stats.Steps), "edges/step")
				b.ReportMetric(float64(stats.Transitions)/float64(stats.Steps), "transitions/step")
			}
		})
	}
}

// BenchmarkGenerate is the part without a database: tasks, histories, rows.
func BenchmarkGenerate(b *testing.B) {
	steps := 0
	for b.Loop() {
		for batch := range workload.Generate(workload.Spec{Steps: 100_000, Seed: 1}) {
			d := workload.NewDataset(0)
			d.Add(batch)
			steps += len(d.WorkflowSteps)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
}
