package agenda

import (
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Limits bound what a service does.
type Limits struct {
	// Rate is how many acts a second it does at the most, on average: up to one
	// second's worth may be done at once.
	Rate float64
	// Budget is how many it may do in a minute.
	Budget int
}

// Meter counts the acts of a service against its limits. One goroutine at a
// time may use it.
type Meter struct {
	limits Limits
	credit float64 // acts that may be done at once
	filled tasker.Timestamp
	done   []tasker.Timestamp // of the last minute, ascending
}

// NewMeter makes a meter for a service that has done so many acts in the minute
// before now.
func NewMeter(l Limits, done int, now tasker.Timestamp) *Meter {
	m := &Meter{limits: l, credit: max(1, l.Rate), filled: now}
	for range min(done, l.Budget) {
		m.done = append(m.done, now)
	}
	return m
}

// Wait is how long the service has to wait before its next act.
func (m *Meter) Wait(now tasker.Timestamp) time.Duration {
	if d := now.Sub(m.filled); d > 0 {
		m.credit = min(max(1, m.limits.Rate), m.credit+d.Seconds()*m.limits.Rate)
		m.filled = now
	}
	if m.credit >= 1 {
		return 0
	}
	return time.Duration((1-m.credit)/m.limits.Rate*float64(time.Second)) + time.Microsecond
}

// Spent says whether one more act would be more than the budget of the minute
// allows.
func (m *Meter) Spent(now tasker.Timestamp) bool {
	old := 0
	for old < len(m.done) && now.Sub(m.done[old]) >= time.Minute {
		old++
	}
	m.done = m.done[old:]
	return len(m.done) >= m.limits.Budget
}

// Count counts an act.
func (m *Meter) Count(now tasker.Timestamp) {
	m.credit--
	m.done = append(m.done, now)
}
