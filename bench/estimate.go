package bench

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// estimate is what a run needs.
type estimate struct {
	steps int
	bytes int64
	took  time.Duration
}

// Of one step with its transitions and indexes, and in our rows; of the log at
// its most, and of everything else.
const (
	bytesPerStep     = 2500
	bytesBeside      = 1 << 30
	stepsPerSecond   = 20_000
	measuringTakes   = 10 * time.Minute
	stepsOfEveryTask = 9 // about, of tasks of every shape at ten steps
)

// estimate says what the ladder of a size needs, so that it can be asked for
// before anything is made.
func (l *lab) estimate() estimate {
	e := estimate{steps: 20_000 * 10}
	for _, tasks := range l.taskLadder() {
		e.steps += tasks * (stepsOfEveryTask + 1)
	}
	for _, steps := range l.stepLadder() {
		e.steps += 5 * steps
	}
	ladder := l.taskLadder()
	largest := ladder[len(ladder)-1]
	e.bytes = int64(e.steps)*bytesPerStep + bytesBeside
	e.took = time.Duration(e.steps/stepsPerSecond)*time.Second + measuringTakes*time.Duration(max(1, largest/100_000))
	if l.o.Budget > 0 {
		e.took = min(e.took, l.o.Budget)
	}
	return e
}

// Estimate says in words what a run of the suite claim with data of its own
// needs; an error, that there is not enough disk.
func Estimate(o Options) (words string, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return "", err
	}
	e := newLab(o).estimate()
	words = fmt.Sprintf("%s steps, about %s of disk in %s, about %v", number(float64(e.steps)), byteCount(float64(e.bytes)), os.TempDir(), e.took.Round(time.Minute))
	var fs unix.Statfs_t
	if err := unix.Statfs(os.TempDir(), &fs); err != nil {
		return words, nil // who cannot say how much there is cannot say that it is too little
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < e.bytes { //nolint:gosec,unconvert // their types differ among systems
		return words, fmt.Errorf("not enough disk for this: about %s are needed in %s, and %s are free; name another directory in TMPDIR, or take a smaller size",
			byteCount(float64(e.bytes)), os.TempDir(), byteCount(float64(free)))
	}
	return words, nil
}
