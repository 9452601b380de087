package reload

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
)

// TestPatchKnowsSpellings: what is written differently and is for the same
// workflows is one value.
func TestPatchKnowsSpellings(t *testing.T) {
	r, err := Start(config.Sources{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	patch := func(key string, v *config.Value) {
		t.Helper()
		if _, err := r.Patch(map[string]*config.Value{key: v}); err != nil {
			t.Fatal(err)
		}
	}
	said := func(want string) {
		t.Helper()
		got := ""
		for _, s := range r.Live().Current().Wanted().ForSome("maintenance.quiet_period") {
			got += s.Key + "=" + s.Value + " "
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	patch("maintenance.quiet_period@payments", &config.Value{Text: "2m"})
	patch("maintenance.quiet_period@payments/*/*", &config.Value{Text: "3m"})
	said("maintenance.quiet_period@payments/*/*=3m ")
	patch("maintenance.quiet_period@payments/*", nil)
	said("")
}

// TestWarningsAreTold: at the start, and when a reload finds new ones.
func TestWarningsAreTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tasker.yml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("version: 0\nhttp: {address: 127.0.0.1:9000}\n")
	r, err := Start(config.Sources{File: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r.SetLogger(hclog.New(&hclog.LoggerOptions{Output: &log}))
	told := func(want int) {
		t.Helper()
		if got := strings.Count(log.String(), "[WARN]"); got != want || want > 0 && !strings.Contains(log.String(), "is of version 0") {
			t.Errorf("%d warnings, want %d:\n%s", got, want, log.String())
		}
		if _, err := r.Reload("a test"); err != nil {
			t.Fatal(err)
		}
	}
	told(1)
	told(1) // no other
	write("http: {listen: 127.0.0.1:9000}\n")
	told(1)
	write("version: 0\nhttp: {address: 127.0.0.1:9000}\n")
	told(1)
	told(2)
}

// TestCheckRefusesBeforehand: what could not be taken over once it is stored is
// refused while nothing is.
func TestCheckRefusesBeforehand(t *testing.T) {
	r, err := Start(config.Sources{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stored := func(maxWait string) []store.Setting {
		return []store.Setting{
			{Key: "http.write_timeout", Value: json.RawMessage(`"2m"`)}, // after a restart
			{Key: "http.max_wait", Value: json.RawMessage(maxWait)},     // at once
		}
	}
	if err := r.Check(stored(`"1m"`), nil); !errors.Is(err, live.ErrTogether) {
		t.Errorf("got %v", err)
	}
	if err := r.Check(stored(`"10s"`), nil); err != nil {
		t.Error(err)
	}
}
