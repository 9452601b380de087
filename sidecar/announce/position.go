package announce

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Position is the place of an event among all others.
type Position struct {
	LSN tasker.LSN // behind its commit
	N   uint64     // its number from there on
}

// String gives such as 16/B374D848-3.
func (p Position) String() string { return p.LSN.String() + "-" + strconv.FormatUint(p.N, 10) }

// ParsePosition reads what [Position.String] prints.
func ParsePosition(s string) (Position, error) {
	if lsn, n, ok := strings.Cut(s, "-"); ok {
		at, errLSN := tasker.ParseLSN(lsn)
		number, errN := strconv.ParseUint(n, 10, 64)
		if errLSN == nil && errN == nil {
			return Position{at, number}, nil
		}
	}
	return Position{}, fmt.Errorf("%q is not the place of an event: a position of the log, a hyphen and a number are expected, such as 16/B374D848-3", s)
}

// ParseID reads the id of a message: a place and, behind another hyphen, the token
// of whoever has been told everything up to there, if there is one.
func ParseID(s string) (p Position, token string, err error) {
	place := s
	if parts := strings.SplitN(s, "-", 3); len(parts) == 3 {
		place, token = parts[0]+"-"+parts[1], parts[2]
	}
	p, err = ParsePosition(place)
	return p, token, err
}

func (p Position) compare(o Position) int {
	return cmp.Or(cmp.Compare(p.LSN, o.LSN), cmp.Compare(p.N, o.N))
}

// endOf is behind everything at a position of the log.
func endOf(lsn tasker.LSN) Position { return Position{lsn, math.MaxUint64} }
