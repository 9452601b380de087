package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// configured runs the program with a clean environment.
func configured(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, environ, &out, &err)
	return code, out.String(), err.String()
}

func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestConfigCommands(t *testing.T) {
	folder := files(t, map[string]string{
		"tasker.yml":            "http:\n  max_wait: 2s\ndatabase: {url_file: " + "URL" + "}\nmaintenance:\n  quiet_period@payments/refund: 5m\n",
		"tasker.production.yml": "http:\n  max_wait: 3s\n",
		"wrong.yml":             "http:\n  max_wat: 2s\n  max_limit: many\n",
		"old.yml":               "version: 0\nhttp: {address: 127.0.0.1:9000}\n",
		"secret":                "postgres://u:geheim@h/d\n",
	})
	at := func(name string) string { return filepath.Join(folder, name) }
	text, err := os.ReadFile(at("tasker.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("tasker.yml"), bytes.ReplaceAll(text, []byte("URL"), []byte(at("secret"))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		env    []string
		code   int
		stdout []string // parts
		stderr string
	}{
		{"valid", []string{"validate", "--config", at("tasker.yml")}, nil, 0, []string{"valid: " + at("tasker.yml")}, "the values that are stored in the database, which cannot be read"},
		{"valid in production", []string{"validate", "--config", at("tasker.yml"), "--no-database", "--environment", "production"}, nil, 0, []string{"valid for production: ", at("tasker.production.yml")}, ""},
		{"wrong", []string{"validate", "--config", at("wrong.yml")}, nil, 1, []string{"2 problems", "wrong.yml:2:12) is not an option; did you mean http.max_wait?", "must be a whole number"}, ""},
		{"wrong, as JSON", []string{"validate", "--config", at("wrong.yml"), "--json"}, nil, 1, []string{`"valid": false`, `"key": "http.max_limit"`}, ""},
		{"explained", []string{"explain", "http.max_wait", "--config", at("tasker.yml"), "--no-database"}, []string{"TASKER_SIDECAR_ENVIRONMENT=production", "TASKER_SIDECAR_HTTP__MAX_WAIT=4s"}, 0,
			[]string{"http.max_wait = 4s\n  from      environment TASKER_SIDECAR_HTTP__MAX_WAIT\n", "  shadows   http.max_wait = 3s (" + at("tasker.production.yml") + ":2:13)\n  shadows   http.max_wait = 2s (" + at("tasker.yml") + ":2:13)\n", "  default   5s\n", "  rule      must be between 1ms and 5m\n", "change the variable"}, ""},
		{"a secret", []string{"explain", "database.url", "--config", at("tasker.yml"), "--no-database"}, nil, 0, []string{"database.url = ********\n", "named by database.url_file"}, ""},
		{"unknown", []string{"explain", "http.max_wat"}, nil, 1, nil, "http.max_wat is not an option; did you mean http.max_wait?"},
		{"all", []string{"explain", "--config", at("tasker.yml"), "--no-database"}, nil, 0, []string{"maintenance.quiet_period@payments/refund/*", "demo.workers"}, ""},
		{"got", []string{"get", "http.max_wait", "--config", at("tasker.yml"), "--no-database"}, []string{"RAILS_ENV=production"}, 0, []string{"3s\n"}, ""},
		{"got unknown", []string{"get", "x.y"}, nil, 1, nil, "x.y is not an option"},
		{"different", []string{"diff", at("tasker.yml"), at("tasker.yml") + "@production"}, []string{"TASKER_SIDECAR_HTTP__MAX_WAIT=4s"}, 1, []string{"http.max_wait\n  - 2s (", "  + 3s ("}, ""},
		{"the same", []string{"diff", at("tasker.yml"), at("tasker.yml"), "--json"}, nil, 0, []string{"[]\n"}, ""},
		{"not there", []string{"diff", at("tasker.yml"), at("nowhere.yml")}, nil, 2, nil, "nowhere.yml"},
		{"a warning", []string{"get", "http.listen", "--config", at("old.yml")}, nil, 0, []string{"127.0.0.1:9000"}, "warning: "},
		{"to migrate", []string{"migrate", at("old.yml")}, nil, 1, []string{"-http: {address: 127.0.0.1:9000}\n+http: {listen: 127.0.0.1:9000}", "--write does"}, ""},
		{"migrated", []string{"migrate", at("old.yml"), "--write", "--json"}, nil, 0, []string{`"written": true`}, ""},
		{"nothing to migrate", []string{"migrate", at("old.yml")}, nil, 0, []string{"is of version 1, today's"}, ""},
		{"step without task", []string{"get", "http.listen", "--step", "x"}, nil, 2, nil, "--step needs --task"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := configured(t, c.env, append([]string{"config"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("code %d, want %d; %s%s", code, c.code, stdout, stderr)
			}
			for _, part := range c.stdout {
				if !strings.Contains(stdout, part) {
					t.Errorf("no %q in:\n%s", part, stdout)
				}
			}
			if strings.Contains(stdout+stderr, "geheim") {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestConfigInitAndSchema(t *testing.T) {
	code, example, _ := configured(t, nil, "config", "init")
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	folder := files(t, map[string]string{"tasker.yml": example})
	if code, stdout, stderr := configured(t, nil, "config", "validate", "--config", filepath.Join(folder, "tasker.yml")); code != 0 {
		t.Errorf("code %d: %s%s", code, stdout, stderr)
	}
	code, schema, _ := configured(t, nil, "config", "schema")
	if code != 0 || !json.Valid([]byte(schema)) {
		t.Errorf("code %d, %.100s", code, schema)
	}
}

// TestConfigExplainTask: the names of a task are looked up, and its values hold.
func TestConfigExplainTask(t *testing.T) {
	l := newLab(t)
	task, _ := l.steps(1)
	environ := []string{"TASKER_SIDECAR_DATABASE__URL=" + l.url}
	folder := files(t, map[string]string{"tasker.yml": "maintenance:\n  quiet_period: 2m\n  quiet_period@default/named: 5m\n  quiet_period@*/*/*/named: 7m\n  quiet_period@other: 9m\n"})
	file := filepath.Join(folder, "tasker.yml")
	id := strconv.FormatInt(task, 10)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 0, "maintenance.quiet_period = 2m\n"},
		{[]string{"--task", id}, 0, "maintenance.quiet_period@default/named/* = 5m\n  from      " + file + ":3:31\n  for       default/named/"},
		{[]string{"--task", id, "--step", "named"}, 0, "maintenance.quiet_period@*/*/*/named = 7m\n"},
		{[]string{"--task", id, "--step", "nowhere"}, 1, "has no step"},
		{[]string{"--task", "999999"}, 1, "there is no task 999999"},
	} {
		code, stdout, stderr := configured(t, environ, append([]string{"config", "explain", "maintenance.quiet_period", "--config", file}, c.args...)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%v: code %d, %s%s", c.args, code, stdout, stderr)
		}
	}
}
