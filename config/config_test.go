package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md and the expected results in testdata")

func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, loaded.Config); diff != "" {
		t.Errorf("reading nothing is not the default:\n%s", diff)
	}
	if c.HTTP.Listen != "127.0.0.1:8765" {
		t.Errorf("the default listens on %q", c.HTTP.Listen)
	}
}

func TestEveryOptionIsDocumented(t *testing.T) {
	for _, o := range Options() {
		if o.Doc == "" {
			t.Errorf("%s has no doc comment", o.Key)
		}
		if o.kind.number != nil && o.Rule == "" {
			t.Errorf("%s is a number and has no range", o.Key)
		}
	}
	for _, parent := range table().parents {
		if table().docs[parent] == "" {
			t.Errorf("%s has no doc comment", parent)
		}
	}
	seen := map[string]string{}
	for _, o := range Options() {
		for _, f := range o.Flags {
			if other, twice := seen[f]; twice {
				t.Errorf("the flag --%s belongs to %s and to %s", f, other, o.Key)
			}
			seen[f] = o.Key
		}
		if strings.HasPrefix(o.Env, testPrefix) {
			t.Errorf("%s has the reserved name %s", o.Key, o.Env)
		}
		if serviceVariable.MatchString(o.Env) {
			t.Errorf("%s has the name %s, which Kubernetes uses", o.Key, o.Env)
		}
	}
}

func TestRulesNameOptions(t *testing.T) {
	for _, r := range table().rules {
		for _, key := range []string{r.Key, r.Other} {
			if _, ok := Lookup(key); !ok {
				t.Errorf("a rule names %s, which is not an option", key)
			}
		}
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"URL": "url", "URLFile": "url_file", "HTTP": "http", "MaxWALBehind": "max_wal_behind",
		"SlotPrefix": "slot_prefix", "MaxBatchIDs": "max_batch_ids", "GCPercent": "gc_percent",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestValidateTellsAll(t *testing.T) {
	c := Default()
	c.HTTP.Listen = "0.0.0.0:8765"
	c.HTTP.DefaultLimit = 5000
	c.Log.Level = "loud"
	c.Verify.Pause = -1
	err := c.Validate()
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	want := `the configuration has 4 problems:
  http.default_limit: "5000" must not be above http.max_limit; http.max_limit is 1000
  http.listen: "0.0.0.0:8765" is beyond loopback, and anybody who can connect could ask: configure http.tokens, or listen on 127.0.0.1; http.tokens is empty
  log.level: "loud" must be one of trace, debug, info, warn, error, off
  verify.pause: "-1ns" must be between 0s and 1m`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestZeroValueIsRefusedNotCrashed(t *testing.T) {
	var c Config
	if c.Validate() == nil {
		t.Error("the zero value passes for a configuration")
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	const secret = "postgres://u:hunter2@h/d"
	c := Default()
	c.Database.URL = secret
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{
		string(asJSON), string(asYAML), fmt.Sprint(c), fmt.Sprintf("%+v %#v", c, c),
		fmt.Sprintf("%s %q %x %v", c.Database.URL, c.Database.URL, c.Database.URL, c.Database.URL),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("shown: %s", shown)
		}
	}
	if c.Database.URL.Reveal() != secret || Secret("").String() != "" {
		t.Error("the text itself is lost, or nothing looks like something")
	}
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for page, write := range map[string]func(io.Writer) error{
		"../docs/configuration.md":   WriteMarkdown,
		"../docs/tasker.schema.json": WriteSchema,
		"../docs/tasker.example.yml": WriteExample,
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil { //nolint:gosec // documentation is for all
				t.Fatal(err)
			}
		}
		written, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.String(), string(written)); diff != "" {
			t.Errorf("%s is out of date, run make generate:\n%s", page, diff)
		}
	}
}
