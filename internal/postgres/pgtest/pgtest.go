//go:build unix

// Package pgtest gives tests a real PostgreSQL: a fresh database each on a
// server that the test process shares, or a server of their own.
//
// The shared server is started when the first test asks and ends with the
// process; a package whose TestMain is [Main] waits for that. A test for which
// no PostgreSQL is found fails: none is ever skipped.
//
// A test must leave nothing behind. When its database is dropped, connections
// and replication slots that are still there fail the test by name.
package pgtest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres"
)

var shared struct {
	sync.Mutex
	server *postgres.Server
	err    error // of the first attempt; it would not end differently
}

// Shared is the server that the tests of this process share. Tests create
// databases in it and never stop or reconfigure it.
func Shared(t testing.TB) *postgres.Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		// Not the test's context: the server outlives the test.
		shared.server, shared.err = postgres.Start(context.Background(), postgres.Options{})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Server starts a server of the test's own, with entries of postgresql.conf
// besides the default ones, to be restarted, stopped or killed at will. It is
// gone when the test ends. settings may be nil.
func Server(t testing.TB, settings map[string]string) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), postgres.Options{Settings: settings, ThrowAway: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Copy starts a server on a file-level copy of one that is down; see
// [postgres.Server.Copy]. It is gone when the test ends.
func Copy(t testing.TB, of *postgres.Server, settings map[string]string, signal string) *postgres.Server {
	t.Helper()
	s, err := of.Copy(t.Context(), settings, signal)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Main runs a package's tests and stops the shared server before the process
// ends. It is the body of a TestMain.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has something of its own to clear away: it
// returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := stopShared(); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		code = max(code, 1)
	}
	return code
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return nil
	}
	return shared.server.Stop(context.Background())
}

// UniqueName makes a name for something of which a server has only one
// namespace (a slot, a role, a database): lower case, at most 63 bytes, and
// different at each call.
func UniqueName(t testing.TB, prefix string) string {
	t.Helper()
	if len(prefix) > 40 {
		t.Fatalf("prefix %q is longer than 40 bytes", prefix)
	}
	return prefix + "_" + strings.ToLower(rand.Text()[:12])
}
