//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Kind says where a server came from.
type Kind string

// The kinds of server, in the order in which they are looked for.
const (
	Named     Kind = "named server"
	Binaries  Kind = "local binaries"
	Container Kind = "container"
)

// ErrNotOurs is returned by what would stop or restart a server that Start
// found but did not start.
var ErrNotOurs = errors.New("postgres: this server was not started here")

// host is what differs between the kinds of server.
type host interface {
	// shutdown ends the server and keeps its data: as pg_ctl stop does with
	// mode fast, or by SIGKILL.
	shutdown(ctx context.Context, kill bool) error
	// launch starts a server that was shut down, at the same address.
	launch(ctx context.Context) error
	// discard ends the server at once and removes all of it.
	discard(ctx context.Context) error
	// pid of the postmaster; 0 when it does not run or cannot be known.
	pid() int
}

// A Server is a running PostgreSQL. Its methods are safe for concurrent use.
type Server struct {
	// Kind says where the server came from.
	Kind Kind
	// BinDir is the directory of the server's binaries; "" when unknown. Client
	// programs (psql, pg_recvlogical) are there or not, as the installation has
	// them.
	BinDir string
	// DataDir is the data directory as the server names it; it is on this
	// machine when Kind is Binaries.
	DataDir string
	// LogFile is the server's log; "" when unknown.
	LogFile string

	version int
	url     *url.URL
	socket  *url.URL
	timeout time.Duration

	mu      sync.Mutex
	host    host // nil for a named server
	running bool
	stopped bool
}

// URL is the address of database postgres for a superuser, password included:
// for connecting, not for printing. It stays the same over Restart.
func (s *Server) URL() string { return s.url.String() }

// SocketURL is URL over the server's unix socket; "" where there is none on
// this machine.
func (s *Server) SocketURL() string {
	if s.socket == nil {
		return ""
	}
	return s.socket.String()
}

// DatabaseURL is URL with another database.
func (s *Server) DatabaseURL(database string) string {
	u := *s.url
	u.Path = "/" + database
	return u.String()
}

// Version is the server's server_version_num, for example 150018.
func (s *Server) Version() int { return s.version }

// String describes the server for people, without its password.
func (s *Server) String() string {
	return fmt.Sprintf("PostgreSQL %d.%d (%s) at %s", s.version/10000, s.version%10000, s.Kind, s.url.Redacted())
}

// Running tells whether the server was started and neither stopped nor killed
// through s since.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// Pid is the postmaster's process id on this machine; 0 when it does not run
// or is not here.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return 0
	}
	return s.host.pid()
}

// Stop ends a server that Start started and removes everything of it; a named
// server is left alone. Stopping twice is legal and does nothing. It takes
// effect even when ctx is done already.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped, s.running = true, false
	if s.host == nil {
		return nil
	}
	if err := s.host.discard(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// StopFast shuts the server down as pg_ctl stop -m fast does (SIGINT: sessions
// are ended, WAL senders are waited for) and returns when it is down, or when
// ctx is done. The cluster stays; Restart brings it up again.
func (s *Server) StopFast(ctx context.Context) error { return s.shutdown(ctx, false) }

// Kill ends the postmaster by SIGKILL, as a crash would. Restart brings the
// cluster up again, by way of crash recovery.
func (s *Server) Kill(ctx context.Context) error { return s.shutdown(ctx, true) }

func (s *Server) shutdown(ctx context.Context, kill bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return ErrNotOurs
	}
	if !s.running {
		return nil
	}
	if err := s.host.shutdown(ctx, kill); err != nil {
		return fmt.Errorf("shut PostgreSQL down: %w", err)
	}
	s.running = false
	return nil
}

// Restart brings the server up at the same address, after a fast stop when it
// runs, and returns when it accepts connections.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.shutdown(ctx, false); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("restart PostgreSQL: it was stopped for good")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.host.launch(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	s.running = true
	return nil
}

// ask fills in what the server says of itself.
func (s *Server) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// What only a superuser may read comes last.
	values := make([]string, 4)
	for i, query := range []string{
		"SELECT current_setting('server_version_num')",
		"SELECT rolsuper FROM pg_roles WHERE rolname = current_user",
		"SELECT current_setting('wal_level')",
		"SELECT current_setting('data_directory')",
	} {
		result := conn.ExecParams(ctx, query, nil, nil, nil, nil).Read()
		if result.Err != nil {
			return result.Err
		}
		values[i] = string(result.Rows[0][0])
		if i == 1 && values[i] != "t" {
			return errors.New("its role is not a superuser; name one that is")
		}
	}
	if s.version, err = strconv.Atoi(values[0]); err != nil {
		return fmt.Errorf("server_version_num: %w", err)
	}
	if wal := values[2]; wal != "logical" {
		return fmt.Errorf("its wal_level is %s; set wal_level = logical and restart it", wal)
	}
	s.DataDir = values[3]
	return nil
}
