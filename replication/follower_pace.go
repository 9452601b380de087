package replication

import "time"

// pace decides when the next load may start, so that a connection that breaks
// again and again does not make the primary send everything again and again.
//
//	earliest = start of the last load + max(10 × its duration, pause)
//
// The pause is nothing for the first load after a stream that lasted, and then
// doubles from Options.ReloadPause with each stream that did not.
type pace struct {
	min, max time.Duration

	start    time.Time // of the last load; zero: none yet
	duration time.Duration
	streamed time.Time // when its stream began; zero: it did not
	pause    time.Duration
	strikes  int
}

// durations is how many times its own duration lies between two loads.
const durations = 10

func (p *pace) begin(now time.Time) {
	p.start, p.duration, p.streamed = now, 0, time.Time{}
}

// loaded tells that the load has become a stream.
func (p *pace) loaded(now time.Time) { p.duration, p.streamed = now.Sub(p.start), now }

// ended tells that the load was given up, or its stream has ended.
func (p *pace) ended(now time.Time) {
	if p.start.IsZero() {
		return
	}
	if p.streamed.IsZero() {
		p.duration = now.Sub(p.start)
	}
	if lasted := !p.streamed.IsZero() && now.Sub(p.streamed) >= max(p.pause, p.min); lasted {
		p.strikes = 0
	}
	p.strikes++
	p.pause = 0
	if p.strikes > 1 {
		p.pause = p.max
		if shift := p.strikes - 2; shift < 20 {
			p.pause = min(p.max, p.min<<shift)
		}
	}
}

// earliest is when the next load may start.
func (p *pace) earliest() time.Time {
	if p.start.IsZero() {
		return time.Time{}
	}
	return p.start.Add(max(durations*p.duration, p.pause))
}
