package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
)

// connect opens one session for a command; its errors are for people.
func connect(c *cobra.Command, settings *config.Config) (*pgx.Conn, error) {
	database, err := databaseConfig(settings)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(c.Context(), database)
	if err != nil {
		return nil, replication.Explain(err)
	}
	return conn, nil
}

// closeConn closes a session, also after the command was interrupted.
func closeConn(c *cobra.Command, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the server notices either way
}
