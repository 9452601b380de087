package tasker

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number, as Postgres' numeric rounded to a fixed
// number of places: Unscaled / 10^Scale. Two values of equal scale are equal
// when they are ==. The zero value is 0.
type Decimal struct {
	Unscaled int64
	Scale    uint8 // places behind the point, 0 to 18
}

// Quotient is a/b (b > 0, a ≥ 0) with the given places, rounded half away from zero as
// Postgres' round(numeric, places) does.
func Quotient(a, b int64, scale uint8) Decimal {
	if a < 0 {
		q := Quotient(-a, b, scale)
		q.Unscaled = -q.Unscaled
		return q
	}
	factor := pow10(scale)
	high, low := bits.Mul64(uint64(a), uint64(factor))
	low, carry := bits.Add64(low, uint64(b)/2, 0)
	high += carry
	if high >= uint64(b) {
		return Decimal{Unscaled: 1<<63 - 1, Scale: scale}
	}
	q, _ := bits.Div64(high, low, uint64(b))
	return Decimal{Unscaled: int64(q), Scale: scale} //nolint:gosec // below 2^63 by the check above for all counts we hold
}

func pow10(n uint8) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// Float64 is the nearest float, for arithmetic that need not be exact.
func (d Decimal) Float64() float64 { return float64(d.Unscaled) / float64(pow10(d.Scale)) }

// String prints all places, such as 42.86 or 100.00.
func (d Decimal) String() string {
	sign, u := "", d.Unscaled
	if u < 0 {
		sign, u = "-", -u
	}
	if d.Scale == 0 {
		return sign + strconv.FormatInt(u, 10)
	}
	digits := fmt.Sprintf("%0*d", int(d.Scale)+1, u)
	cut := len(digits) - int(d.Scale)
	return sign + digits[:cut] + "." + digits[cut:]
}

// ParseDecimal reads a plain decimal number and brings it to the given scale;
// digits beyond it are rounded half away from zero.
func ParseDecimal(s string, scale uint8) (Decimal, error) {
	text, negative := strings.CutPrefix(s, "-")
	whole, frac, _ := strings.Cut(text, ".")
	roundUp := len(frac) > int(scale) && frac[scale] >= '5'
	if len(frac) > int(scale) {
		frac = frac[:scale]
	}
	frac += strings.Repeat("0", int(scale)-len(frac))
	u, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || u < 0 || whole == "" {
		return Decimal{}, fmt.Errorf("%q is not a decimal number that fits", s)
	}
	if roundUp {
		u++
	}
	if negative {
		u = -u
	}
	return Decimal{Unscaled: u, Scale: scale}, nil
}

// MarshalJSON gives a JSON number with all places.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number; its scale is the number of places written.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	_, frac, _ := strings.Cut(string(data), ".")
	v, err := ParseDecimal(string(data), uint8(min(len(frac), 18))) //nolint:gosec // bounded
	if err == nil {
		*d = v
	}
	return err
}
