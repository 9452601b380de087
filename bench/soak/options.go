package soak

import (
	"errors"
	"fmt"
	"time"
)

// Options say what is run. The zero value of a field means its default.
type Options struct {
	// Duration is how long load runs. Range 1s to 720h. Defaults to 10 min.
	Duration time.Duration
	// Every is how often samples are taken. Range 50ms to 10min. Defaults to
	// 2 s, and to a hundredth of Duration where that is less.
	Every time.Duration
	// Rate is how many transactions the workers commit a second. Range 1 to
	// 100000. Defaults to 200.
	Rate float64
	// Tasks is how many tasks lie in the database. Range 100 to 1000000.
	// Defaults to 2,000.
	Tasks int
	// Seed makes workflows and failures repeatable. Defaults to 1.
	Seed uint64
	// BinDir is the directory of the PostgreSQL server's binaries. Defaults to
	// where they are found.
	BinDir string
	// Progress is told what is being done, from one goroutine. Defaults to nobody.
	Progress func(Progress)

	// planted is called before each sample, for tests: what must be found.
	planted func()
}

// Progress is where a run stands.
type Progress struct {
	Stage string
	// Elapsed of Duration are over; both are 0 before the load begins.
	Elapsed, Duration time.Duration
	Commits           int64
	Compared          int64
	Differences       int64
}

func (o Options) withDefaults() (Options, error) {
	if o.Duration == 0 {
		o.Duration = 10 * time.Minute
	}
	if o.Every == 0 {
		o.Every = max(min(2*time.Second, o.Duration/100), 50*time.Millisecond)
	}
	if o.Rate == 0 {
		o.Rate = 200
	}
	if o.Tasks == 0 {
		o.Tasks = 2000
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.planted == nil {
		o.planted = func() {}
	}
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Duration >= time.Second && o.Duration <= 720*time.Hour, "the duration is %v: 1s to 720h are possible", o.Duration)
	check(o.Every >= 50*time.Millisecond && o.Every <= 10*time.Minute, "a sample every %v: every 50ms to 10m are possible", o.Every)
	check(o.Rate >= 1 && o.Rate <= 100_000, "%v commits a second: 1 to 100000 are possible", o.Rate)
	check(o.Tasks >= 100 && o.Tasks <= 1_000_000, "%d tasks: 100 to 1000000 are possible", o.Tasks)
	return o, errors.Join(errs...)
}
