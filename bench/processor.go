package bench

import (
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process has used so far, in all its threads.
func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0 // it cannot fail with these arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// threadTime is what this thread has used so far; the goroutine is to be
// locked to it.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0 // it cannot fail with these arguments
	}
	return time.Duration(t.Nano())
}

// settle collects what is garbage, so that nobody pays for another's.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}
