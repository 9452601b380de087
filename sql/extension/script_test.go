package extension_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/extension"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

var update = flag.Bool("update", false, "write the script anew")

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestScriptIsCurrent(t *testing.T) {
	want, err := extension.Script()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(extension.File(), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(extension.File())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what would be generated; go test ./sql/extension -update writes it:\n%s", extension.File(), diff)
	}
	control, err := os.ReadFile(extension.Name + ".control")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(control), fmt.Sprintf("default_version = '%d'\n", schema.Version())) {
		t.Errorf("the control file's version is not %d", schema.Version())
	}
}
