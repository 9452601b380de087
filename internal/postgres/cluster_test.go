//go:build unix

package postgres

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestClusterIsReadyForLogicalReplication(t *testing.T) {
	parent := openTemp(t)
	s := start(t, Options{TempDir: parent, Settings: map[string]string{"work_mem": "7MB", "fsync": "on"}})
	for query, want := range map[string]string{
		"SHOW wal_level":                  "logical",
		"SHOW timezone":                   "UTC",
		"SHOW work_mem":                   "7MB",
		"SHOW fsync":                      "on",
		"SHOW listen_addresses":           "127.0.0.1",
		"SHOW max_replication_slots":      "32",
		"SHOW server_encoding":            "UTF8",
		"SELECT current_user::text":       "postgres",
		"SELECT current_database()::text": "postgres",
		"SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user":                  "true",
		"SELECT count(*)::text FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'": "0",
	} {
		if got := ask(t, s.URL(), query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if got := ask(t, s.SocketURL(), "SELECT coalesce(inet_server_addr()::text, 'socket')"); got != "socket" {
		t.Errorf("SocketURL reaches the server over %s", got)
	}
	if (binaries{dir: s.BinDir, version: s.Version()}).hasLibrary("pg_stat_statements") {
		conn, err := pgx.Connect(t.Context(), s.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), "CREATE EXTENSION pg_stat_statements"); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s.URL(), "SELECT (count(*) > 0)::text FROM pg_stat_statements"); got != "true" {
			t.Error("pg_stat_statements sees nothing")
		}
	}
	if s.Kind == Binaries && len(clusterDirs(t, parent)) != 1 {
		t.Errorf("clusters in %s: %v, want 1", parent, clusterDirs(t, parent))
	}
	if !alive(s.Pid()) {
		t.Errorf("postmaster %d is not alive", s.Pid())
	}
	if s.Version() < OldestVersion {
		t.Errorf("Version is %d", s.Version())
	}
}

func TestWrongPasswordIsRefusedEverywhere(t *testing.T) {
	s := start(t, Options{})
	for _, text := range []string{s.URL(), s.SocketURL()} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("postgres", "guess")
		conn, err := pgx.Connect(t.Context(), u.String())
		if err == nil {
			conn.Close(t.Context())
			t.Fatalf("a wrong password is accepted at %s", u.Redacted())
		}
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
			t.Errorf("got %v, want 28P01", err)
		}
	}
	password, _ := s.url.User.Password()
	if strings.Contains(s.String(), password) {
		t.Error("String prints the password")
	}
}

func TestStopLeavesNothingAndIsIdempotent(t *testing.T) {
	parent := openTemp(t)
	s := start(t, Options{TempDir: parent})
	pid := s.Pid()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := s.Stop(canceled); err != nil {
			t.Fatal(err)
		}
	}
	if alive(pid) || len(clusterDirs(t, parent)) != 0 {
		t.Errorf("after Stop: postmaster alive %t, directories %v", alive(pid), clusterDirs(t, parent))
	}
	if s.Running() || s.Pid() != 0 {
		t.Errorf("after Stop: Running %t, Pid %d", s.Running(), s.Pid())
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop succeeds")
	}
}

func TestRestartKeepsAddressAndData(t *testing.T) {
	for name, down := range map[string]func(*Server) error{
		"running":  func(*Server) error { return nil },
		"StopFast": func(s *Server) error { return s.StopFast(t.Context()) },
		"Kill":     func(s *Server) error { return s.Kill(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{})
			address, pid := s.URL(), s.Pid()
			// A session that is open meanwhile must not keep the server.
			conn, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n"); err != nil {
				t.Fatal(err)
			}
			if err := down(s); err != nil {
				t.Fatal(err)
			}
			if name != "running" && (alive(pid) || s.Running()) {
				t.Errorf("postmaster alive %t, Running %t", alive(pid), s.Running())
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.URL() != address || s.Pid() == pid {
				t.Errorf("URL the same %t, pid %d after %d", s.URL() == address, s.Pid(), pid)
			}
			if got := ask(t, address, "SELECT n::text FROM kept"); got != "42" {
				t.Errorf("got %q, want 42", got)
			}
		})
	}
}

func TestABadSettingIsReportedAndLeavesNothing(t *testing.T) {
	parent := openTemp(t)
	_, err := Start(t.Context(), Options{ThrowAway: true, TempDir: parent, Settings: map[string]string{"wal_level": "'; nonsense"}})
	if err == nil || !strings.Contains(err.Error(), "wal_level") {
		t.Errorf("got %v, want an error that names wal_level", err)
	}
	if dirs := clusterDirs(t, parent); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestACanceledStartLeavesNothing(t *testing.T) {
	parent := openTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Options{ThrowAway: true, TempDir: parent})
		done <- err
	}()
	eventually(t, "initdb begins", func() bool {
		dirs := clusterDirs(t, parent)
		return len(dirs) == 1 && exists(dirs[0]+"/data/PG_VERSION")
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if dirs := clusterDirs(t, parent); len(dirs) != 0 {
		t.Errorf("left behind: %v", dirs)
	}
}

func TestADirectoryTooDeepForASocketIsNotUsed(t *testing.T) {
	deep := openTemp(t) + "/" + strings.Repeat("d", 90)
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{TempDir: deep})
	if got := ask(t, s.SocketURL(), "SELECT 'here'"); got != "here" {
		t.Errorf("got %q", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{{MinVersion: 90600}, {StartTimeout: -time.Second}} {
		if _, err := Start(t.Context(), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
