package replication

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The estimate is never further off than half of the quickest probe.
func TestClockIsOffByHalfTheQuickestProbeAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "offset"))
		var c clock
		at, quickest := time.Unix(1e9, 0), time.Duration(1<<62)
		for range rapid.IntRange(1, 16).Draw(t, "probes") {
			out := time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "out"))
			back := time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "back"))
			c.told(at, at.Add(out+back), at.Add(out+offset))
			quickest = min(quickest, out+back)
			at = at.Add(time.Second)
		}
		if off := (c.ahead() - offset).Abs(); off > quickest/2+1 {
			t.Fatalf("the estimate is off by %v; the quickest probe took %v", off, quickest)
		}
	})
}

func TestClockForgetsOldProbes(t *testing.T) {
	var c clock
	at := time.Unix(1e9, 0)
	c.told(at, at, at) // the quickest there can be
	for range len(c.samples) {
		at = at.Add(time.Second)
		c.told(at, at.Add(2*time.Millisecond), at.Add(time.Hour+time.Millisecond))
	}
	if got := c.ahead(); got != time.Hour {
		t.Fatalf("the server's clock was set an hour ahead %d probes ago, the estimate is %v", len(c.samples), got)
	}
}
