package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/metrics"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/reload"
)

// service is a sidecar that runs: the follower, the API beside it, the
// projection where the database is prepared for it, the continuous comparison
// when it is wanted, and what moves tasks and steps when somebody asks for that.
//
//	start    API first (a taken port ends it before the database is touched),
//	         then the follower, then the projection and the comparison
//	stop     the comparison and the projection, whose rows then do not count any
//	         more, the API with what it is answering, then the follower, which
//	         leaves nothing on the server
type service struct {
	live     *live.Configuration
	reloader *reload.Reloader // nil: nothing changes while it runs
	logger   hclog.Logger
	started  time.Time
	follower *follow.Follower
	api      *api.Server
	verifier *verifier
	rows     *projecting       // nil: none are written
	hub      *announce.Hub     // nil: no events are told
	recovery *consume.Recovery // with it, unless nothing is recovered
	services *maintaining      // nil where rows is
	writing  *writing

	configuring *configuring // nil where reloader is

	turn   sync.Mutex
	turned chan struct{} // closed when the configuration changes

	mu   sync.Mutex
	conn *pgx.Conn // asks for what is in no log; nil until it is needed
}

// newService makes one. Its options change with those that are live; r, which may
// be nil, is what changes them.
func newService(running *live.Configuration, r *reload.Reloader, logger hclog.Logger) (*service, error) {
	c := running.Current().Config
	if _, err := databaseConfig(c); err != nil {
		return nil, err
	}
	tuneRuntime(c.Runtime)
	s := &service{live: running, reloader: r, logger: logger, started: time.Now(), turned: make(chan struct{})}
	registry := metrics.New(s)
	following := follow.Options{Replication: replicationOptions(c, logger), Applied: registry.ObserveApply}
	if c.Events.Enabled {
		hub, err := announce.New(announceOptions(c))
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		s.hub, following.Listener = hub, hub
	}
	follower, err := follow.New(following)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	s.follower = follower
	s.verifier = newVerifier(s)
	if c.Projection.Mode == "auto" {
		if s.services, err = newMaintaining(s.config, logger, follower); err != nil {
			return nil, err
		}
		if s.rows, err = newProjecting(s.config, logger, follower, s.services.Lead); err != nil {
			return nil, err
		}
		s.services.rows = s.rows
	}
	if s.writing, err = newWriting(s.config, registry.ObserveTransition); err != nil {
		return nil, err
	}
	options, err := apiOptions(c, logger)
	if err != nil {
		return nil, err
	}
	options.Metrics, options.Observe = registry.Handler(), registry.Observe
	options.Clock = func() time.Time { return follower.Now().Time() }
	options.Verify = s.verifier.once
	options.Transitions = s.writing
	options.Events = s.hub
	if s.hub != nil && c.Events.RecoveryMost > 0 {
		s.recovery = newRecovery(c, s.hub, follower)
		options.EventsRecovery = s.recovery
	}
	if r != nil {
		s.configuring = &configuring{r, running}
		options.Configuration = s.configuring
	}
	if s.services != nil {
		options.Maintenance = s.services
	}
	if s.api, err = api.New(s, options); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	running.Subscribe(s.prepare)
	return s, nil
}

// config is the configuration that is in force.
func (s *service) config() *config.Config { return s.live.Current().Config }

// tuneRuntime sets the garbage collector as configured.
func tuneRuntime(c config.Runtime) {
	debug.SetGCPercent(c.GCPercent)
	if c.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(c.MemoryLimit))
	}
}

// run serves until ctx ends or something fails for good. When it returns,
// nothing of it is left, here or on the server.
func (s *service) run(ctx context.Context) error {
	if err := s.api.Start(ctx); err != nil {
		return err
	}
	where := []any{"address", s.api.Addr()}
	if probes := s.api.ProbeAddr(); probes != "" {
		where = append(where, "probes", probes)
	}
	s.logger.Info("serving", where...)
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	var background sync.WaitGroup
	background.Go(func() { s.verifier.run(following) })
	if s.reloader != nil {
		background.Go(func() { s.reload(following) })
	}
	if s.hub != nil {
		background.Go(func() { s.hub.Run(following, eventsClock(s.follower)) })
	}
	if s.recovery != nil {
		background.Go(func() { s.recovery.Run(following) })
	}
	if s.rows != nil {
		background.Go(func() { s.rows.run(following) })
	}
	ended := make(chan error, 1)
	go func() { ended <- s.follower.Run(following) }()

	var err error
	select {
	case err = <-ended:
		cancel()
	case err = <-s.api.Failed():
		cancel()
		err = errors.Join(err, <-ended)
	case <-ctx.Done():
		// The closing must end, whatever hangs.
		limit := time.AfterFunc(s.config().Runtime.ShutdownTimeout, func() {
			s.logger.Error("closing took longer than runtime.shutdown_timeout; ending now")
			os.Exit(exitFailed)
		})
		defer limit.Stop()
		background.Wait()
		s.stopAPI(ctx)
		cancel()
		err = <-ended
	}
	background.Wait()
	s.stopAPI(ctx)
	s.closeConn()
	if s.services != nil {
		s.services.pool.Close()
	}
	s.writing.pool.Close()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return replication.Explain(err)
}

func (s *service) stopAPI(ctx context.Context) {
	if err := s.api.Stop(context.WithoutCancel(ctx)); err != nil {
		s.logger.Warn("requests were cut off while closing", "error", err)
	}
}

// ConnectionCounts implements api.Source: it asks the database over a session
// of its own, which is opened when first needed.
func (s *service) ConnectionCounts(ctx context.Context) (active, maximum int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.conn.IsClosed() {
		database, err := databaseConfig(s.config())
		if err != nil {
			return 0, 0, err
		}
		if s.conn, err = pgx.ConnectConfig(ctx, database); err != nil {
			return 0, 0, fmt.Errorf("asking for the connections: %w", replication.Explain(err))
		}
	}
	err = s.conn.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database()),
		(SELECT setting::bigint FROM pg_settings WHERE name = 'max_connections')`).Scan(&active, &maximum)
	if err != nil {
		return 0, 0, fmt.Errorf("asking for the connections: %w", err)
	}
	return active, maximum, nil
}

func (s *service) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.Close(ctx) // the server notices either way
	}
}
