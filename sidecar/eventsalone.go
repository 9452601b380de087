package main

import (
	"bufio"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
)

// eventsAlone follows the database and prints its events until ctx ends.
func (a *app) eventsAlone(ctx context.Context, c *config.Config, f *eventsFlags) (err error) {
	logger := newLogger(a.stderr, quiet(c.Log))
	options := announceOptions(c)
	options.Always = true
	hub, err := announce.New(options)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	reader, err := hub.Subscribe(nil, announce.Filter{}) // before anything is announced
	if err != nil {
		return err
	}
	defer reader.Close()
	database, err := databaseConfig(c)
	if err != nil {
		return err
	}
	consumer := consume.New(consume.Options{
		Name:            f.consumer,
		Connect:         func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, database.Copy()) },
		Filter:          f.filter,
		Sink:            &lineSink{bufio.NewWriterSize(a.stdout, 64<<10)},
		Interval:        c.Events.WatermarkInterval,
		ClaimTimeout:    c.Events.ClaimTimeout,
		RecoveryTimeout: c.Events.RecoveryTimeout,
		Logger:          logger.Named("events"),
	})
	if err := consumer.Prepare(ctx); err != nil {
		return replication.Explain(err)
	}
	defer consumer.Close(context.WithoutCancel(ctx))
	following, err := followFor(ctx, c, logger, a.stderr, hub)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, following.stop()) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deriving := make(chan struct{})
	go func() {
		defer close(deriving)
		hub.Run(ctx, eventsClock(following.Follower))
	}()
	go func() {
		select {
		case err := <-following.ended:
			following.ended <- err // for stop
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err = consumer.Run(ctx, reader, following.Status().Schema)
	cancel(nil)
	<-deriving
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// lineSink prints lines.
type lineSink struct{ to *bufio.Writer }

func (s *lineSink) Write(line []byte) error {
	_, _ = s.to.Write(line) // an error stays until Flush
	return s.to.WriteByte('\n')
}

func (s *lineSink) Flush() error { return s.to.Flush() }
