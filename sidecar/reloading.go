package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/reload"
)

// reloader reads the configuration from all sources, the database among them, for
// a process that keeps it up to date.
func (a *app) reloader(c *cobra.Command) (*reload.Reloader, error) {
	stored, err := a.stored(c.Context(), c)
	if err != nil {
		return nil, err
	}
	r, err := reload.Start(a.sources(c), stored)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return r, nil
}

// stored is what the database says of the configuration; nothing where it is not
// to be asked, or keeps none. A server that is out of reach is waited for as long
// as the follower would wait.
func (a *app) stored(ctx context.Context, c *cobra.Command) ([]store.Setting, error) {
	first, err := config.Bootstrap(a.sources(c))
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	if !first.Reload.Database {
		return nil, nil
	}
	if _, err := databaseConfig(first); err != nil {
		return nil, err
	}
	read := func() ([]store.Setting, error) {
		conn, err := connectTo(ctx, first)
		if err == nil {
			defer closeAfter(ctx, conn)
			var all []store.Setting
			all, err = readStored(ctx, first, conn)
			return all, err
		}
		if replication.Permanent(err) {
			err = backoff.Permanent(err)
		}
		return nil, err
	}
	patience := first.Replication.FirstStartPatience
	if patience <= 0 {
		return read()
	}
	return backoff.Retry(ctx, read, backoff.WithBackOff(backoff.NewExponentialBackOff()), backoff.WithMaxElapsedTime(patience))
}

// readStored reads what a database says; nothing where it keeps none.
func readStored(ctx context.Context, c *config.Config, conn *pgx.Conn) ([]store.Setting, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Database.ConnectTimeout)
	defer cancel()
	all, err := store.Read(ctx, conn)
	if errors.Is(err, store.ErrNotInstalled) {
		return nil, nil
	}
	return all, err
}

func connectTo(ctx context.Context, c *config.Config) (*pgx.Conn, error) {
	database, err := databaseConfig(c)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, database)
	if err != nil {
		return nil, replication.Explain(err)
	}
	return conn, nil
}

func closeAfter(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the server notices either way
}

// reload takes changes of the configuration over until ctx ends.
func (s *service) reload(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	signals, hangup := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	watching.Go(func() { s.reloader.WatchFiles(ctx, hangup) })
	if c := s.config(); c.Reload.Database {
		watching.Go(func() {
			store.Watch(ctx, store.WatchOptions{
				Connect: func(ctx context.Context) (*pgx.Conn, error) { return connectTo(ctx, s.config()) },
				Poll:    c.Reload.PollInterval, Timeout: c.Database.ConnectTimeout,
				Read: s.reloader.Stored, Failed: s.reloader.Away,
			})
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			select {
			case hangup <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}
}
