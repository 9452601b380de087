package replication

import (
	"sync/atomic"
	"time"
)

// clock estimates how far the server's clock is ahead of ours. A probe brings
// the server's time at some moment between our asking and its answer, so the
// middle of the two is wrong by half the time between them at the most; of the
// last probes the quickest one counts. Probes come from one goroutine, any may
// read.
type clock struct {
	samples [16]clockSample
	next    int
	offset  atomic.Int64 // nanoseconds
}

type clockSample struct {
	offset, took time.Duration
	known        bool
}

// told takes a probe: when it was sent and answered by our clock, and the
// server's time in between.
func (c *clock) told(sent, answered, server time.Time) {
	took := answered.Sub(sent)
	c.samples[c.next] = clockSample{offset: server.Sub(sent.Add(took / 2)), took: took, known: true}
	c.next = (c.next + 1) % len(c.samples)
	best := clockSample{took: 1<<63 - 1}
	for _, s := range c.samples {
		if s.known && s.took < best.took {
			best = s
		}
	}
	c.offset.Store(int64(best.offset))
}

// ahead is the estimate; 0 before the first probe.
func (c *clock) ahead() time.Duration { return time.Duration(c.offset.Load()) }
