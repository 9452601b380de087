package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
)

// TestGuardedOptions: who can ask the API does not decide who may, nor which SQL
// the sidecar executes, whether the change lasts or not.
func TestGuardedOptions(t *testing.T) {
	values := map[string]json.RawMessage{
		"http.tokens": json.RawMessage(`[]`), "http.allowed_hosts": json.RawMessage(`["a"]`), "http.allowed_origins": json.RawMessage(`["https://a"]`),
		"maintenance.announce_sql": json.RawMessage(`"DROP TABLE x"`),
	}
	for _, persist := range []bool{false, true} {
		problems := refused(api.ConfigurationChange{Values: values, Persist: persist})
		if len(problems) != len(values) {
			t.Errorf("persist %t: %+v", persist, problems)
		}
		for _, p := range problems {
			if !strings.Contains(p.Text, "a file, a variable or a flag") {
				t.Errorf("%s %s", p.Key, p.Text)
			}
		}
	}
	if problems := refused(api.ConfigurationChange{Values: map[string]json.RawMessage{"maintenance.quiet_period": json.RawMessage(`"2m"`)}}); problems != nil {
		t.Errorf("%+v", problems)
	}
	for key := range values {
		if err := storable(key); err == nil || !strings.Contains(err.Error(), "a file, a variable or a flag") {
			t.Errorf("config set %s: %v", key, err)
		}
	}
}

// TestSpellingsAreOneKey: a change is for the workflows that it names, however
// they are written.
func TestSpellingsAreOneKey(t *testing.T) {
	raw := json.RawMessage(`"2m"`)
	values, problems := canonical(map[string]json.RawMessage{"maintenance.quiet_period@payments": raw, "maintenance.quiet_period@%70/%2A": raw, "x@": raw})
	if len(problems) > 0 || len(values) != 3 || values["maintenance.quiet_period@payments/*/*"] == nil || values["maintenance.quiet_period@p/%2A/*"] == nil || values["x@"] == nil {
		t.Errorf("%v %+v", values, problems)
	}
	_, problems = canonical(map[string]json.RawMessage{"maintenance.quiet_period@payments": raw, "maintenance.quiet_period@payments/*": raw})
	if len(problems) != 1 || problems[0].Key != "maintenance.quiet_period@payments/*/*" {
		t.Errorf("%+v", problems)
	}
}

// TestUnsetOneOfTwoWrong: what is wrong with one stored value does not keep
// another from being taken back.
func TestUnsetOneOfTwoWrong(t *testing.T) {
	rest := []store.Setting{{Key: "maintenance.quiet_period", Scope: "b/*/*", Value: json.RawMessage(`"soon"`)}}
	_, err := store.Load(config.Sources{}, rest)
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || !fromDatabase(problems[0], rest) {
		t.Errorf("%v", err)
	}
	rest[0].Value = json.RawMessage(`{}`) // that cannot be read at all
	if _, err = store.Load(config.Sources{}, rest); !errors.As(err, &problems) || len(problems) != 1 || !fromDatabase(problems[0], rest) {
		t.Errorf("%v", err)
	}
	if fromDatabase(config.Problem{Key: "maintenance.quiet_period"}, rest) {
		t.Error("a value for everything is taken for one for some workflows")
	}
}
