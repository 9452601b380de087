package live

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// Configuration is what a process runs with. Make one with [New]; its methods
// are safe for concurrent use.
type Configuration struct {
	current atomic.Pointer[Snapshot]

	mu          sync.Mutex // one change at a time
	started     *config.Loaded
	subscribers []Subscriber
}

// Subscriber is told of a change before it happens. It checks what is to come
// and gives a function that brings it into force, which is called once the
// change is certain and cannot fail; nil: there is nothing to be done. An error
// refuses the change for everybody.
//
// Both are called one change at a time, and must not block.
type Subscriber func(Change) (apply func(), err error)

// Change is from one snapshot to the next.
type Change struct {
	Before, After *Snapshot
	// Keys are the options whose values in force differ, in the order of
	// [config.Options].
	Keys []string
}

// Has says whether an option is among those that change, or any of a section:
// "http.max_limit", "http".
func (c *Change) Has(names ...string) bool {
	return slices.ContainsFunc(c.Keys, func(key string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return key == name || len(key) > len(name) && key[:len(name)] == name && key[len(name)] == '.'
		})
	})
}

// New is the configuration that a process starts with.
func New(l *config.Loaded) *Configuration {
	c := &Configuration{started: l}
	c.current.Store(&Snapshot{Config: &l.Config, wanted: l, started: l})
	return c
}

// Current is the snapshot that is in force.
func (c *Configuration) Current() *Snapshot { return c.current.Load() }

// Subscribe adds a subscriber. They are asked in the order in which they were
// added.
func (c *Configuration) Subscribe(s Subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, s)
}

// ErrTogether is returned, wrapped, by [Configuration.Reload] for a
// configuration that is right by itself, whose live options are wrong together
// with those that keep their values until a restart.
var ErrTogether = errors.New("it is right as a whole, but can only be taken over by a restart")

// Check says whether [Configuration.Reload] would return [ErrTogether].
func (c *Configuration) Check(l *config.Loaded) error {
	_, _, err := adopt(c.Current(), l)
	return err
}

func adopt(running *Snapshot, l *config.Loaded) (config.Config, []string, error) {
	adopted, pending := config.Adopt(running.Config, &l.Config)
	if err := adopted.Validate(); err != nil {
		return adopted, pending, fmt.Errorf("%w: until then %s keep their values, and with these %w", ErrTogether, list(pending), err)
	}
	return adopted, pending, nil
}

// Reload takes over what was loaded: what is live at once, the rest is pending.
// With an error all stays as it was.
func (c *Configuration) Reload(l *config.Loaded) (Change, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.current.Load()
	adopted, pending, err := adopt(before, l)
	if err != nil {
		return Change{}, err
	}
	change := Change{Before: before, After: &Snapshot{Config: &adopted, Pending: pending, wanted: l, started: c.started}}
	change.Keys = Differences(before, change.After)
	applies, err := c.prepare(change)
	if err != nil {
		return Change{}, err
	}
	c.current.Store(change.After)
	for _, apply := range applies {
		apply()
	}
	return change, nil
}

// Differences are the keys whose values in force differ between two snapshots, in
// the order of [config.Options]; then those of values for some workflows alone,
// with their selectors, which are in force at once.
func Differences(before, after *Snapshot) []string {
	keys := append([]string{}, config.Differences(before.Config, after.Config)...)
	given := append(before.wanted.Given(), after.wanted.Given()...)
	slices.Sort(given)
	for _, key := range slices.Compact(given) {
		option, selector, err := config.SplitKey(key)
		if err != nil || selector == (config.Selector{}) {
			continue
		}
		a, b := before.wanted.For(selector), after.wanted.For(selector)
		if a.Text(option) != b.Text(option) {
			keys = append(keys, key)
		}
	}
	return keys
}

// prepare asks the subscribers, where anything changes at all.
func (c *Configuration) prepare(change Change) (applies []func(), err error) {
	if len(change.Keys) == 0 {
		return nil, nil
	}
	var wrong []error
	for _, s := range c.subscribers {
		apply, err := s(change)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case apply != nil:
			applies = append(applies, apply)
		}
	}
	return applies, errors.Join(wrong...)
}

func list(keys []string) string {
	const most = 5
	text := ""
	for i, key := range keys {
		switch {
		case i == most:
			return fmt.Sprintf("%s and %d more", text, len(keys)-most)
		case i > 0:
			text += ", "
		}
		text += key
	}
	return text
}
