package config

import "time"

// Replication is how the log is followed.
type Replication struct {
	// Publication is the name of the publication. It is created when missing
	// and permitted.
	Publication string `form:"identifier!" default:"tasker_sidecar" flag:"publication"`
	// AllColumns makes a publication without column lists: it sends more, and
	// migrations may then drop or retype any column. Before PostgreSQL 15.2 it
	// is always so.
	AllColumns bool `flag:"all-columns"`
	// SlotPrefix begins the names of our temporary replication slots; a random
	// part follows.
	SlotPrefix string `form:"slot!" default:"tasker_sidecar"`
	// SnapshotWorkers is how many sessions read the snapshot side by side. 0: as
	// many as there are processors, at least 2 and at most 4.
	SnapshotWorkers int `range:"0..32"`
	// SnapshotRowsPerBatch is how many rows the snapshot hands on at once.
	SnapshotRowsPerBatch int `range:"1..65536" default:"1024"`
	// SnapshotChunkBytes is the size of the pieces that a large table is read
	// in, side by side.
	SnapshotChunkBytes Size `range:"1MiB..1TiB" default:"16MiB"`
	// SnapshotBytesPerSecond bounds what a snapshot reads from the server. 0: no
	// bound.
	SnapshotBytesPerSecond Size `range:"0.."`
	// ReloadPause is the least time between the starts of two loads when the
	// stream after the first did not last. It doubles with each, up to
	// reload_pause_max. Besides, two loads are always at least ten times the
	// duration of the first apart.
	ReloadPause time.Duration `range:"100ms..24h" default:"20s"`
	// ReloadPauseMax bounds the doubling of reload_pause.
	ReloadPauseMax time.Duration `range:"100ms..24h" default:"5m"`
	// ReconnectMin is the wait before a lost connection is tried again for the
	// first time; it grows exponentially, with jitter.
	ReconnectMin time.Duration `range:"1ms..1h" default:"100ms"`
	// ReconnectMax bounds that growth.
	ReconnectMax time.Duration `range:"1ms..1h" default:"15s"`
	// FirstStartPatience is how long the first start may fail for reasons that
	// may pass (the server is out of reach, no slot is free) before the sidecar
	// gives up. Afterwards only a database that cannot be followed any more ends
	// the trying. Negative: the first failure ends it.
	FirstStartPatience time.Duration `range:"-1s..24h" default:"10s"`
	// StatusInterval is how often the server is told what is applied, and asked
	// to answer; at most half of wal_sender_timeout.
	StatusInterval time.Duration `range:"10ms..1m" default:"1s"`
	// WALSenderTimeout is how long the server waits for word from us before it
	// ends the connection and drops the slot, whatever its own setting says: how
	// long a frozen sidecar can hold the log back.
	WALSenderTimeout time.Duration `range:"1s..10m" default:"10s"`
	// ReceiveTimeout is how long the server may leave our questions unanswered
	// before we end the connection; more than status_interval.
	ReceiveTimeout time.Duration `range:"20ms..1h" default:"30s"`
	// TCPKeepalive is how long either side's kernel waits for the other's before it
	// takes an idle link for cut.
	TCPKeepalive time.Duration `range:"3s..10m" default:"10s"`
	// StandstillTimeout is how long the applied position may stand still, while
	// the server waits for it to move, before we end the connection. It keeps us
	// from holding up the server's shutdown.
	StandstillTimeout time.Duration `range:"100ms..1m" default:"5s"`
	// ProbeInterval is how often a session of its own asks the server for its
	// position, which tells how old our answers are, and looks for whatever
	// endangers it.
	ProbeInterval time.Duration `range:"10ms..10s" default:"500ms"`
	// ProbeTimeout is how long a probe may take.
	ProbeTimeout time.Duration `range:"10ms..1m" default:"5s"`
	// MaxWALBehind is how much log, with what decoding spills to the server's
	// disk, our slot may hold back before we drop it, say so, and start again.
	// 0: half of the server's max_slot_wal_keep_size, or 1GiB where that is not
	// set.
	MaxWALBehind Size `range:"0.."`
	// WALBehindPause is how long to wait, after the slot was dropped for that
	// reason, before starting again.
	WALBehindPause time.Duration `range:"1ms..24h" default:"30s"`
	// PublishInterval is how long committed transactions may be applied without
	// readers seeing them while more keep arriving: more of it costs less
	// processor time under load.
	PublishInterval time.Duration `range:"1us..1s" default:"2ms"`
	// WatchInterval is how often the catalog is looked at for changes that the
	// log does not tell of: tables that have left the publication, functions that
	// were replaced. It bounds how long an answer may be given after such a
	// change.
	WatchInterval time.Duration `range:"100ms..5s" default:"1s"`
	// WatchTimeout bounds one look at the catalog.
	WatchTimeout time.Duration `range:"100ms..1m" default:"5s"`
	// WatchBlind is how long no look may have succeeded before answers are
	// stale; more than watch_interval.
	WatchBlind time.Duration `range:"200ms..10m" default:"10s"`
	// ProvisionalInterval is the time between two searches for a step that tells
	// which version of the rules holds, while no step does.
	ProvisionalInterval time.Duration `range:"100ms..1h" default:"5s"`
	// ReadBuffer is the size of the buffer that the stream is read into.
	ReadBuffer Size `range:"4KiB..64MiB" default:"128KiB"`
}
