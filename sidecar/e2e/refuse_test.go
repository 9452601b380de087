package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestBadInput: one line that says what, and what to do; no stack trace; nothing
// left behind, neither publication nor slot.
func TestBadInput(t *testing.T) {
	address := followtest.Database(t, testbed.Options{})
	empty := pgtest.Database(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(u *url.URL)) string {
		c := *u
		change(&c)
		return c.String()
	}
	role := pgtest.UniqueName(t, "weak")
	once(t, address, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'weak'", role))
	t.Cleanup(func() {
		if conn, err := pgx.Connect(context.Background(), address); err == nil {
			_, _ = conn.Exec(context.Background(), "DROP ROLE "+role)
			conn.Close(context.Background())
		}
	})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	// Servers that are not fit.
	replica := pgtest.Server(t, nil)
	replicaAddress := followtest.Database(t, testbed.Options{}, pgtest.On(replica))
	once(t, replica.URL(), "ALTER SYSTEM SET wal_level = replica")
	_ = replica.Restart(t.Context()) // it says that this is no server for tests
	full := pgtest.Server(t, map[string]string{"max_replication_slots": "1"})
	fullAddress := followtest.Database(t, testbed.Options{}, pgtest.On(full))
	elsewhere := pgtest.Database(t, pgtest.On(full))
	once(t, elsewhere, "SELECT pg_create_logical_replication_slot('somebody_elses', 'pgoutput')")
	t.Cleanup(func() {
		if conn, err := pgx.Connect(context.Background(), elsewhere); err == nil {
			_, _ = conn.Exec(context.Background(), "SELECT pg_drop_replication_slot('somebody_elses')")
			conn.Close(context.Background())
		}
	})

	listen := []string{"--http-listen", "127.0.0.1:0"}
	for _, c := range []struct {
		name    string
		address string
		args    []string
		code    int
		says    []string // what is wrong, and what to do
		own     string   // the database to look into; address where empty
	}{
		{"no URL", "", listen, exitUsage, []string{"database-url"}, ""},
		{"not a URL", "postgres://[", listen, exitUsage, []string{"database"}, ""},
		{"a password that is wrong", with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "secret-and-wrong") }), listen, exitFailed, []string{"password"}, address},
		{"a database that is not there", with(func(u *url.URL) { u.Path = "/nowhere" }), listen, exitFailed, []string{"nowhere"}, address},
		{"no server there", with(func(u *url.URL) { u.Host = "127.0.0.1:1" }), listen, exitFailed, []string{"127.0.0.1:1"}, address},
		{"missing rights", with(func(u *url.URL) { u.User = url.UserPassword(role, "weak") }), listen, exitFailed, []string{"doctor"}, address},
		{"wal_level", replicaAddress, listen, exitFailed, []string{"wal_level", "logical", "restart"}, ""},
		{"no free slot", fullAddress, listen, exitFailed, []string{"slot", "max_replication_slots"}, ""},
		{"tables missing", empty, listen, exitFailed, []string{"tasker_"}, ""},
		{"port taken", address, []string{"--http-listen", taken.Addr().String()}, exitFailed, []string{taken.Addr().String(), "another address"}, ""},
		{"beyond loopback without a token", address, []string{"--http-listen", "0.0.0.0:0"}, exitUsage, []string{"token"}, ""},
		{"an unknown flag", address, []string{"--http-listne", "x"}, exitUsage, []string{"--http-listne", "--help"}, ""},
		{"an argument", address, []string{"now"}, exitUsage, []string{"now"}, ""},
		{"a value out of range", address, []string{"--rules", "v03"}, exitUsage, []string{"v03", "v01", "v02"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"run"}, c.args...)
			if c.address != "" {
				args = append(args, "--database-url", c.address)
			}
			p := start(t, args...)
			code := p.wait(40 * time.Second)
			out := strings.TrimSpace(p.output())
			t.Logf("%d: %s", code, out)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			lines := strings.Split(out, "\n")
			last := lines[len(lines)-1]
			if !strings.HasPrefix(last, "tasker-sidecar: ") {
				t.Errorf("the last line is no error: %s", last)
			}
			for _, says := range c.says {
				if !strings.Contains(last, says) {
					t.Errorf("%q is not said: %s", says, last)
				}
			}
			for _, never := range []string{"goroutine ", "panic", "secret-and-wrong", ".go:"} {
				if strings.Contains(out, never) {
					t.Errorf("%q is said: %s", never, out)
				}
			}
			for _, line := range lines[:len(lines)-1] {
				if strings.HasPrefix(line, "tasker-sidecar: ") || !strings.Contains(line, " [INFO] ") && !strings.Contains(line, " [WARN] ") {
					t.Errorf("more than one error: %s", line)
				}
			}
			own := c.own
			if own == "" {
				own = c.address
			}
			if own == "" || c.name == "not a URL" {
				return
			}
			conn := followtest.Connect(t, own)
			gone(t, conn, 5*time.Second, nothing)
			var publications int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_publication").Scan(&publications); err != nil {
				t.Fatal(err)
			}
			if publications != 0 {
				t.Errorf("it has left a publication behind")
			}
			if err := conn.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// once executes a statement on a connection of its own.
func once(t *testing.T, address, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	followtest.Exec(t, conn, sql)
}
