package replication

import (
	"sync"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// age works out how old the answers are. The server is asked for its position;
// once everything up to that position is applied, everything is known that was
// committed before it was asked:
//
//	asked at    10:00:00.0    10:00:00.5    10:00:01.0
//	position    0/100         0/100         0/180
//	applied     0/100 ──────────────▶ known at 10:00:00.5
//	                          0/180 ──────────────▶ known at 10:00:01.0
//
// So it does not grow while an idle server is asked, and grows when the server
// cannot be asked or its positions are not reached, whatever the reason. It is
// safe for concurrent use.
type age struct {
	mu      sync.Mutex
	applied tasker.LSN
	known   time.Time // zero: never
	open    []mark    // not yet reached, ascending in both
}

type mark struct {
	lsn tasker.LSN
	at  time.Time
}

// mostMarks bounds the memory for positions that are not reached.
const mostMarks = 4096

// probed tells that the server was at lsn some time after it was asked, at at.
func (a *age) probed(lsn tasker.LSN, at time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if lsn <= a.applied {
		a.know(at)
		return a.known
	}
	if len(a.open) == mostMarks { // keep every other, so that old ones stay
		half := a.open[:0]
		for i := 0; i < mostMarks; i += 2 {
			half = append(half, a.open[i])
		}
		a.open = half
	}
	a.open = append(a.open, mark{lsn, at})
	return a.known
}

// reached tells that everything up to lsn is applied.
func (a *age) reached(lsn tasker.LSN) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.applied = lsn
	n := 0
	for n < len(a.open) && a.open[n].lsn <= lsn {
		a.know(a.open[n].at)
		n++
	}
	if n > 0 {
		a.open = append(a.open[:0], a.open[n:]...)
	}
	return a.known
}

func (a *age) know(at time.Time) {
	if at.After(a.known) {
		a.known = at
	}
}

// forget drops the positions of a server that is not followed any more; what
// was known stays known.
func (a *age) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.applied, a.open = 0, nil
}

// endOfRecord makes a position that pg_current_wal_insert_lsn() gives
// comparable with those of the stream: at the beginning of a page it points
// behind the page's header, where the next record will begin, while the stream
// names the end of the last record, before the header. Without this an idle
// server would now and then seem to have something that never comes.
func endOfRecord(lsn tasker.LSN, pageSize, segmentSize uint64) tasker.LSN {
	const shortHeader, longHeader = 24, 40
	if pageSize == 0 || segmentSize == 0 {
		return lsn
	}
	switch offset := uint64(lsn) % pageSize; {
	case offset == shortHeader, offset == longHeader && uint64(lsn)%segmentSize == longHeader:
		return lsn - tasker.LSN(offset)
	}
	return lsn
}
