package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"golang.org/x/tools/txtar"
)

// TestLoad reads every testdata/*.txtar: the files env and flags (one a line)
// and any others, which can be read by name; args may name one with --config.
// The files database and runtime hold lines KEY=VALUE. The file want holds what differs from the defaults, with origins, or the
// error.
func TestLoad(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			wantAt := -1
			for i, f := range archive.Files {
				files[f.Name] = string(f.Data)
				if f.Name == "want" {
					wantAt = i
				}
			}
			got := loadCase(t, files)
			if *update && wantAt >= 0 {
				archive.Files[wantAt].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil { //nolint:gosec // testdata is for all
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(files["want"], got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func loadCase(t *testing.T, files map[string]string) string {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	if err := flags.Parse(lines(files["flags"])); err != nil {
		return "flags: " + err.Error() + "\n"
	}
	loaded, err := Load(Sources{
		Environ:  lines(files["env"]),
		Flags:    flags,
		Database: stored(files["database"], "database, by ann at 2026-01-02T03:04:05Z"),
		Runtime:  stored(files["runtime"], "API, by bob at 2026-01-02T03:04:06Z"),
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	})
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	defaults := Default()
	for _, o := range Options() {
		if v := o.text(&loaded.Config); v != o.text(&defaults) || loaded.Origin(o.Key) != "default" {
			if o.Secret() { // a test's secrets are none
				v = o.field(&loaded.Config).Interface().(Secret).Reveal()
			}
			fmt.Fprintf(&b, "%s = %s (%s)\n", o.Key, v, loaded.Origin(o.Key))
		}
	}
	for _, s := range loaded.Config.ByWorkflow {
		fmt.Fprintf(&b, "%s = %s (%s)\n", s.key, s.option.kind.print(s.parsed), loaded.SettingFor(s.option.Key, s.selector).Origin)
	}
	for _, w := range loaded.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// stored makes a layer of lines KEY=VALUE.
func stored(text, origin string) map[string]Value {
	values := map[string]Value{}
	for _, line := range lines(text) {
		key, value, _ := strings.Cut(line, "=")
		values[key] = Value{Text: value, Origin: origin}
	}
	return values
}

func lines(s string) []string {
	list := []string{}
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func FuzzLoad(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var file, environment string
		for _, part := range archive.Files {
			switch {
			case part.Name == "env":
				environment = string(part.Data)
			case strings.HasSuffix(part.Name, ".yml"):
				file = string(part.Data)
			}
		}
		f.Add(file, environment)
	}
	f.Add("a: &a {b: *a}\nc: [*a, *a]", "")
	f.Add("http: {listen: [1,2]}\nhttp.listen: 3", "TASKER_SIDECAR_HTTP__LISTEN=x")
	f.Fuzz(func(t *testing.T, file, environment string) {
		load := func(text string) (*Loaded, error) {
			return Load(Sources{File: "f.yml", Environ: lines(environment), ReadFile: func(path string) ([]byte, error) {
				if path != "f.yml" {
					return nil, fs.ErrNotExist
				}
				return []byte(text), nil
			}})
		}
		loaded, err := load(file)
		if err != nil {
			if strings.Contains(err.Error(), "%!") {
				t.Fatalf("a message is broken: %v", err)
			}
			return
		}
		if err := loaded.Config.Validate(); err != nil {
			t.Fatalf("was read as valid: %v", err)
		}
		// Written down and read again it is the same.
		var b strings.Builder
		for _, o := range Options() {
			text := o.text(&loaded.Config)
			if o.Secret() {
				text = o.field(&loaded.Config).Interface().(Secret).Reveal()
			}
			if !strings.HasSuffix(o.Key, "_file") {
				fmt.Fprintf(&b, "%s: %s\n", o.Key, quoteYAML(unexpanded(text)))
			}
		}
		for _, own := range loaded.Config.ByWorkflow {
			fmt.Fprintf(&b, "%s: %s\n", quoteYAML(own.key), quoteYAML(unexpanded(own.option.kind.print(own.parsed))))
		}
		environment = ""
		again, err := load(b.String())
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v\n%s", err, b.String())
		}
		again.Config.Database.URLFile = loaded.Config.Database.URLFile
		again.Config.Engine.Telemetry.Prometheus.PasswordFile = loaded.Config.Engine.Telemetry.Prometheus.PasswordFile
		if diff := cmp.Diff(loaded.Config, again.Config); diff != "" {
			t.Fatal(diff)
		}
	})
}
