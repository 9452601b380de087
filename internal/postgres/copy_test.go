//go:build unix

package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestCopy: a copy has what the original had, and both go on by themselves; a
// standby follows the original.
func TestCopy(t *testing.T) {
	original := start(t, Options{ThrowAway: true})
	if _, err := original.Copy(t.Context(), nil, ""); err == nil {
		t.Fatal("a server that runs is copied")
	}
	run(t, original, "CREATE TABLE kept AS SELECT 1 AS n")
	if err := original.StopFast(t.Context()); err != nil {
		t.Fatal(err)
	}
	copied := duplicate(t, original, nil, "")
	standby := duplicate(t, original, map[string]string{"primary_conninfo": original.URL(), "wal_retrieve_retry_interval": "100ms"}, "standby.signal")
	if err := original.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	const identifier = "SELECT system_identifier::text FROM pg_control_system()"
	if ask(t, copied.URL(), identifier) != ask(t, original.URL(), identifier) {
		t.Error("the copy is another system")
	}
	run(t, original, "UPDATE kept SET n = 2")
	eventually(t, "the standby to follow", func() bool { return ask(t, standby.URL(), "SELECT n::text FROM kept") == "2" })
	if got := ask(t, copied.URL(), "SELECT n::text FROM kept"); got != "1" {
		t.Errorf("the copy has %s, want what the original had", got)
	}
	if got := ask(t, standby.URL(), "SELECT pg_is_in_recovery()::text"); got != "true" {
		t.Error("the standby is none")
	}
	named := &Server{Kind: Named}
	if _, err := named.Copy(t.Context(), nil, ""); !errors.Is(err, ErrNotOurs) {
		t.Errorf("of a named server: %v", err)
	}
}

func run(t *testing.T, s *Server, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func duplicate(t *testing.T, of *Server, settings map[string]string, signal string) *Server {
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
