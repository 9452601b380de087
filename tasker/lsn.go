package tasker

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes. The zero value is no
// valid position and is printed as 0/0.
type LSN uint64

// String gives the form in which Postgres prints a pg_lsn, such as 16/B374D848.
func (l LSN) String() string {
	return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) //nolint:gosec // the halves are meant
}

// ParseLSN reads what [LSN.String] and Postgres print.
func ParseLSN(s string) (LSN, error) {
	high, low, ok := strings.Cut(s, "/")
	if ok {
		h, errHigh := strconv.ParseUint(high, 16, 32)
		l, errLow := strconv.ParseUint(low, 16, 32)
		if errHigh == nil && errLow == nil {
			return LSN(h<<32 | l), nil
		}
	}
	return 0, fmt.Errorf("%q is not a log position: two hexadecimal numbers with a slash between them are expected, such as 16/B374D848", s)
}

// MarshalText makes an LSN a JSON string in Postgres' form.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (l *LSN) UnmarshalText(text []byte) error {
	v, err := ParseLSN(string(text))
	if err == nil {
		*l = v
	}
	return err
}
