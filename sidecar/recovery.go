package main

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
)

// newRecovery reads for readers of a hub what it does not keep any more.
func newRecovery(c *config.Config, hub *announce.Hub, follower *follow.Follower) *consume.Recovery {
	return consume.NewRecovery(consume.RecoveryOptions{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			database, err := databaseConfig(c)
			if err != nil {
				return nil, err
			}
			return pgx.ConnectConfig(ctx, database)
		},
		Schema:    func() string { return follower.Status().Schema },
		Listening: hub.Listening,
		Interval:  c.Events.WatermarkInterval,
		Timeout:   c.Events.RecoveryTimeout,
		Most:      c.Events.RecoveryMost,
	})
}
