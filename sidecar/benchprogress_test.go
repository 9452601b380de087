package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/bench"
)

func TestProgressLine(t *testing.T) {
	steps := []struct {
		at   time.Duration
		what bench.Progress
	}{
		{0, bench.Progress{Case: "one", Index: 1, Cases: 3, Stage: "warm-up"}},
		{2 * time.Second, bench.Progress{Case: "one", Index: 1, Cases: 3, Stage: "round 1"}},
		{10 * time.Second, bench.Progress{Case: "two", Index: 2, Cases: 3, Stage: "warm-up"}},
		{20 * time.Second, bench.Progress{Case: "two", Index: 2, Cases: 3, Stage: "round 1"}},
		{30 * time.Second, bench.Progress{Case: "two", Index: 2, Cases: 3, Stage: "round 2"}},
	}
	for _, c := range []struct {
		terminal bool
		want     string
	}{
		{false, "    0s  1/3  one: warm-up\n   10s  2/3  two: warm-up; about 20s left\n   30s  2/3  two: round 2; about 1m0s left\n"},
		{true, "\r\x1b[2K    0s  1/3  one: warm-up\r\x1b[2K    2s  1/3  one: round 1\r\x1b[2K   10s  2/3  two: warm-up; about 20s left" +
			"\r\x1b[2K   20s  2/3  two: round 1; about 40s left\r\x1b[2K   30s  2/3  two: round 2; about 1m0s left"},
	} {
		var out bytes.Buffer
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		p := &progressLine{w: &out, terminal: c.terminal, now: func() time.Time { return now }}
		start := now
		for _, s := range steps {
			now = start.Add(s.at)
			p.bench(s.what)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}
