package config

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// TestMistakesDoNotTellSecrets: whatever is got wrong about a secret, no message
// and no explanation repeats it.
func TestMistakesDoNotTellSecrets(t *testing.T) {
	const url = "postgres://u:hunter2@h/d"
	for name, s := range map[string]struct{ file, environ string }{
		"a section as variable":            {"", "TASKER_SIDECAR_DATABASE=" + url},
		"a section as value":               {"database: " + url, ""},
		"a variable that is like no other": {"", "TASKER_SIDECAR_DATABASE_PASSWORD=hunter2"},
		"an option without a section":      {"url: " + url, ""},
		"an option of another name":        {"http: {auth_token: hunter2}", ""},
		"below an option":                  {"http: {max_limit: {password: hunter2}}", ""},
		"an unused part of a file":         {"staging: {url: " + url + "}", ""},
		"a value for nobody":               {"", `TASKER_SIDECAR_WORKFLOWS={url: "` + url + `"}`},
		"the other's form":                 {"database: {url: 'x${hunter2!}y'}", ""},
		"a URL as path":                    {"database: {url_file: '" + url + "'}", ""},
		"a password as path":               {"engine: {telemetry: {prometheus: {password_file: hunter2}}}", ""},
		"a URL as path beside the URL":     {"database: {url: 'postgres://h/d', url_file: '" + url + "'}", ""},
		"a URL with a password":            {"engine: {telemetry: {prometheus: {endpoint: 'https://u:hunter2@h/'}}}", ""},
		"a URL at another place":           {"http: {listen: '" + url + "'}", ""},
		"words at another place":           {"http: {listen: 'host=h password=hunter2'}", ""},
		"an element of a list":             {"http: {allowed_origins: ['https://u:hunter2@h']}", ""},
		"an element that cannot be read":   {"engine: {telemetry: {filter_parameters: ['/" + url + "(/']}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(Sources{File: "t.yml", Environ: []string{s.environ}, ReadFile: func(path string) ([]byte, error) {
				if path == "t.yml" {
					return []byte(s.file), nil
				}
				return nil, fs.ErrNotExist
			}})
			if err == nil {
				t.Fatal("it is accepted")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}
}

// TestShadowedSecretsAreNotTold: what another source wins over is masked as well.
func TestShadowedSecretsAreNotTold(t *testing.T) {
	const entry = "ann:admin:sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	l, err := Load(Sources{File: "t.yml", ReadFile: func(string) ([]byte, error) {
		return []byte("http: {tokens: ['" + entry + "']}\ndatabase: {url_file: 'postgres://u:hunter2@h/d'}"), nil
	}, Environ: []string{"TASKER_SIDECAR_DATABASE__URL=postgres://h/d"}, Runtime: map[string]Value{"http.tokens": {Text: ""}}})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprint(l.Settings("http.tokens"), l.Settings("database.url_file"))
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, "sha256") || !strings.Contains(shown, "********") {
		t.Error(shown)
	}
}
