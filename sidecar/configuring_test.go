package main

import (
	"encoding/json"
	"strings"
	"testing"

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
