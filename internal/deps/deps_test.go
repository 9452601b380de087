package deps

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryDependencyIsExplained compares docs/dependencies.md with the direct
// requirements of go.mod.
func TestEveryDependencyIsExplained(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var required, explained []string
	for line := range strings.Lines(read("../../go.mod")) {
		if m := regexp.MustCompile(`^\t(\S+) v\S+\n$`).FindStringSubmatch(line); m != nil {
			required = append(required, m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(read("../../docs/dependencies.md"), -1) {
		explained = append(explained, m[1])
	}
	for _, module := range required {
		if !slices.Contains(explained, module) {
			t.Errorf("docs/dependencies.md does not say why %s is there", module)
		}
	}
	for _, module := range explained {
		if !slices.Contains(required, module) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", module)
		}
	}
	if len(required) == 0 {
		t.Error("no requirement was found in go.mod")
	}
}
