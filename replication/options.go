package replication

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Options configure a [Follower]. The zero value of every field but
// DatabaseURL means its default.
type Options struct {
	// DatabaseURL is the database to follow, as a URL or in the form
	// keyword=value. It has to lead to the server itself, not to a connection
	// pooler. It is never printed. There is no default.
	DatabaseURL string
	// Schema is the schema with the engine's tables.
	// Defaults to "": the one that has them.
	Schema string
	// Publication is the name of the publication.
	// Defaults to DefaultPublication.
	Publication string
	// AllColumns makes a publication without column lists, which sends more
	// and lets migrations drop or retype any column.
	// Defaults to false.
	AllColumns bool
	// SlotPrefix begins the names of the temporary slots; a random part
	// follows. Lower-case letters, digits and underscores, 40 at the most.
	// Defaults to "tasker_sidecar".
	SlotPrefix string
	// ApplicationName is what our sessions call themselves in
	// pg_stat_activity, 63 bytes at the most.
	// Defaults to "tasker-sidecar".
	ApplicationName string

	// SnapshotWorkers is how many sessions read the snapshot, 1 to 32.
	// Defaults to the number of processors, at least 2 and at most 4.
	SnapshotWorkers int
	// SnapshotRowsPerBatch is how many rows a batch handed to Load.Add has at
	// the most, 1 to 65,536.
	// Defaults to 1,024.
	SnapshotRowsPerBatch int
	// SnapshotChunkBytes is the size of the pieces that a large table is
	// read in, side by side, 1 MiB at least.
	// Defaults to 16 MiB.
	SnapshotChunkBytes int64
	// SnapshotBytesPerSecond bounds what all COPYs of a snapshot read.
	// Defaults to 0: no bound.
	SnapshotBytesPerSecond int64

	// ReloadPause is the least time between the starts of two loads when the
	// stream after the first did not last: it doubles with each, up to
	// ReloadPauseMax, and a stream that lasted longer than the pause ends it.
	// Besides, and always, two loads are at least ten times the duration of
	// the first apart.
	// Defaults to 20 s.
	ReloadPause time.Duration
	// ReloadPauseMax bounds the doubling of ReloadPause.
	// Defaults to 5 min.
	ReloadPauseMax time.Duration
	// ReconnectMin and ReconnectMax bound the wait before a connection is
	// tried again; it grows exponentially, with jitter.
	// Defaults to 100 ms and 15 s.
	ReconnectMin, ReconnectMax time.Duration
	// FirstStartPatience is how long the first start may fail, before it has
	// come to read a snapshot, for reasons that may pass (the server is out of
	// reach, no slot is free) before Run gives up. Afterwards nothing but a
	// database that cannot be followed any more ends the trying.
	// Defaults to 10 s; negative: the first failure ends it.
	FirstStartPatience time.Duration
	// ConnectTimeout bounds one attempt to connect.
	// Defaults to 10 s.
	ConnectTimeout time.Duration

	// StatusInterval is how often the server is told what is applied, and
	// asked to answer. At most half of WALSenderTimeout.
	// Defaults to 1 s.
	StatusInterval time.Duration
	// WALSenderTimeout is how long the server waits for word from us before
	// it ends the connection and drops the slot, whatever its own setting
	// says; and how long a load survives that this process stands still.
	// Defaults to 10 s.
	WALSenderTimeout time.Duration
	// ReceiveTimeout is how long the server may leave our pings unanswered
	// before we end the connection.
	// Defaults to 30 s.
	ReceiveTimeout time.Duration
	// TCPKeepalive is how long either side's kernel waits for the other's
	// before it takes an idle link for cut, 3 s at least.
	// Defaults to 10 s.
	TCPKeepalive time.Duration
	// StandstillTimeout is how long the applied position may stand still
	// while the server waits for it to move before we end the connection.
	// Defaults to 5 s.
	StandstillTimeout time.Duration
	// ProbeInterval is how often a session of its own asks the server for
	// its position, which tells how old our answers are, and looks for
	// whatever endangers it.
	// Defaults to 500 ms.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a probe may take.
	// Defaults to 5 s.
	ProbeTimeout time.Duration
	// MaxWALBehind is how many bytes of log, with what decoding spills to
	// disk, our slot may hold back before we drop it.
	// Defaults to half of the server's max_slot_wal_keep_size, or 1 GiB
	// where that is not set.
	MaxWALBehind int64
	// WALBehindPause is how long to wait, after the slot was dropped for that
	// reason, before starting again.
	// Defaults to 30 s.
	WALBehindPause time.Duration

	// PublishInterval is how long commits may be applied without being
	// published while more keep arriving.
	// Defaults to 2 ms.
	PublishInterval time.Duration
	// ReadBuffer is the size of the buffer that the stream is read into.
	// Defaults to 128 KiB.
	ReadBuffer int

	// WatchInterval is how often the catalog is looked at for changes that
	// the log does not tell of, 100 ms to 5 s.
	// Defaults to 1 s.
	WatchInterval time.Duration
	// WatchTimeout bounds one look at the catalog.
	// Defaults to 5 s.
	WatchTimeout time.Duration
	// WatchBlind is how long no look may have succeeded before answers are
	// stale; more than WatchInterval.
	// Defaults to 10 s.
	WatchBlind time.Duration
	// ProvisionalInterval is the time between two searches for a step that
	// tells which rules hold, while none does.
	// Defaults to 5 s.
	ProvisionalInterval time.Duration
	// Rules say how the version of the readiness rules is found.
	// Defaults to asking the database's own functions.
	Rules RulesOptions
	// RulesFound is called with the version of the rules, before each load
	// and whenever it turns out to be another one, from any goroutine.
	// Defaults to nil: nobody is told.
	RulesFound func(RulesFinding)

	// Logger takes log lines.
	// Defaults to one that discards them.
	Logger hclog.Logger
	// Now is the clock of this machine; its monotonic part is used.
	// Defaults to time.Now.
	Now func() time.Time
}

var slotPrefix = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// withDefaults fills in the defaults and reports everything that is wrong.
func (o Options) withDefaults() (Options, error) {
	def(&o.Publication, DefaultPublication)
	def(&o.SlotPrefix, "tasker_sidecar")
	def(&o.ApplicationName, "tasker-sidecar")
	def(&o.SnapshotWorkers, min(4, max(2, runtime.GOMAXPROCS(0))))
	def(&o.SnapshotRowsPerBatch, 1024)
	def(&o.SnapshotChunkBytes, 16<<20)
	def(&o.ReloadPause, 20*time.Second)
	def(&o.ReloadPauseMax, max(5*time.Minute, o.ReloadPause))
	def(&o.ReconnectMin, 100*time.Millisecond)
	def(&o.ReconnectMax, max(15*time.Second, o.ReconnectMin))
	def(&o.FirstStartPatience, 10*time.Second)
	def(&o.ConnectTimeout, 10*time.Second)
	def(&o.WALSenderTimeout, 10*time.Second)
	def(&o.StatusInterval, min(time.Second, o.WALSenderTimeout/2))
	def(&o.ReceiveTimeout, 30*time.Second)
	def(&o.TCPKeepalive, 10*time.Second)
	def(&o.StandstillTimeout, 5*time.Second)
	def(&o.ProbeInterval, 500*time.Millisecond)
	def(&o.ProbeTimeout, 5*time.Second)
	def(&o.WALBehindPause, 30*time.Second)
	def(&o.WatchInterval, time.Second)
	def(&o.WatchTimeout, 5*time.Second)
	def(&o.WatchBlind, 10*time.Second)
	def(&o.ProvisionalInterval, 5*time.Second)
	def(&o.PublishInterval, 2*time.Millisecond)
	def(&o.ReadBuffer, 128<<10)
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, o.validate()
}

func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.DatabaseURL != "", "the database URL is missing")
	check(slotPrefix.MatchString(o.SlotPrefix), "slot prefix %q: lower-case letters, digits and underscores are allowed, 40 at the most", o.SlotPrefix)
	check(len(o.ApplicationName) < 64, "application name %q is longer than 63 bytes", o.ApplicationName)
	check(o.SnapshotWorkers >= 1 && o.SnapshotWorkers <= 32, "snapshot workers: %d is not between 1 and 32", o.SnapshotWorkers)
	check(o.SnapshotRowsPerBatch >= 1 && o.SnapshotRowsPerBatch <= 1<<16, "snapshot rows per batch: %d is not between 1 and 65536", o.SnapshotRowsPerBatch)
	check(o.SnapshotChunkBytes >= 1<<20, "snapshot chunk: %d bytes are less than 1 MiB", o.SnapshotChunkBytes)
	check(o.SnapshotBytesPerSecond >= 0, "snapshot bytes per second: %d is negative", o.SnapshotBytesPerSecond)
	check(o.ReloadPause > 0 && o.ReloadPause <= o.ReloadPauseMax, "reload pause %s is not between 0 and its maximum %s", o.ReloadPause, o.ReloadPauseMax)
	check(o.ReconnectMin > 0 && o.ReconnectMin <= o.ReconnectMax, "reconnect wait: minimum %s, maximum %s", o.ReconnectMin, o.ReconnectMax)
	check(o.WALSenderTimeout >= time.Second, "WAL sender timeout %s is below 1 s", o.WALSenderTimeout)
	check(o.StatusInterval > 0 && o.StatusInterval <= o.WALSenderTimeout/2, "status interval %s is more than half of the WAL sender timeout %s", o.StatusInterval, o.WALSenderTimeout)
	check(o.ReceiveTimeout > o.StatusInterval, "receive timeout %s is not above the status interval %s", o.ReceiveTimeout, o.StatusInterval)
	check(o.TCPKeepalive >= 3*time.Second, "TCP keepalive %s is below 3 s", o.TCPKeepalive)
	check(o.ProbeInterval > 0 && o.ProbeTimeout > 0 && o.ConnectTimeout > 0 && o.StandstillTimeout > 0 && o.PublishInterval > 0 && o.WALBehindPause > 0,
		"probe interval %s, probe timeout %s, connect timeout %s, standstill timeout %s, publish interval %s, pause over the WAL budget %s: all must be above 0",
		o.ProbeInterval, o.ProbeTimeout, o.ConnectTimeout, o.StandstillTimeout, o.PublishInterval, o.WALBehindPause)
	check(o.MaxWALBehind >= 0, "WAL budget: %d bytes are negative", o.MaxWALBehind)
	check(o.WatchInterval >= 100*time.Millisecond && o.WatchInterval <= 5*time.Second, "watch interval %s is not between 100 ms and 5 s", o.WatchInterval)
	check(o.WatchTimeout > 0 && o.ProvisionalInterval > 0, "watch timeout %s, provisional interval %s: both must be above 0", o.WatchTimeout, o.ProvisionalInterval)
	check(o.WatchBlind > o.WatchInterval, "answers are stale after %s without a look at the catalog, which is not above the watch interval %s", o.WatchBlind, o.WatchInterval)
	check(o.ReadBuffer >= 4096, "read buffer: %d bytes are less than 4096", o.ReadBuffer)
	return errors.Join(errs...)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
