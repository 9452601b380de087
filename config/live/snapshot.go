package live

import (
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/config"
)

// Snapshot is a whole configuration that is, or was, in force. It never changes;
// what it points at is not to be changed either.
type Snapshot struct {
	// Config is what the process runs with.
	Config *config.Config
	// Pending are the keys of the options whose new values wait for a restart, in
	// the order of [config.Options].
	Pending []string

	wanted  *config.Loaded // what the sources say
	started *config.Loaded // what they said when the process started
}

// Wanted is what the sources say, whether or not it is in force.
func (s *Snapshot) Wanted() *config.Loaded { return s.wanted }

// Waits says whether the option's new value waits for a restart.
func (s *Snapshot) Waits(key string) bool { return slices.Contains(s.Pending, key) }

// Setting is the value that is in force of an option, which must exist, and
// where it comes from.
func (s *Snapshot) Setting(key string) config.Setting {
	if s.Waits(key) {
		return s.started.Setting(key)
	}
	return s.wanted.Setting(key)
}
