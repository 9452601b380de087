package announce

import (
	"errors"
	"fmt"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Options configures a hub. The zero value of a field means its default.
type Options struct {
	// Keep is how many events the ring holds. Range 16 to 10 million. Defaults
	// to 20,000.
	Keep int
	// Queue is how many transitions may wait to be derived from; a transaction
	// counts as one more. Range 16 to 10 million. Defaults to 100,000.
	Queue int
	// Linger is how long the ring is kept after the last reader has left.
	// Negative: not at all. At most 24h. Defaults to 5m.
	Linger time.Duration
	// MaxReaders is how many readers there may be at once. Range 1 to 100,000.
	// Defaults to 100.
	MaxReaders int
	// Always keeps the ring open from the start, without a reader.
	Always bool
}

func (o Options) withDefaults() (Options, error) {
	var found []error
	count := func(name string, field *int, byDefault, low, high int) {
		if *field == 0 {
			*field = byDefault
		}
		if *field < low || *field > high {
			found = append(found, fmt.Errorf("%s is %d, which is not between %d and %d", name, *field, low, high))
		}
	}
	count("Keep", &o.Keep, 20_000, 16, 10_000_000)
	count("Queue", &o.Queue, 100_000, 16, 10_000_000)
	count("MaxReaders", &o.MaxReaders, 100, 1, 100_000)
	if o.Linger == 0 {
		o.Linger = 5 * time.Minute
	}
	if o.Linger > 24*time.Hour {
		found = append(found, fmt.Errorf("Linger is %v, which is more than 24h", o.Linger))
	}
	return o, errors.Join(found...)
}

// Clock is what a hub knows of the time, and of whether the index may be
// believed; a follower's Now and Status tell it.
type Clock struct {
	// Now is the database's clock.
	Now func() tasker.Timestamp
	// Fresh says whether the log is being followed. While it is not, nothing is
	// said about what the clock does: it may have been overtaken.
	Fresh func() bool
}
