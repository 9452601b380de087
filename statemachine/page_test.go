package statemachine

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/state-machines.md anew")

func TestPageIsCurrent(t *testing.T) {
	const file = "../docs/state-machines.md"
	if *update {
		if err := os.WriteFile(file, []byte(page()), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(), string(text)); diff != "" {
		t.Errorf("docs/state-machines.md is out of date; go test ./statemachine -update writes it:\n%s", diff)
	}
}
