package consume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Sink takes events. An event counts as delivered when Flush has returned nil
// after it. An error ends the consumer.
type Sink interface {
	// Write takes one event, a JSON object in one line without its end.
	Write(line []byte) error
	Flush() error
}

// Options configures a consumer. Connect and Sink are required.
type Options struct {
	// Name is what its watermark is kept under. Empty: none is kept, and it
	// begins at the present.
	Name string
	// Connect opens a connection to the database.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Filter is what the sink is given. What is filtered counts as delivered.
	Filter announce.Filter
	Sink   Sink
	// Interval is the least time between two writes of the watermark. Defaults
	// to 5s.
	Interval time.Duration
	// ClaimTimeout is how long another consumer of the name may take to be gone.
	// Defaults to 10s.
	ClaimTimeout time.Duration
	// RecoveryTimeout bounds one reading of the tables. Defaults to 10m.
	RecoveryTimeout time.Duration
	// Logger is told what does not end the consumer. Defaults to nobody.
	Logger hclog.Logger
}

// Consumer delivers to one sink. It is for one goroutine; Run once.
type Consumer struct {
	o      Options
	conn   *pgx.Conn
	schema string

	safe    mark // delivered: what to recover from
	stored  mark // of it, what is written down
	told    bool // something was delivered since
	next    candidate
	settle  int64      // not 0: up to this transaction, what was running may have been missed
	reached tasker.LSN // every event before this position is delivered
}

// candidate becomes the horizon once everything before a position is delivered.
type candidate struct {
	mark
	lsn tasker.LSN
}

// New makes a consumer. Prepare has to be called before Run.
func New(o Options) *Consumer {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	if o.ClaimTimeout <= 0 {
		o.ClaimTimeout = 10 * time.Second
	}
	if o.RecoveryTimeout <= 0 {
		o.RecoveryTimeout = 10 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return &Consumer{o: o}
}

// Prepare claims the name and finds out from where on to deliver: from its
// watermark or, without one, from now on. It comes before the follower is
// started, so that what is refused is refused early.
func (c *Consumer) Prepare(ctx context.Context) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	if c.o.Name != "" {
		var err error
		if c.safe, err = load(ctx, c.conn, c.o.Name); err != nil {
			return err
		}
		c.stored = c.safe
	}
	if c.safe.horizon != 0 {
		return nil
	}
	var err error
	if c.safe, _, err = snapshot(ctx, c.conn); err != nil {
		return err
	}
	return c.store(ctx)
}

func (c *Consumer) connect(ctx context.Context) (err error) {
	if c.conn, err = c.o.Connect(ctx); err != nil {
		return err
	}
	if c.o.Name != "" {
		err = claim(ctx, c.conn, c.o.Name, c.o.ClaimTimeout)
	}
	return err
}

// Close gives the name free. It may be called at any time after Prepare.
func (c *Consumer) Close(ctx context.Context) {
	if c.conn != nil {
		_ = c.conn.Close(ctx) // the server notices either way
	}
}

// Run delivers until ctx ends, or until the sink or the claim fails. reader must
// be of a hub that was open ([announce.Options.Always]) before the follower that
// feeds it was loaded, and the load be done: everything older is recovered.
// schema is the one that holds the engine's tables.
func (c *Consumer) Run(ctx context.Context, reader *announce.Reader, schema string) error {
	c.schema = schema
	if err := c.recover(ctx); err != nil {
		return err
	}
	due := time.Now()
	for {
		waiting, stop := context.WithDeadline(ctx, due)
		entries, err := reader.Next(waiting)
		stop()
		switch {
		case err == nil:
			err = c.deliver(ctx, entries)
		case errors.Is(err, announce.ErrBehind):
			reader.SkipToEnd()
			err = c.recover(ctx)
		case ctx.Err() == nil:
			err = nil // it is time to look at the watermark
		}
		if ctx.Err() != nil {
			return c.finish(ctx)
		}
		if err != nil {
			return err
		}
		if lsn, ok := reader.CaughtUp(); ok {
			c.reached = max(c.reached, lsn)
		}
		if !time.Now().Before(due) {
			if err := c.advance(ctx); err != nil {
				if errors.Is(err, ErrInUse) || errors.Is(err, errSink) || errors.Is(err, ErrRights) {
					return err
				}
				c.o.Logger.Warn("the watermark of the consumer is not moved on; it is tried again", "error", err)
			}
			due = time.Now().Add(c.o.Interval)
		}
	}
}

// deliver gives entries to the sink. Behind a gap the tables tell.
func (c *Consumer) deliver(ctx context.Context, entries []announce.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Name == announce.Gap {
			if err := c.recover(ctx); err != nil {
				return err
			}
			continue
		}
		c.told = true
		if c.o.Filter.Wants(e) {
			if err := c.o.Sink.Write(e.Data); err != nil {
				return fmt.Errorf("%w: %w", errSink, err)
			}
		}
	}
	if err := c.o.Sink.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errSink, err)
	}
	// The last one's transaction may go on in the next entries.
	c.reached = max(c.reached, entries[len(entries)-1].Position.LSN-1)
	return nil
}

var errSink = errors.New("events cannot be delivered")

// retryPause is how long a lost connection is left alone.
const retryPause = time.Second

// recover tells what the tables have from the safe horizon on, as often as it
// takes for one reading to get to its end.
func (c *Consumer) recover(ctx context.Context) error {
	for {
		err := c.recoverOnce(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, errSink) || errors.Is(err, ErrInUse) || errors.Is(err, ErrRights) {
			return err
		}
		c.o.Logger.Warn("reading the tables of transitions failed; it is done again", "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Consumer) recoverOnce(ctx context.Context) error {
	if err := c.connected(ctx); err != nil {
		return err
	}
	tell := told(c.o.Sink, c.o.Filter)
	to, end, err := recovered(ctx, c.conn, c.schema, c.safe, c.o.RecoveryTimeout, tell)
	var old *tooOldError
	if errors.As(err, &old) {
		c.o.Logger.Error("events are missing: they cannot be told from those delivered", "because", old.why)
		if err := c.o.Sink.Write(announce.GapEntry(old.why).Data); err != nil {
			return fmt.Errorf("%w: %w", errSink, err)
		}
	} else if err != nil {
		return err
	}
	if err := c.o.Sink.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errSink, err)
	}
	c.safe, c.next, c.told, c.settle = to, candidate{}, true, 0
	var standbys string
	if err := c.conn.QueryRow(ctx, "SHOW synchronous_standby_names").Scan(&standbys); err != nil {
		return err
	}
	if standbys != "" {
		// A commit that waits for a standby is in the log already, and not yet in
		// any snapshot: what was running is read once more when it is at an end.
		c.settle = end
	}
	return nil
}

// connected makes the connection anew where it is lost.
func (c *Consumer) connected(ctx context.Context) error {
	if c.conn != nil && !c.conn.IsClosed() {
		return nil
	}
	return c.connect(ctx)
}

// farBehind is how many transactions the stored horizon may fall behind while
// nothing is told.
const farBehind = 100_000_000

// advance moves the safe horizon to the candidate where that is delivered,
// writes it down where it matters, and finds the next candidate.
func (c *Consumer) advance(ctx context.Context) error {
	if err := c.connected(ctx); err != nil {
		return err
	}
	if c.next.horizon != 0 && c.reached >= c.next.lsn {
		next := c.next
		c.next = candidate{}
		switch {
		case c.settle == 0:
			c.safe = next.mark
		case next.horizon >= c.settle:
			if err := c.recoverOnce(ctx); err != nil {
				return err
			}
			c.settle = 0
		}
		if c.told || c.safe.horizon-c.stored.horizon > farBehind {
			if err := c.store(ctx); err != nil {
				return err
			}
		}
	}
	if c.next.horizon == 0 {
		m, _, err := snapshot(ctx, c.conn)
		if err != nil {
			return err
		}
		lsn, err := position(ctx, c.conn)
		if err != nil {
			return err
		}
		c.next = candidate{m, lsn}
	}
	return nil
}

func (c *Consumer) store(ctx context.Context) error {
	if c.o.Name == "" || c.stored == c.safe {
		return nil
	}
	if err := store(ctx, c.conn, c.o.Name, c.safe); err != nil {
		return err
	}
	c.stored, c.told = c.safe, false
	return nil
}

// finish writes down what is known to be delivered.
func (c *Consumer) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if c.conn == nil || c.conn.IsClosed() {
		return nil
	}
	if c.next.horizon != 0 && c.settle == 0 && c.reached >= c.next.lsn {
		c.safe = c.next.mark
	}
	return c.store(ctx)
}
