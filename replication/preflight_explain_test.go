package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// alter gives an address with something changed.
func alter(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func TestExplainConnecting(t *testing.T) {
	address := pgtest.Database(t)
	role, roleAddress := newRole(t, address, "CONNECTION LIMIT 0")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close() //nolint:errcheck // the test is over
	const secret = "tr0ub4dor&3"
	for _, c := range []struct {
		name, address string
		permanent     bool
		says          []string
	}{
		{"none", " ", true, []string{"no database is named", "--database-url"}},
		{"not a URL", "postgres://user:" + secret + "@ho st:bad/db", true, []string{"cannot be read", "--database-url, such as"}},
		{"wrong port", "postgres://user:" + secret + "@localhost:99999/db", true, []string{"cannot be read"}},
		{"wrong keyword", "host=localhost password=" + secret + " what", true, []string{"cannot be read"}},
		{"wrong sslmode", "postgres://user:" + secret + "@localhost/db?sslmode=perhaps", true, []string{"sslmode is invalid"}},
		{"wrong password", alter(t, address, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }), true, []string{"refuses the password of role postgres", "--database-url"}},
		{"wrong role", alter(t, address, func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }), true, []string{"nobody"}},
		{"wrong database", alter(t, address, func(u *url.URL) { u.Path = "/nowhere" }), true, []string{"has no database nowhere", "--database-url"}},
		{"no TLS", alter(t, address, func(u *url.URL) { u.RawQuery = "sslmode=require" }), true, []string{"does not speak TLS", "sslmode"}},
		{"nobody listens", "postgres://user:" + secret + "@" + nobody + "/db?sslmode=disable", false, []string{nobody + " cannot be reached", "refused"}},
		{"unknown host", "postgres://user:" + secret + "@unknown.invalid/db", false, []string{"unknown.invalid", "--database-url"}},
		{"mute", "postgres://user:" + secret + "@" + mute.Addr().String() + "/db?sslmode=disable", false, []string{"did not answer in time"}},
		{"no connection left", roleAddress, false, []string{"no connection left", role, "CONNECTION LIMIT"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			config, err := ParseURL(c.address)
			if err == nil {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				var conn *pgx.Conn
				if conn, err = pgx.ConnectConfig(ctx, config); err == nil {
					_ = conn.Close(ctx)
					t.Fatal("it connects")
				}
				err = Explain(err)
			}
			var setup *SetupError
			if !errors.As(err, &setup) {
				t.Fatalf("the error is %v", err)
			}
			for _, say := range c.says {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q is not said by: %v", say, err)
				}
			}
			if setup.Permanent != c.permanent || Permanent(err) != c.permanent {
				t.Errorf("permanent is %v, %v", setup.Permanent, Permanent(err))
			}
			all := fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err))
			if strings.Contains(err.Error(), "\n") || strings.Contains(all, secret) {
				t.Errorf("more than a line, or the password: %s", all)
			}
		})
	}
}

func TestExplainServer(t *testing.T) {
	s := pgtest.Server(t, map[string]string{"max_replication_slots": "1"})
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(s))
	conn := connectTo(t, address)
	replication := func(address string) *pgconn.PgConn {
		config, err := ParseURL(address)
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams["replication"] = "database"
		conn, err := pgconn.ConnectConfig(t.Context(), &config.Config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	create := func(conn *pgconn.PgConn, name string) error {
		_, err := conn.Exec(t.Context(), "CREATE_REPLICATION_SLOT "+name+" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT").ReadAll()
		return err
	}
	want := func(err error, check string, permanent bool, says ...string) {
		t.Helper()
		explained := Explain(err)
		var setup *SetupError
		if !errors.As(explained, &setup) || setup.Check != check || setup.Permanent != permanent || setup.Remedy == "" {
			t.Errorf("%v was explained as %+v", err, setup)
			return
		}
		for _, say := range says {
			if !strings.Contains(explained.Error(), say) {
				t.Errorf("%q is not said by: %v", say, explained)
			}
		}
	}
	if err := create(replication(address), "first"); err != nil {
		t.Fatal(err)
	}
	want(create(replication(address), "second"), CheckSlots, false, "all replication slots are in use", "pg_replication_slots")

	_, roleAddress := newRole(t, address, "")
	config, err := ParseURL(roleAddress)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["replication"] = "database"
	_, err = pgx.ConnectConfig(t.Context(), config)
	want(err, CheckReplicationRole, true, "REPLICATION")
	reader := connectTo(t, roleAddress)
	_, err = reader.Exec(t.Context(), "SELECT * FROM tasker_tasks")
	want(err, CheckPrivileges, true, "permission denied for table tasker_tasks", "doctor --sql")
	_, err = conn.Exec(t.Context(), "SELECT * FROM tasker_nothing")
	want(err, CheckTables, true, `relation "tasker_nothing" does not exist`)

	execute(t, conn, "ALTER SYSTEM SET wal_level = replica")
	_ = reader.Close(t.Context())
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(create(replication(address), "third"), CheckWALLevel, true, "wal_level", "ALTER SYSTEM SET wal_level = logical")

	other := errors.New("something else")
	if Explain(other) != other || Explain(nil) != nil || Explain(context.Canceled) != context.Canceled { //nolint:errorlint // the very same
		t.Error("what is none of it is changed")
	}
}

func TestPreflightExplainsAConnectionThatCannotBe(t *testing.T) {
	address := alter(t, pgtest.Database(t), func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wr0ng") })
	r := preflightOf(t, address, PreflightOptions{})
	if len(r.Findings) != 1 {
		t.Errorf("findings:\n%s", r)
	}
	wantFinding(t, r, CheckConnection, SeverityError, "refuses the password", "--database-url")
}

// poolerOf passes connections on to a server as a pooler does: with process
// numbers of its own, and, if strict, without replication.
func poolerOf(t *testing.T, address string, strict bool) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { pool(client, server, strict) })
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

// pool passes one connection on.
func pool(client net.Conn, server string, strict bool) {
	defer client.Close() //nolint:errcheck // it is over
	backend, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer backend.Close() //nolint:errcheck // as above
	startup, err := message(client, false)
	if err != nil {
		return
	}
	if strict && strings.Contains(string(startup), "replication\x00") {
		const text = "SFATAL\x00C08P01\x00Munsupported startup parameter: replication\x00\x00"
		_, _ = client.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(text)+4)), text...))
		return
	}
	if _, err := backend.Write(startup); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(backend, client)
		_ = backend.(*net.TCPConn).CloseWrite()
	}()
	for {
		m, err := message(backend, true)
		if err != nil {
			return
		}
		if m[0] == 'K' {
			binary.BigEndian.PutUint32(m[5:], 4711)
		}
		if _, err := client.Write(m); err != nil {
			return
		}
	}
}

// message reads one message of the protocol, with its type or, the first one,
// without.
func message(from io.Reader, typed bool) ([]byte, error) {
	head := make([]byte, 4)
	if typed {
		head = make([]byte, 5)
	}
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
	_, err := io.ReadFull(from, rest)
	return append(head, rest...), err
}

func TestPreflightFindsAPooler(t *testing.T) {
	address := engineDatabase(t, tasker.RulesV02)
	r := preflightOf(t, poolerOf(t, address, false), PreflightOptions{})
	wantFinding(t, r, CheckPooler, SeverityError, "connection pooler in between: the connection was announced as process 4711", "6432")
	r = preflightOf(t, poolerOf(t, address, true), PreflightOptions{})
	wantFinding(t, r, CheckPooler, SeverityError, "does not take this kind of connection: unsupported startup parameter: replication", "6432")
}
