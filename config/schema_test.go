package config

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(schemaID, document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is a YAML file as a validator sees it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var behindHash = regexp.MustCompile(`(?m)^( *)#(\S)`)

// TestExample: the example validates as it is and with everything taken from
// behind its #, and says the defaults.
func TestExample(t *testing.T) {
	var b bytes.Buffer
	if err := WriteExample(&b); err != nil {
		t.Fatal(err)
	}
	schema := compiledSchema(t)
	for _, text := range []string{b.String(), behindHash.ReplaceAllString(b.String(), "$1$2")} {
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("by the schema: %v", err)
		}
	}
	options := b.String()[bytes.Index(b.Bytes(), []byte("#overlays:")):]
	options = options[len("#overlays:\n#  - when: {flag: canary}\n#    log:\n#      level: debug\n"):]
	options = behindHash.ReplaceAllString(options, "$1$2")
	loaded, err := Load(Sources{File: "f.yml", ReadFile: func(string) ([]byte, error) { return []byte(options), nil }})
	if err != nil {
		t.Fatal(err)
	}
	plain, _ := Load(Sources{})
	for _, c := range Diff(plain, loaded) {
		t.Errorf("the example says %+v", c)
	}
	for _, o := range Options() {
		if len(loaded.Settings(o.Key)) != 2 {
			t.Errorf("the example does not say %s", o.Key)
		}
	}
}

func TestSchema(t *testing.T) {
	schema := compiledSchema(t)
	for text, right := range map[string]bool{
		"":                                                  true,
		"http: {max_limit: 5}":                              true,
		"http:\n  max_limit: ${LIMIT:-3}":                   true,
		"http: {max_limit: 0}":                              false,
		"http: {max_limt: 5}":                               false,
		"http: {max_wait: 1m30s}":                           true,
		"http: {max_wait: 5}":                               true,
		"http: {max_wait: soon}":                            false,
		"http: {max_body_bytes: 1MiB}":                      true,
		"http: {max_body_bytes: 1MB}":                       false,
		"http: {allowed_hosts: [a, b]}":                     true,
		"http: {allowed_hosts: {a: b}}":                     false,
		"http:":                                             true,
		"log: {level: loud}":                                false,
		"htpp: {}":                                          false,
		"production: {log: {level: warn}}":                  true,
		"production: {log: {level: loud}}":                  false,
		"environments: {qa: {log: {x: y}}}":                 false,
		"overlays: [{log: {level: warn}}]":                  false,
		"overlays: [{when: {flag: a}, log: {level: warn}}]": true,
		"maintenance: {quiet_period@payments/refund: 5m}":   true,
		"maintenance: {retrier_rate@payments: 5}":           false,
		"extends: [a.yml, b.yml]\nversion: 1":               true,
		"version: 9":                                        false,
	} {
		err := schema.Validate(asJSON(t, text))
		if (err == nil) != right {
			t.Errorf("%q: %v", text, err)
		}
	}
}
