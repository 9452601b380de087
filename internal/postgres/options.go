//go:build unix

package postgres

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// URLVariable names the environment variable with the URL of a server to use
// instead of starting one. Its role must be a superuser.
const URLVariable = "TASKER_SIDECAR_TEST_DATABASE_URL"

// BinVariable names the environment variable with the directory of server
// binaries to use before all others.
const BinVariable = "POSTGRES_BIN"

// OldestVersion is the oldest server version that serves, in the form of
// server_version_num.
const OldestVersion = 140000

// Options says what kind of server is wanted. The zero value serves tests.
type Options struct {
	// Settings are entries of postgresql.conf; they override the defaults of
	// [DefaultSettings]. They apply to servers that Start starts; for a server
	// named by URL they are not looked at, so a caller that depends on one
	// sets ThrowAway too.
	Settings map[string]string

	// ThrowAway demands a server that is ours alone, to be restarted, stopped
	// or killed at will: a named server does not serve.
	// Defaults to false.
	ThrowAway bool

	// BinDir is a directory with initdb and postgres. When set it is the only
	// place looked at, and implies ThrowAway.
	// Defaults to "": the search described in the package comment.
	BinDir string

	// TempDir is the directory in which the cluster's own directory is made.
	// One that the server's account cannot reach, or whose name is too long
	// for a unix socket (107 bytes), is replaced by /tmp.
	// Defaults to os.TempDir().
	TempDir string

	// MinVersion is the lowest version that serves, as server_version_num.
	// Defaults to OldestVersion, which is also its least value.
	MinVersion int

	// Image is the container image of the third way.
	// Defaults to "postgres:18".
	Image string

	// StartTimeout bounds the wait for a server to accept connections, and
	// for it to stop.
	// Defaults to 2 minutes.
	StartTimeout time.Duration

	// Log is told, in one line each, what takes time: which way was taken,
	// that a package is being installed.
	// Defaults to nil: nobody is told.
	Log func(line string)
}

// DefaultSettings are the entries of postgresql.conf of a server that Start
// starts: ready for logical replication, and without the syncing that data
// which is thrown away does not need.
func DefaultSettings() map[string]string {
	return map[string]string{
		"wal_level":             "logical",
		"max_wal_senders":       "32",
		"max_replication_slots": "32",
		"max_connections":       "200",
		"fsync":                 "off",
		"full_page_writes":      "off",
		"timezone":              "UTC",
		"log_timezone":          "UTC",
	}
}

func (o Options) withDefaults() (Options, error) {
	settings := DefaultSettings()
	maps.Copy(settings, o.Settings)
	o.Settings = settings
	if o.MinVersion == 0 {
		o.MinVersion = OldestVersion
	}
	if o.MinVersion < OldestVersion {
		return o, fmt.Errorf("postgres: MinVersion %d is below the oldest supported, %d", o.MinVersion, OldestVersion)
	}
	if o.Image == "" {
		o.Image = "postgres:18"
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = 2 * time.Minute
	}
	if o.StartTimeout < 0 {
		return o, fmt.Errorf("postgres: StartTimeout %s is negative", o.StartTimeout)
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.BinDir != "" {
		o.ThrowAway = true
	}
	return o, nil
}

// settingNames gives the names in a stable order.
func (o Options) settingNames() []string { return slices.Sorted(maps.Keys(o.Settings)) }
