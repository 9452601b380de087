package config

import "time"

// Events are what is told to readers as it is committed: GET /v1/events, and the
// command events.
type Events struct {
	// Enabled is whether GET /v1/events answers. While nobody reads, nothing is
	// made; the first reader costs the index one publication a transaction.
	Enabled bool `default:"true"`
	// Keep is how many events are kept for readers that come back or are slow.
	// Who is behind by more is dropped.
	Keep int `range:"16..10000000" default:"20000" apply:"live"`
	// Linger is how long they are kept, and more are made, after the last reader
	// has left, so that it can come back and go on where it stopped.
	Linger time.Duration `range:"0s..24h" default:"5m" apply:"live"`
	// Queue is how many transitions may wait to become events, and how many one
	// transaction may have; beyond it readers are told of a gap.
	Queue int `range:"16..10000000" default:"100000" apply:"live"`
	// MaxReaders is how many may read at once.
	MaxReaders int `range:"1..100000" default:"100" apply:"live"`
	// Heartbeat is how often a reader hears something while there is nothing to
	// tell, so that a connection that is gone is noticed.
	Heartbeat time.Duration `range:"100ms..1h" default:"15s" apply:"live"`
	// WriteTimeout is how long a reader may take to accept what it is sent; then
	// it is dropped.
	WriteTimeout time.Duration `range:"10ms..1h" default:"10s" apply:"live"`
	// WatermarkInterval is how often it is written at the most up to where a
	// consumer with a name has been told everything: less of it means fewer
	// events told again after a restart, more of it fewer writes.
	WatermarkInterval time.Duration `range:"100ms..1h" default:"5s"`
	// ClaimTimeout is how long a consumer waits for another one of its name to be
	// gone; then it refuses to start.
	ClaimTimeout time.Duration `range:"10ms..10m" default:"10s"`
	// RecoveryTimeout bounds the reading of the tables of transitions after a
	// start, which looks at every row.
	RecoveryTimeout time.Duration `range:"1s..24h" default:"10m"`
	// RecoveryMost is how many events a reader of GET /v1/events that comes back
	// is told from the tables of transitions, when they are not kept any more. They
	// are in memory meanwhile, some 500 bytes each. Who has missed more is told of a
	// gap; with 0, everybody.
	RecoveryMost int `range:"0..10000000" default:"50000"`
}
