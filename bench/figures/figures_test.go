package figures

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the figures of README.md")

const root = "../.."

// TestReadmeIsCurrent compares the figures of README.md with the reports.
func TestReadmeIsCurrent(t *testing.T) {
	text, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Insert(string(text), os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(root+"/README.md", []byte(want), 0o644); err != nil { //nolint:gosec // it is for all
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("README.md says other figures than the reports; make readme-figures writes them:\n%s", diff)
	}
}

func TestInsert(t *testing.T) {
	report := `{"meta":{"format":1,"suite":"s","versions":{"postgres":"15"}},"results":[
		{"name":"a","what":"some | thing","unit":"ns","samples":[1],"median":1000,"goal":{"at_most":2},"verdict":"missed"},
		{"name":"b","what":"another","unit":"ns","samples":[1],"median":1,"verdict":"no goal"}]}`
	files := fstest.MapFS{"r.json": {Data: []byte(report)}}
	all, err := Insert("x\n<!-- figures: r.json -->\nold\n<!-- end of figures -->\ny", files)
	if err != nil || strings.Contains(all, "old") || !strings.Contains(all, `some \| thing`) || !strings.Contains(all, "another") ||
		!strings.Contains(all, "1 missed: a") || !strings.HasPrefix(all, "x\n") || !strings.HasSuffix(all, "\ny") {
		t.Errorf("%v: %s", err, all)
	}
	if again, err := Insert(all, files); err != nil || again != all {
		t.Errorf("%v: a second time it is another text", err)
	}
	goals, err := Insert("<!-- figures: r.json goals -->\n<!-- end of figures -->", files)
	if err != nil || strings.Contains(goals, "another") || !strings.Contains(goals, "some") {
		t.Errorf("%v: %s", err, goals)
	}
	for name, text := range map[string]string{
		"no marker": "x", "no end": "<!-- figures: r.json -->\n", "no report": "<!-- figures: nowhere.json -->\n<!-- end of figures -->",
	} {
		if _, err := Insert(text, files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
