//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// An Attempt is one way that was tried, and why it did not serve.
type Attempt struct {
	Way    string
	Reason string
}

// NotFoundError says that no way led to a server.
type NotFoundError struct {
	Attempts []Attempt
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	b.WriteString("no PostgreSQL to work with; tried, in this order:")
	for i, a := range e.Attempts {
		fmt.Fprintf(&b, "\n  %d. %s: %s", i+1, a.Way, a.Reason)
	}
	b.WriteString("\nInstall PostgreSQL 14 or later, or set " + BinVariable + " to the directory of its binaries, or start Docker, " +
		"or name a server of yours in " + URLVariable + ".")
	return b.String()
}

// unavailable is the error of a way that does not serve here; the search goes
// on after it, and only after it.
type unavailable struct{ reason string }

func (u unavailable) Error() string { return u.reason }

func unavailablef(format string, args ...any) error {
	return unavailable{fmt.Sprintf(format, args...)}
}

// A machine is what the search looks at, so that a test can show it another.
type machine struct {
	getenv    func(string) string
	lookPath  func(string) (string, error)
	globs     []string // directories of binaries, by place
	root      bool     // may install packages
	osRelease string   // file that names the distribution
	noCluster string   // file that keeps the distribution's package from starting a server
}

func thisMachine() machine {
	return machine{
		getenv:   os.Getenv,
		lookPath: exec.LookPath,
		globs: []string{
			"/usr/lib/postgresql/*/bin",
			"/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		},
		root:      os.Geteuid() == 0,
		osRelease: "/etc/os-release",
		noCluster: "/etc/postgresql-common/createcluster.conf",
	}
}

// A way is one step of the search.
type way struct {
	name string
	try  func(context.Context, machine, Options) (*Server, error)
}

var (
	wayNamed     = way{"server named by " + URLVariable, tryNamed}
	wayBinaries  = way{"server binaries on this machine", tryBinaries}
	wayContainer = way{"container", tryContainer}
	wayPackage   = way{"package of the distribution", tryPackage}
)

func waysFor(o Options) []way {
	switch {
	case o.BinDir != "":
		return []way{wayBinaries}
	case o.ThrowAway:
		return []way{wayBinaries, wayContainer, wayPackage}
	}
	return []way{wayNamed, wayBinaries, wayContainer, wayPackage}
}

// Start finds or starts a server and returns when it accepts connections. The
// caller stops it with [Server.Stop]; should it never come to that, the server
// ends with the calling process. The error is a [*NotFoundError] when no way
// serves.
func Start(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return search(ctx, thisMachine(), o, waysFor(o))
}

func search(ctx context.Context, m machine, o Options, ways []way) (*Server, error) {
	missed := &NotFoundError{}
	for _, w := range ways {
		s, err := w.try(ctx, m, o)
		if err == nil {
			o.Log("using " + s.String())
			return s, nil
		}
		var u unavailable
		if !errors.As(err, &u) {
			return nil, fmt.Errorf("PostgreSQL from %s: %w", w.name, err)
		}
		missed.Attempts = append(missed.Attempts, Attempt{w.name, u.reason})
	}
	return nil, missed
}

// tryNamed takes the server that the environment names.
func tryNamed(ctx context.Context, m machine, o Options) (*Server, error) {
	text := m.getenv(URLVariable)
	if text == "" {
		return nil, unavailablef("not set")
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New("not a URL of the form postgres://user:password@host:port/database")
	}
	s := &Server{Kind: Named, url: u, timeout: o.StartTimeout, running: true}
	if err := s.ask(ctx); err != nil {
		return nil, err
	}
	if s.version < o.MinVersion {
		return nil, fmt.Errorf("it is version %d, and %d or later is needed", s.version, o.MinVersion)
	}
	return s, nil
}
