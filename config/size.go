package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// Multiples of a byte.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

var sizeUnits = []struct {
	name string
	size Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// ParseSize reads a whole number of bytes, or one with a unit: B, KiB, MiB,
// GiB, TiB. Units of 1000, and those that mean 1000 to some and 1024 to
// others, are refused.
func ParseSize(s string) (Size, error) {
	text := strings.TrimSpace(s)
	number := strings.TrimRight(text, "BKMGTibkmgt")
	unit := text[len(number):]
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number of bytes, or one with a unit, such as 512MiB or 1GiB")
	}
	factor := Size(0)
	if unit == "" {
		factor = 1
	}
	for _, u := range sizeUnits {
		if u.name == unit {
			factor = u.size
		}
	}
	if factor == 0 {
		return 0, fmt.Errorf("has the unit %q, which is none of B, KiB, MiB, GiB, TiB (powers of 1024)", unit)
	}
	if n > math.MaxInt64/int64(factor) || n < math.MinInt64/int64(factor) {
		return 0, fmt.Errorf("is more bytes than fit 64 bits")
	}
	return Size(n) * factor, nil
}

// String prints the largest unit that divides the size, such as 1GiB; 0 is 0.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.size == 0 && u.size > 1 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
