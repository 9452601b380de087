//go:build unix

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

const (
	clusterPrefix = "tasker-sidecar-pg-"
	superuser     = "postgres"

	// maxSocketPath is the length that struct sockaddr_un leaves for a path on
	// the systems we know (104 on macOS, 108 on Linux), its end included.
	maxSocketPath = 103
)

// A cluster is a throw-away data directory and its postmaster.
type cluster struct {
	dir      string // holds data, log and the socket
	binaries binaries
	who      *account
	options  Options
	password string
	port     int
	dog      *watchdog
	master   *process // nil when down
	url      *url.URL
}

func (c *cluster) dataDir() string { return filepath.Join(c.dir, "data") }
func (c *cluster) logFile() string { return filepath.Join(c.dir, "log") }

// startCluster makes a cluster and starts it.
func startCluster(ctx context.Context, o Options, b binaries, who *account) (*Server, error) {
	c := &cluster{binaries: b, who: who, options: o, password: rand.Text()}
	return c.start(ctx, func(ctx context.Context) error {
		if err := c.initdb(ctx); err != nil {
			return fmt.Errorf("initdb with %s: %w", b.dir, err)
		}
		return nil
	})
}

// start makes the cluster's directory, has its data made, and starts it.
func (c *cluster) start(ctx context.Context, data func(context.Context) error) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.StartTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, c.discard(context.WithoutCancel(ctx)))
		}
	}()
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	if err := data(ctx); err != nil {
		return nil, err
	}
	if err := c.configure(); err != nil {
		return nil, err
	}
	if err := c.firstLaunch(ctx); err != nil {
		return nil, err
	}
	s := &Server{Kind: Binaries, BinDir: c.binaries.dir, LogFile: c.logFile(), url: c.url, socket: c.socketURL(),
		timeout: c.options.StartTimeout, host: c, running: true}
	return s, s.ask(ctx)
}

// makeDir makes the cluster's directory, with a watchdog that knows its name
// before it exists.
func (c *cluster) makeDir() error {
	name := clusterPrefix + strings.ToLower(rand.Text()[:12])
	for _, parent := range []string{c.options.TempDir, os.TempDir(), "/tmp"} {
		if parent == "" {
			continue
		}
		parent, err := filepath.Abs(parent)
		if err != nil {
			return err
		}
		c.dir = filepath.Join(parent, name)
		if len(c.dir)+len("/.s.PGSQL.65535") <= maxSocketPath && c.who.reaches(parent) {
			break
		}
	}
	var err error
	if c.dog, err = newWatchdog(c.dir); err != nil {
		return err
	}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return err
	}
	return c.who.own(c.dir)
}

func (c *cluster) initdb(ctx context.Context) error {
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(c.password+"\n"), 0o600); err != nil {
		return err
	}
	defer os.Remove(secret)
	if err := c.who.own(secret); err != nil {
		return err
	}
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} {
		if err = c.runInitdb(ctx, locale, secret); err == nil || !strings.Contains(err.Error(), "locale") {
			return err
		}
	}
	return err
}

func (c *cluster) runInitdb(ctx context.Context, locale, secret string) error {
	out, offset, err := c.openLog()
	if err != nil {
		return err
	}
	defer out.Close()
	p, err := startGated(c.dir, c.who, out, func(pid int) error { return c.dog.tell("group", pid) }, c.binaries.path("initdb"),
		"--pgdata", c.dataDir(), "--username", superuser, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", locale, "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	if err := p.wait(ctx); err != nil {
		return errors.Join(err, unix.Kill(-p.pid, unix.SIGKILL), p.wait(context.WithoutCancel(ctx)))
	}
	if err := c.dog.tell("none", 0); err != nil {
		return err
	}
	if p.status.ExitStatus() != 0 {
		return errors.New(c.complaint(offset))
	}
	return nil
}

// configure appends our settings to postgresql.conf.
func (c *cluster) configure() error {
	var b strings.Builder
	set := func(name, value string) { fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''")) }
	set("listen_addresses", "127.0.0.1")
	set("unix_socket_directories", c.dir)
	if c.binaries.hasLibrary("pg_stat_statements") {
		set("shared_preload_libraries", "pg_stat_statements")
	}
	for _, name := range c.options.settingNames() {
		set(name, c.options.Settings[name])
	}
	f, err := os.OpenFile(filepath.Join(c.dataDir(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + b.String())
	return errors.Join(err, f.Close())
}

// firstLaunch finds a free port; between finding and binding another process
// can take it, so it tries a few.
func (c *cluster) firstLaunch(ctx context.Context) error {
	var err error
	for range 5 {
		if c.port, err = freePort(); err != nil {
			return err
		}
		c.url = &url.URL{Scheme: "postgres", User: url.UserPassword(superuser, c.password),
			Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/postgres", RawQuery: "sslmode=disable"}
		if err = c.launchOnce(ctx); err == nil || !isAddressTaken(err) {
			return err
		}
	}
	return err
}

func isAddressTaken(err error) bool {
	return strings.Contains(err.Error(), "could not create any TCP/IP sockets") || strings.Contains(err.Error(), "could not bind")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// launch starts the postmaster again. After a crash the children of the old
// one may hold its memory for a moment, and its port lingers.
func (c *cluster) launch(ctx context.Context) error {
	return poll(ctx, func() (bool, error) {
		err := c.launchOnce(ctx)
		if err != nil && (isAddressTaken(err) || strings.Contains(err.Error(), "pre-existing shared memory")) {
			return false, nil
		}
		return err == nil, err
	})
}

// launchOnce starts the postmaster and waits until it accepts connections.
func (c *cluster) launchOnce(ctx context.Context) error {
	out, offset, err := c.openLog()
	if err != nil {
		return err
	}
	defer out.Close()
	p, err := startGated(c.dir, c.who, out, func(pid int) error { return c.dog.tell("postmaster", pid) },
		c.binaries.path("postgres"), "-D", c.dataDir(), "-p", strconv.Itoa(c.port))
	if err != nil {
		return err
	}
	c.master = p
	err = poll(ctx, func() (bool, error) {
		if gone, err := p.exited(); gone || err != nil {
			return false, errors.Join(err, errors.New("it does not start: "+c.complaint(offset)))
		}
		return accepts(ctx, c.url.String()), nil
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("it accepts no connection in time; its log ends: %s: %w", c.complaint(offset), err)
	}
	return errors.Join(err, c.shutdown(context.WithoutCancel(ctx), true))
}

func accepts(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func (c *cluster) shutdown(ctx context.Context, kill bool) error {
	how := unix.SIGINT
	if kill {
		how = unix.SIGKILL
	}
	return c.end(ctx, how)
}

// end signals the postmaster and waits until it is gone.
func (c *cluster) end(ctx context.Context, how unix.Signal) error {
	if c.master == nil {
		return nil
	}
	if err := c.master.signal(how); err != nil {
		return err
	}
	if err := c.master.wait(ctx); err != nil {
		return fmt.Errorf("wait for postmaster %d to end: %w", c.master.pid, err)
	}
	c.master = nil
	return c.dog.tell("none", 0)
}

// discard ends the postmaster by immediate shutdown: there is nothing to save.
func (c *cluster) discard(ctx context.Context) error {
	if c.dog == nil {
		return nil
	}
	quick, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := c.end(quick, unix.SIGQUIT)
	if errors.Is(err, context.DeadlineExceeded) {
		err = c.end(ctx, unix.SIGKILL)
	}
	err = errors.Join(err, c.dog.dismiss())
	if _, gone := os.Stat(c.dir); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("%s could not be removed", c.dir))
	}
	return err
}

func (c *cluster) pid() int {
	if c.master == nil {
		return 0
	}
	return c.master.pid
}

func (c *cluster) socketURL() *url.URL {
	q := url.Values{"host": {c.dir}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}
	return &url.URL{Scheme: "postgres", User: c.url.User, Path: "/postgres", RawQuery: q.Encode()}
}

// openLog opens the log for a child, and says where what it will write begins.
func (c *cluster) openLog() (*os.File, int64, error) {
	f, err := os.OpenFile(c.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	if err := c.who.own(c.logFile()); err != nil {
		f.Close()
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// complaint is the end of what was logged since offset, in one line.
func (c *cluster) complaint(offset int64) string {
	text, err := os.ReadFile(c.logFile())
	if err != nil || int64(len(text)) <= offset {
		return "it logged nothing"
	}
	lines := strings.Split(strings.TrimSpace(string(text[offset:])), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], " | ")
}
