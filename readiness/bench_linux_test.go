package readiness_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReadWhileWriting reads tasks of ten steps alone, and while a writer
// commits and publishes flat out.
func BenchmarkReadWhileWriting(b *testing.B) {
	const tasks = 20_000
	x := benchIndex(b, tasks)
	read := func(b *testing.B) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var rows []tasker.StepReadiness
		random := rand.New(rand.NewPCG(1, 1))
		start := threadTime()
		for b.Loop() {
			rows = x.View().AppendStepReadiness(rows[:0], 1+random.Int64N(tasks), nil, benchNow)
		}
		b.ReportMetric(float64(threadTime()-start)/float64(b.N), "cpu-ns/op")
	}
	b.Run("alone", read)
	for _, every := range []int{1, 64} {
		b.Run(map[int]string{1: "publishing each commit", 64: "publishing each 64th commit"}[every], func(b *testing.B) {
			stop := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				w := newWriter(x, tasks)
				for {
					select {
					case <-stop:
						return
					default:
						w.commit(b, every)
					}
				}
			})
			read(b)
			close(stop)
			writing.Wait()
		})
	}
	b.Run("alone afterwards", read)
}
