package bench

// Amount prints a value in its unit, which is one that a [Result] has, so that
// a person can read it: 1,234,567 ns/op are 1.23 ms/op.
func Amount(v float64, unit string) string { return withUnit(v, unit) }

// Number prints three significant digits, and thousands in groups; a dash for
// what is none.
func Number(v float64) string { return number(v) }
