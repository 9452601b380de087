package tasker

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestQuotientRoundsHalfAwayFromZero(t *testing.T) {
	for _, c := range []struct {
		a, b  int64
		scale uint8
		want  string
	}{
		{1, 8, 2, "0.13"}, {-1, 8, 2, "-0.13"}, {1, 3, 2, "0.33"}, {2, 3, 2, "0.67"},
		{300, 7, 2, "42.86"}, {100, 1, 2, "100.00"}, {0, 5, 3, "0.000"}, {7, 2, 0, "4"}, {-7, 2, 0, "-4"},
	} {
		if got := Quotient(c.a, c.b, c.scale).String(); got != c.want {
			t.Errorf("%d/%d to %d places = %s, want %s", c.a, c.b, c.scale, got, c.want)
		}
	}
}

func TestQuotientAgreesWithRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(-1e15, 1e15).Draw(t, "a")
		b := rapid.Int64Range(1, 1e9).Draw(t, "b")
		scale := uint8(rapid.IntRange(0, 3).Draw(t, "scale")) //nolint:gosec // small
		want := new(big.Rat).SetFrac64(a, b).FloatString(int(scale))
		got := Quotient(a, b, scale).String()
		if got != want && "-"+got != want { // big.Rat writes a negative zero
			t.Fatalf("%d/%d = %s, want %s", a, b, got, want)
		}
	})
}

func TestDecimalRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Decimal{rapid.Int64Range(-1e17, 1e17).Draw(t, "unscaled"), uint8(rapid.IntRange(0, 6).Draw(t, "scale"))} //nolint:gosec // small
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Decimal
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("%s came back as %v, %v", text, got, err)
		}
		parsed, err := ParseDecimal(string(text), want.Scale)
		if err != nil || parsed != want {
			t.Fatalf("%s was read as %v, %v", text, parsed, err)
		}
	})
}

func TestParseDecimalRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "-", "NaN", "1e3", "--1", "1.-2", "99999999999999999999"} {
		if got, err := ParseDecimal(text, 2); err == nil {
			t.Errorf("ParseDecimal(%q) = %v, an error was expected", text, got)
		}
	}
}
