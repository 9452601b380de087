package tasker

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestLSNRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := LSN(rapid.Uint64().Draw(t, "lsn"))
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got LSN
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("%v came back as %v, %v", want, got, err)
		}
	})
}

func TestParseLSNRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "/", "1", "1/", "/1", "1/2/3", "g/0", "-1/0", "100000000/0", "0/100000000"} {
		if got, err := ParseLSN(text); err == nil {
			t.Errorf("ParseLSN(%q) = %v, an error was expected", text, got)
		}
	}
	if got, err := ParseLSN("16/b374d848"); err != nil || got.String() != "16/B374D848" {
		t.Errorf("got %v, %v", got, err)
	}
}
