package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// publishInterval is how often a follower lets readers see what it has applied
// while more keeps arriving: the default of replication.Options.
const publishInterval = 2 * time.Millisecond

// recorded is a stretch of changes, by transaction.
type recorded [][]tasker.Change

func runReadUnderLoad(ctx context.Context, l *lab, c *Case) ([]Result, error) {
	set, err := l.layeredSet(ctx, pick(l, 1000, 20_000))
	if err != nil {
		return nil, err
	}
	l.stage("record changes")
	var changes recorded
	var f *following
	var a applied
	steps := pick(l, 500, 20_000)
	f, a, err = applyStretch(ctx, set, steps, func(change *tasker.Change) {
		if len(changes) == 0 || len(changes[len(changes)-1]) == 3 {
			changes = append(changes, nil)
		}
		last := &changes[len(changes)-1]
		*last = append(*last, *change)
	}, nil)
	if err != nil {
		return nil, err
	}
	index := f.index.Load()
	task := func(i int) int64 { return set.first + spread(i, set.tasks) }
	read := threadPerOperation(pick(l, 50*time.Millisecond, time.Second), func(i int) {
		answers.readiness = index.View().AppendStepReadiness(answers.readiness[:0], task(i), nil, index.View().CommitTime())
	})
	rates := []float64{}
	underLoad := func(ctx context.Context) (sample float64, err error) {
		rate, err := whileApplying(index, changes, func() error {
			sample, err = read(ctx)
			return err
		})
		rates = append(rates, rate)
		return sample, err
	}
	r := l.result(c)
	r.Unit, r.Dataset = "ns/op", fmt.Sprintf("%s; %d recorded changes in transactions of three, published every %v, again and again", set.words, a.changes, publishInterval)
	r.Samples, r.BaselineSamples, err = Interleave(ctx, l.rounds(), underLoad, read, l.round)
	r.Notes = []string{fmt.Sprintf("while reading, %s changes/s were applied", number(Median(rates)))}
	return []Result{r}, err
}

// threadPerOperation is PerOperation in processor time of the reader's thread.
func threadPerOperation(least time.Duration, f func(i int)) Measure {
	n, asked := 1, 0
	return func(ctx context.Context) (float64, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			start, cpu := time.Now(), threadTime()
			for range n {
				f(asked)
				asked++
			}
			took := time.Since(start)
			if took >= least {
				return float64(threadTime()-cpu) / float64(n), nil
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			n = grow(n, took, least)
		}
	}
}

// whileApplying calls f while the changes are applied flat out, and gives the
// rate at which they were.
func whileApplying(index *readiness.Index, changes recorded, f func() error) (perSecond float64, err error) {
	var stop atomic.Bool
	failed := make(chan error, 1)
	applied := 0
	start := time.Now()
	go func() {
		failed <- func() error {
			published := time.Now()
			for at := index.View().LSN() + 1; ; {
				for xid, transaction := range changes {
					if stop.Load() {
						return nil
					}
					index.Begin(uint32(xid), tasker.TimestampOf(time.Now())) //nolint:gosec // small
					for i := range transaction {
						if err := index.Apply(&transaction[i]); err != nil {
							return err
						}
						applied++
					}
					index.Commit(at)
					if now := time.Now(); now.Sub(published) >= publishInterval {
						index.Publish()
						published = now
					}
					at++
				}
			}
		}()
	}()
	err = f()
	stop.Store(true)
	err = errors.Join(err, <-failed)
	return float64(applied) / time.Since(start).Seconds(), err
}
