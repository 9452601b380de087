package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// following is a follower that runs for the length of one command.
type following struct {
	*follow.Follower
	cancel context.CancelFunc
	ended  chan error
}

// followFor starts to follow the configured database and returns once the
// index is loaded and the stream has begun. Progress goes to w;
// listener may be nil.
func followFor(ctx context.Context, c *config.Config, logger hclog.Logger, w io.Writer, listener follow.Listener) (*following, error) {
	if _, err := databaseConfig(c); err != nil {
		return nil, err
	}
	follower, err := follow.New(follow.Options{Replication: replicationOptions(c, logger), Listener: listener})
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &following{Follower: follower, cancel: cancel, ended: make(chan error, 1)}
	go func() { f.ended <- follower.Run(ctx) }()
	progress := newProgress(w, follower)
	defer progress.done()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		changed := follower.Changed()
		if follower.View() != nil && follower.Status().State == replication.StateStreaming {
			return f, nil
		}
		select {
		case err := <-f.ended:
			cancel()
			if err == nil {
				err = ctx.Err()
			}
			return nil, replication.Explain(err)
		case <-changed:
		case <-ticker.C:
			progress.show()
		}
	}
}

// stop ends the following and waits until nothing is left on the server.
func (f *following) stop() error {
	f.cancel()
	if err := <-f.ended; err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("following the database: %w", replication.Explain(err))
	}
	return nil
}
