package live_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	. "github.com/tasker-sidecar/tasker-sidecar/config/live"
)

// load is a configuration with some values: "key=value".
func load(t rapid.TB, texts ...string) *config.Loaded {
	t.Helper()
	values := map[string]config.Value{}
	for _, text := range texts {
		key, value, _ := strings.Cut(text, "=")
		values[key] = config.Value{Text: value, Origin: "test"}
	}
	l, err := config.Load(config.Sources{Database: values})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestReload: what is live is taken over, what is not is pending until it is as it
// was at the start.
func TestReload(t *testing.T) {
	c := New(load(t, "http.max_limit=150", "http.default_limit=10"))
	var keys []string
	c.Subscribe(func(change Change) (func(), error) {
		return func() { keys = append(keys, change.Keys...) }, nil
	})
	first := c.Current()
	reload := func(texts ...string) {
		t.Helper()
		if _, err := c.Reload(load(t, texts...)); err != nil {
			t.Fatal(err)
		}
	}
	reload("http.max_limit=160", "http.default_limit=10", "replication.slot_prefix=other", "events.enabled=false")
	now := c.Current()
	if now.Config.HTTP.MaxLimit != 160 || now.Config.Replication.SlotPrefix != "tasker_sidecar" || !now.Config.Events.Enabled {
		t.Errorf("%+v", now.Config)
	}
	if diff := cmp.Diff([]string{"replication.slot_prefix", "events.enabled"}, now.Pending); diff != "" {
		t.Error(diff)
	}
	if s := now.Setting("replication.slot_prefix"); s.Value != "tasker_sidecar" || s.Layer != config.LayerDefault {
		t.Errorf("%+v", s)
	}
	if s := now.Wanted().Setting("replication.slot_prefix"); s.Value != "other" {
		t.Errorf("%+v", s)
	}
	reload("http.max_limit=160", "http.default_limit=10")
	if c.Current().Pending != nil {
		t.Errorf("%v", c.Current().Pending)
	}
	if diff := cmp.Diff([]string{"http.max_limit"}, keys); diff != "" {
		t.Error(diff)
	}
	if first.Config.HTTP.MaxLimit != 150 || len(first.Pending) != 0 {
		t.Error("a snapshot has changed")
	}
}

// TestRefused: a subscriber that refuses, and options that are wrong together
// with those that wait, leave all as it was.
func TestRefused(t *testing.T) {
	c := New(load(t))
	applied, veto := 0, errors.New("not this one")
	c.Subscribe(func(Change) (func(), error) { return func() { applied++ }, nil })
	c.Subscribe(func(change Change) (func(), error) {
		if change.After.Config.HTTP.MaxLimit == 666 {
			return nil, veto
		}
		return nil, nil
	})
	before := c.Current()
	if _, err := c.Reload(load(t, "http.max_limit=666", "log.level=debug")); !errors.Is(err, veto) {
		t.Errorf("%v", err)
	}
	// The write timeout would let requests wait for a minute; until a restart it does not.
	if _, err := c.Reload(load(t, "http.max_wait=1m", "http.write_timeout=2m")); !errors.Is(err, ErrTogether) || !strings.Contains(err.Error(), "http.write_timeout") {
		t.Errorf("%v", err)
	}
	if c.Current() != before || applied != 0 {
		t.Errorf("something has changed, and %d were applied", applied)
	}
}

// TestChangedKeys: subscribers hear of exactly the keys whose values in force
// differ, and of no change where none does.
func TestChangedKeys(t *testing.T) {
	var live, restart []string
	values := map[string][]string{
		"http.max_limit": {"200", "300"}, "log.level": {"debug", "warn"}, "maintenance.include": {"", "a/*/*", "a/*/*,b/*/*"}, "writer.max_batch": {"7", "8"},
		"replication.slot_prefix": {"one", "two"}, "projection.mode": {"auto", "off"}, "runtime.gc_percent": {"40", "50"},
	}
	for key := range values {
		if o, _ := config.Lookup(key); o.Live {
			live = append(live, key)
		} else {
			restart = append(restart, key)
		}
	}
	slices.Sort(live)
	if len(live) != 5 || len(restart) != 2 {
		t.Fatalf("live %v, restart %v", live, restart)
	}
	rapid.Check(t, func(t *rapid.T) {
		pick := func() (texts []string) {
			for _, key := range slices.Sorted(func(yield func(string) bool) {
				for key := range values {
					if !yield(key) {
						return
					}
				}
			}) {
				if rapid.Bool().Draw(t, key) {
					texts = append(texts, key+"="+rapid.SampledFrom(values[key]).Draw(t, "value"))
				}
			}
			return texts
		}
		c := New(load(t, pick()...))
		var told [][]string
		c.Subscribe(func(change Change) (func(), error) {
			return func() { told = append(told, change.Keys) }, nil
		})
		start := c.Current().Config
		for range rapid.IntRange(1, 3).Draw(t, "reloads") {
			before, wanted := c.Current().Config, load(t, pick()...)
			told = nil
			if _, err := c.Reload(wanted); err != nil {
				t.Fatal(err)
			}
			var want, pending []string
			for _, o := range config.Options() {
				switch now := c.Current().Config; {
				case o.Live && now.Text(o.Key) != wanted.Config.Text(o.Key), !o.Live && now.Text(o.Key) != start.Text(o.Key):
					t.Fatalf("%s is %q", o.Key, now.Text(o.Key))
				case before.Text(o.Key) != now.Text(o.Key):
					want = append(want, o.Key)
				}
				if !o.Live && wanted.Config.Text(o.Key) != start.Text(o.Key) {
					pending = append(pending, o.Key)
				}
			}
			if diff := cmp.Diff(pending, c.Current().Pending); diff != "" {
				t.Fatalf("pending: %s", diff)
			}
			if len(want) == 0 && told == nil {
				continue
			}
			if diff := cmp.Diff([][]string{want}, told); diff != "" {
				t.Fatalf("changed: %s", diff)
			}
		}
	})
}

// TestTogether: readers see two options that belong together only as they belong
// together, however often they change, and whatever is refused in between.
func TestTogether(t *testing.T) {
	var loaded []*config.Loaded
	for n := 1; n <= 50; n++ {
		loaded = append(loaded, load(t, fmt.Sprintf("http.default_limit=%d", 100+n), fmt.Sprintf("http.max_limit=%d", 200+2*n), "maintenance.include="+strings.Repeat("a/*/*,", n)))
	}
	wrong := load(t, "http.max_wait=1m", "http.write_timeout=2m")
	c := New(loaded[0])
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				now := c.Current().Config
				if h := now.HTTP; h.MaxLimit != 2*h.DefaultLimit || len(now.Maintenance.Include) != h.DefaultLimit-100 {
					t.Errorf("limits %d and %d, %d patterns", h.DefaultLimit, h.MaxLimit, len(now.Maintenance.Include))
					return
				}
			}
		})
	}
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := range 40 {
				if _, err := c.Reload(loaded[(i*(w+3))%len(loaded)]); err != nil {
					t.Error(err)
				}
				if _, err := c.Reload(wrong); !errors.Is(err, ErrTogether) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}
