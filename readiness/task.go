package readiness

import (
	"math/bits"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// task is what the index knows of a task: its row, its most recent transition,
// its steps, and the totals over them that answers are made of. Like a step it
// exists as long as something tells of it.
type task struct {
	id           int64
	createdAt    tasker.Timestamp
	transitionID int64 // the most recent one, where hasState
	statusAt     tasker.Timestamp
	changed      Mark    // the last transaction that changed anything of it
	steps        members // those with a row
	totals
	named     uint32
	initiator uint32
	source    uint32
	state     uint16
	flags     uint16 // hasRow, hasState, touched, taskComplete
}

const taskComplete = processed // the column complete of a task

func (t *task) has(f uint16) bool { return t.flags&f != 0 }

func (t *task) orphan() bool { return !t.has(hasRow|hasState) && t.steps.count == 0 }

// totals are what the steps of a task add up to. Those of the first group
// count the steps that have a readiness row, the others all.
type totals struct {
	rows, pending, inProgress, done, failed, exhausted uint32
	// Candidates: those without a gate, those with one, and bounds of their
	// gates. The bounds may be wider than the gates, never narrower: outside
	// them the number of ready steps is known without looking at a step.
	open, gated uint32
	firstGate   tasker.Timestamp
	lastGate    tasker.Timestamp

	complete, errors, active uint32 // by most recent transition, as analytics counts
	// Sums over the complete steps, in microseconds: when they were completed,
	// and when they were created.
	completedAt, createdAt sum
}

// sum is a sum of 64-bit numbers that cannot overflow.
type sum struct {
	high int64
	low  uint64
}

func (s *sum) add(v int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(v), 0)
	s.high += v>>63 + int64(carry)
}

func (s *sum) subtract(v int64) {
	var borrow uint64
	s.low, borrow = bits.Sub64(s.low, uint64(v), 0)
	s.high -= v>>63 + int64(borrow)
}

// plus and minus combine two sums.
func (s sum) plus(o sum) sum {
	low, carry := bits.Add64(s.low, o.low, 0)
	return sum{s.high + o.high + int64(carry), low}
}

func (s sum) minus(o sum) sum {
	low, borrow := bits.Sub64(s.low, o.low, 0)
	return sum{s.high - o.high - int64(borrow), low}
}

// times is v*n.
func times(v int64, n uint32) sum {
	high, low := bits.Mul64(uint64(v), uint64(n))
	if v < 0 {
		high -= uint64(n)
	}
	return sum{int64(high), low}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
