package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Channel is that of NOTIFY on which a change is told.
const Channel = "tasker_sidecar_configuration"

// WatchOptions configure [Watch]. All fields are needed.
type WatchOptions struct {
	// Connect opens a connection; it bounds its own time.
	Connect func(context.Context) (*pgx.Conn, error)
	// Poll is how often the values are read although nothing was told, and how
	// long it takes at the most until a lost connection is tried again.
	Poll time.Duration
	// Timeout bounds each reading.
	Timeout time.Duration
	// Read is called with what is in force: once the connection stands, and
	// whenever it may have changed. Where the database has no place for values,
	// there are none.
	Read func([]Setting)
	// Failed is called when the values cannot be read; it is tried again.
	Failed func(error)
}

// Watch reads values until ctx ends. The channel is listened to before the first
// reading, so that no change is missed.
func Watch(ctx context.Context, o WatchOptions) {
	for wait := min(time.Second, o.Poll); ctx.Err() == nil; wait = min(2*wait, o.Poll) {
		began := time.Now()
		err := o.session(ctx)
		if ctx.Err() != nil {
			return
		}
		o.Failed(err)
		if time.Since(began) > o.Poll {
			wait = min(time.Second, o.Poll)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// session listens and reads until something fails.
func (o *WatchOptions) session(ctx context.Context) error {
	conn, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // the server notices either way
	}()
	// The server must not end a session that waits for a change.
	for _, sql := range []string{"SET idle_session_timeout = 0", "LISTEN " + Channel} {
		if err := o.within(ctx, func(ctx context.Context) error { _, err := conn.Exec(ctx, sql); return err }); err != nil {
			return explain("listening for changes of the configuration", err)
		}
	}
	for {
		var all []Setting
		err := o.within(ctx, func(ctx context.Context) (err error) { all, err = Read(ctx, conn); return err })
		if err != nil && !errors.Is(err, ErrNotInstalled) {
			return err
		}
		o.Read(all)
		if err := o.wait(ctx, conn); err != nil {
			return fmt.Errorf("listening for changes of the configuration: %w", err)
		}
	}
}

// wait returns when a change is told, or after the time to look anyway.
func (o *WatchOptions) wait(ctx context.Context, conn *pgx.Conn) error {
	polling, cancel := context.WithTimeout(ctx, o.Poll)
	defer cancel()
	if _, err := conn.WaitForNotification(polling); err != nil && (ctx.Err() != nil || polling.Err() == nil || conn.IsClosed()) {
		return err
	}
	return nil
}

func (o *WatchOptions) within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	return f(ctx)
}
