package leader

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ledger is what the leaders of a test have been.
type ledger struct {
	mu     sync.Mutex
	terms  []Term
	before map[int64]int64 // for each epoch, the rows of earlier ones when it began
	writes atomic.Int64
	refuse atomic.Int64
}

// TestNothingByTheDeposed: three electors, sessions killed at random under
// load, and a rogue that goes on writing under whatever lease there ever was.
// Epochs rise, and once a leader begins, no row of an epoch before is
// committed any more.
func TestNothingByTheDeposed(t *testing.T) {
	address := installed(t)
	observer := connectTo(t, address)
	look := connectTo(t, address)
	var lookMu sync.Mutex
	led := &ledger{before: map[int64]int64{}}

	lead := func(name string) func(context.Context, *Lease) error {
		return func(ctx context.Context, l *Lease) error {
			lookMu.Lock()
			earlier := value[int64](t, look, "SELECT count(*) FROM written WHERE epoch < $1", l.Epoch())
			lookMu.Unlock()
			led.mu.Lock()
			led.terms = append(led.terms, l.Term())
			led.before[l.Epoch()] = earlier
			led.mu.Unlock()
			for ctx.Err() == nil {
				if err := writeMany(ctx, l, address, name, &led.writes); Over(err) {
					return err
				}
			}
			return nil
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		o := quick(address, name)
		o.PollInterval = 5 * time.Millisecond
		new(candidate).run(t, o, lead(name))
	}

	stop := make(chan struct{})
	var rogue sync.WaitGroup
	rogue.Go(func() { led.rogue(t, address, stop) })
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	killed := 0
	for deadline := time.Now().Add(15 * time.Second); killed < 30 && time.Now().Before(deadline); killed++ {
		seen, more := led.writes.Load(), random.Int64N(30)
		eventually(t, "writes", func() bool { return led.writes.Load() > seen+more })
		if random.IntN(4) == 0 {
			// Whoever writes, or just anybody.
			execute(t, observer, `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'writer' ORDER BY random() LIMIT 1) AS w`)
		}
		execute(t, observer, terminateLock)
	}
	close(stop)
	rogue.Wait()

	led.mu.Lock()
	defer led.mu.Unlock()
	t.Logf("%d kills, %d elections, %d writes; %d times the rogue was refused", killed, len(led.terms), led.writes.Load(), led.refuse.Load())
	for i, term := range led.terms {
		if i > 0 && term.Epoch <= led.terms[i-1].Epoch {
			t.Errorf("epoch %d began after %d", term.Epoch, led.terms[i-1].Epoch)
		}
		if now := value[int64](t, observer, "SELECT count(*) FROM written WHERE epoch < $1", term.Epoch); now != led.before[term.Epoch] {
			t.Errorf("epoch %d began after %d rows of earlier ones; there are %d now", term.Epoch, led.before[term.Epoch], now)
		}
	}
	// The number of a row is drawn when its transaction has the turn.
	if n := value[int64](t, observer, "SELECT count(*) FROM (SELECT epoch < lag(epoch) OVER (ORDER BY id) AS back FROM written) AS w WHERE back"); n != 0 {
		t.Errorf("%d rows of an epoch after one of a later", n)
	}
	if len(led.terms) < 5 || led.writes.Load() < 50 || led.refuse.Load() == 0 {
		t.Error("that was no load")
	}
}

// writeMany writes over a connection of its own until something goes wrong.
func writeMany(ctx context.Context, l *Lease, address, by string, count *atomic.Int64) error {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return err
	}
	config.RuntimeParams["application_name"] = "writer"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for ctx.Err() == nil {
		if err := write(l, conn, by); err != nil {
			return err
		}
		count.Add(1)
	}
	return nil
}

// rogue writes as a leader that is never told.
func (led *ledger) rogue(t *testing.T, address string, stop chan struct{}) {
	conn := connectTo(t, address)
	o, err := quick(address, "rogue").withDefaults()
	if err != nil {
		t.Error(err)
		return
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		led.mu.Lock()
		var term Term
		if n := len(led.terms); n > 0 {
			term = led.terms[max(0, n-1-rand.IntN(4))]
		}
		led.mu.Unlock()
		if term.Epoch == 0 {
			continue
		}
		l := newLease(&o, term, func(error) {})
		switch err := write(l, conn, "rogue"); {
		case errors.Is(err, ErrDeposed):
			led.refuse.Add(1)
		case err != nil:
			t.Error(err)
			return
		}
	}
}
