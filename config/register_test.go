package config

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:embed register_test.go
var thisFile string

// Audit is a section as another package would have it.
type Audit struct {
	// Sink is where entries go. Null: nowhere.
	Sink *string `default:"null" form:"host:port"`
	// Limits bound entries.
	Limits AuditLimits `apply:"live" scope:"workflow"`
	// Legacy is what is read and not used.
	Legacy AuditLegacy `carried:"nothing here writes files"`
}

// AuditLimits are the bounds of what is audited.
type AuditLimits struct {
	// Pauses are the seconds between attempts.
	Pauses []int `range:"0..100" default:"1,2,4"`
	// Weights are those of the classes.
	Weights []float64 `range:"0..1" default:"0.5,1"`
	// Least is the smallest size.
	Least Size `range:"1B..1GiB" default:"1KiB" apply:"restart"`
	// Most is the largest size.
	Most Size `range:"1B..1GiB" default:"1MiB"`
}

// AuditLegacy is what another program does.
type AuditLegacy struct {
	// Directory is where its files are.
	Directory string `default:"audit"`
}

func registerAudit(t *testing.T) {
	t.Helper()
	before := table()
	t.Cleanup(func() { currentTable.Store(before) })
	Register(Section{
		Name: "audit", Structure: Audit{}, Source: thisFile,
		Rules: []Rule{{"audit.limits.least", "audit.limits.most", func(c *Config) string {
			limits := Get[Audit](c).Limits
			return says(limits.Least > limits.Most, "must not be above audit.limits.most")
		}}},
	})
}

func TestRegisteredSectionIsLikeTheOthers(t *testing.T) {
	registerAudit(t)
	loaded, err := Load(Sources{
		File: "f.yml",
		ReadFile: func(string) ([]byte, error) {
			return []byte("audit:\n  limits:\n    pauses: [3, 5]\n    weights: [0.25]\n    most: 2MiB\n"), nil
		},
		Environ:  []string{"TASKER_SIDECAR_AUDIT__LIMITS__PAUSES=7, 9"},
		Database: map[string]Value{"audit.sink": {Text: "log.example:514", Origin: "database"}},
		Runtime:  map[string]Value{"audit.limits.pauses": {Text: "11", Origin: "API"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	sink := "log.example:514"
	want := Audit{
		Sink:   &sink,
		Limits: AuditLimits{Pauses: []int{11}, Weights: []float64{0.25}, Least: KiB, Most: 2 * MiB},
		Legacy: AuditLegacy{Directory: "audit"},
	}
	if diff := cmp.Diff(want, Get[Audit](&loaded.Config)); diff != "" {
		t.Error(diff)
	}
	wantSaid := []Setting{
		{"audit.limits.pauses", "11", LayerRuntime, "API"},
		{"audit.limits.pauses", "7,9", LayerVariable, "environment TASKER_SIDECAR_AUDIT__LIMITS__PAUSES"},
		{"audit.limits.pauses", "3,5", LayerFile, "f.yml:3:13"},
		{"audit.limits.pauses", "1,2,4", LayerDefault, "default"},
	}
	if diff := cmp.Diff(wantSaid, loaded.Settings("audit.limits.pauses")); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]Option{
		"audit.sink":             {Rule: "must be an address host:port", Doc: "Where entries go. Null: nowhere."},
		"audit.limits.pauses":    {Live: true, Scoped: true, Rule: "each must be between 0 and 100", Doc: "The seconds between attempts."},
		"audit.limits.least":     {Scoped: true, Rule: "must be between 1B and 1GiB", Doc: "The smallest size."},
		"audit.legacy.directory": {Carried: "nothing here writes files", Doc: "Where its files are."},
	} {
		o, ok := Lookup(key)
		if !ok {
			t.Errorf("%s is not an option", key)
			continue
		}
		got := Option{Live: o.Live, Scoped: o.Scoped, Rule: o.Rule, Doc: o.Doc, Carried: o.Carried}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(Option{}), cmp.Comparer(func(a, b kind) bool { return true })); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	var page strings.Builder
	if err := WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"\n## audit.limits\n\nThe bounds of what is audited.\n", "`TASKER_SIDECAR_AUDIT__LIMITS__LEAST` · `--audit.limits.least`"} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the page has no %q", part)
		}
	}
}

func TestRegisteredSectionIsChecked(t *testing.T) {
	registerAudit(t)
	_, err := Load(Sources{Environ: []string{
		"TASKER_SIDECAR_AUDIT__SINK=nowhere",
		"TASKER_SIDECAR_AUDIT__LIMITS__PAUSES=1,x",
		"TASKER_SIDECAR_AUDIT__LIMITS__WEIGHTS=0.5,1.5",
		"TASKER_SIDECAR_AUDIT__LIMITS__LEAST=2MiB",
		"TASKER_SIDECAR_AUDIT__LIMIT__MOST=2MiB",
		"TASKER_SIDECAR_AUDIT__LIMITS=2MiB",
	}})
	want := `the configuration has 6 problems:
  audit.limit.most: (environment TASKER_SIDECAR_AUDIT__LIMIT__MOST) is not an option; did you mean TASKER_SIDECAR_AUDIT__LIMITS__MOST?
  audit.limits: (environment TASKER_SIDECAR_AUDIT__LIMITS) is not an option
  audit.limits.least: "2MiB" (environment TASKER_SIDECAR_AUDIT__LIMITS__LEAST) must not be above audit.limits.most; audit.limits.most is 1MiB (default)
  audit.limits.pauses: "1,x" (environment TASKER_SIDECAR_AUDIT__LIMITS__PAUSES) holds "x", which must be a whole number
  audit.limits.weights: "0.5,1.5" (environment TASKER_SIDECAR_AUDIT__LIMITS__WEIGHTS) each must be between 0 and 1
  audit.sink: "nowhere" (environment TASKER_SIDECAR_AUDIT__SINK) must be an address host:port, such as 127.0.0.1:8765`
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, err.Error()))
	}
}

func TestRegisterRefuses(t *testing.T) {
	registerAudit(t)
	type wrongKind struct{ C chan int }
	type wrongDefault struct {
		N int `range:"1..2"`
	}
	type right struct{ S string }
	for name, c := range map[string]struct {
		section Section
		want    string
	}{
		"a name that is taken":         {Section{Name: "audit", Structure: right{}}, "there is a section"},
		"a built-in section":           {Section{Name: "http", Structure: right{}}, "there is a section"},
		"a directive":                  {Section{Name: "overlays", Structure: right{}}, "there is a section"},
		"a name that is none":          {Section{Name: "Audit.x", Structure: right{}}, "cannot be called"},
		"a structure that is none":     {Section{Name: "other", Structure: 3}, "the structure of"},
		"a type without kind":          {Section{Name: "other", Structure: wrongKind{}}, "has no kind"},
		"a default against its rule":   {Section{Name: "other", Structure: wrongDefault{}}, "other.n"},
		"a rule about what is nowhere": {Section{Name: "other", Structure: right{}, Rules: []Rule{{Key: "other.s", Other: "other.x"}}}, "other.x"},
	} {
		t.Run(name, func(t *testing.T) {
			before := table()
			defer func() {
				if text, ok := recover().(string); !ok || !strings.Contains(text, c.want) {
					t.Errorf("want a panic with %q, got %q", c.want, text)
				}
				if table() != before {
					t.Error("it is registered all the same")
				}
			}()
			Register(c.section)
		})
	}
}
