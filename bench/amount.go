package bench

// Amount prints a value in its unit, which is one that a [Result] has, so that
// a person can read it: 1,234,567 ns/op are 1.23 ms/op.
func Amount(v float64, unit string) string {
	if v < 0 {
		return "-" + withUnit(-v, unit)
	}
	return withUnit(v, unit)
}

// Number prints three significant digits, and thousands in groups; a dash for
// what is none.
func Number(v float64) string { return number(v) }

// ResidentSize is how many bytes of memory this process has; 0: not known.
func ResidentSize() int64 { return residentSize("VmRSS") }

// Revision is that of the source which this program was built from, with a +
// when files had been changed.
func Revision() string { return revision() }
