package projection

import (
	"testing"
	"time"
)

func TestPauseAfter(t *testing.T) {
	const ms = time.Millisecond
	o := &Options{MinPause: 8 * ms, Rest: 2, MaxPause: 100 * ms}
	for _, c := range []struct {
		name              string
		took, usual, want time.Duration
	}{
		{"quick", 3 * ms, 3 * ms, 6 * ms},
		{"as long as the least pause", 8 * ms, 8 * ms, 16 * ms},
		{"once slow", 20 * ms, 5 * ms, 40 * ms},
		{"slow for long", 12 * ms, 16 * ms, 48 * ms},
		{"bounded", 30 * ms, 30 * ms, 100 * ms},
	} {
		if got := pauseAfter(o, c.took, c.usual); got != c.want {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
}
