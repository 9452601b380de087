package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// dialer opens the sessions of one attempt, all on the same server.
type dialer struct {
	o   Options
	cfg *pgx.ConnConfig

	mu      sync.Mutex
	started string // the start of the server that the first session reached
}

func newDialer(o Options) (*dialer, error) {
	cfg, err := ParseURL(o.DatabaseURL)
	if err != nil {
		return nil, err
	}
	cfg.ConnectTimeout = o.ConnectTimeout
	cfg.RuntimeParams["application_name"] = o.ApplicationName
	keepalive := net.KeepAliveConfig{Enable: true, Idle: o.TCPKeepalive / 2, Interval: o.TCPKeepalive / 6, Count: 3}
	cfg.DialFunc = (&net.Dialer{Timeout: o.ConnectTimeout, KeepAliveConfig: keepalive}).DialContext
	return &dialer{o: o, cfg: cfg}, nil
}

// session opens an ordinary session.
func (d *dialer) session(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.cfg.Copy())
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if err := d.prepare(ctx, conn.PgConn()); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// replication opens a session that speaks the replication protocol, whose
// messages front reads; nil for the usual reader.
func (d *dialer) replication(ctx context.Context, front pgconn.BuildFrontendFunc) (*pgconn.PgConn, error) {
	cfg := d.cfg.Copy()
	cfg.RuntimeParams["replication"] = "database"
	if front != nil {
		cfg.BuildFrontend = front
	}
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return nil, fmt.Errorf("connecting for replication: %w", err)
	}
	if err := d.prepare(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// prepare makes a session independent of whatever the database or the role
// sets by default: nothing may end it while it works, except that this process
// stands still or the link is cut, which the server is to notice soon.
func (d *dialer) prepare(ctx context.Context, conn *pgconn.PgConn) error {
	settings := []string{
		"statement_timeout = 0", "lock_timeout = 0", "idle_session_timeout = 0",
		"idle_in_transaction_session_timeout = 0",
		"TimeZone = 'UTC'", "DateStyle = 'ISO'", "client_encoding = 'UTF8'",
		"search_path = pg_catalog, pg_temp", "row_security = off",
		"jit = off", "max_parallel_workers_per_gather = 0",
		fmt.Sprintf("wal_sender_timeout = %d", d.o.WALSenderTimeout.Milliseconds()),
		fmt.Sprintf("tcp_keepalives_idle = %d", seconds(d.o.TCPKeepalive/2)),
		fmt.Sprintf("tcp_keepalives_interval = %d", seconds(d.o.TCPKeepalive/6)),
		"tcp_keepalives_count = 3",
		// Not tcp_user_timeout: it would end a session whose data we leave in
		// the socket, as we do with the stream's while a snapshot is read.
		"tcp_user_timeout = 0",
	}
	major, _ := strconv.Atoi(strings.FieldsFunc(conn.ParameterStatus("server_version")+".", func(r rune) bool { return r < '0' || r > '9' })[0])
	if major >= 17 {
		settings = append(settings, "transaction_timeout = 0")
	}
	sql := "SET " + strings.Join(settings, "; SET ") +
		"; SELECT pg_catalog.pg_postmaster_start_time()::text"
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return fmt.Errorf("preparing a session: %w", err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 || len(last.Rows[0]) != 1 {
		return fmt.Errorf("%w: no answer to a question for the server's start", ErrMalformed)
	}
	// Not every platform can do this; where it cannot, setting it is an error.
	check := fmt.Sprintf("SET client_connection_check_interval = %d", d.o.TCPKeepalive.Milliseconds()/2)
	if _, err := conn.Exec(ctx, check).ReadAll(); err != nil {
		var pgErr *pgconn.PgError
		if !errors.As(err, &pgErr) || isShutdown(err) {
			return fmt.Errorf("preparing a session: %w", err)
		}
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	started := string(last.Rows[0][0])
	if d.started == "" {
		d.started = started
	}
	if d.started != started {
		return errors.New("our sessions reached different servers: the server was restarted meanwhile, or the database URL names several hosts; then add target_session_attrs=read-write")
	}
	return nil
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }

// closeSession ends a session, and waits until it is closed, but not long.
func closeSession(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.CleanupDone():
	case <-ctx.Done():
	}
}

// hangUp ends a session that may be in the middle of anything, from any
// goroutine: it takes leave, so that the server does not log a lost
// connection, and does not wait for an answer.
func hangUp(conn net.Conn) {
	terminate, err := (&pgproto3.Terminate{}).Encode(nil)
	if err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(terminate)
	}
	_ = conn.Close()
}
