package clients_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

// patience is how long a client may take for all that it is told to do.
const patience = 3 * time.Minute

// What to install where a client is missing. Nothing is installed from here,
// and nothing is skipped.
const (
	installRuby = "install Ruby with ActiveRecord and the driver pg: on Debian and Ubuntu the packages ruby, ruby-pg and ruby-activerecord, elsewhere Ruby and then: gem install activerecord pg"
	installPsql = "install PostgreSQL's client programs: on Debian and Ubuntu the package postgresql-client, with Homebrew libpq"
)

// searchPath is PATH with the server's own programs first: its pg_dump is not
// older than the server.
func searchPath(t testing.TB) string {
	t.Helper()
	paths := []string{os.Getenv("PATH")}
	if bin := pgtest.Shared(t).BinDir; bin != "" {
		paths = append([]string{bin}, paths...)
	}
	return strings.Join(paths, string(os.PathListSeparator))
}

// program finds a program, or fails and says what to install.
func program(t testing.TB, name, install string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(searchPath(t)) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	t.Fatalf("%s is not on this machine: %s", name, install)
	return ""
}

// run runs a client to its end, for a database and with some lines on its
// standard input, and returns what it has printed. Whatever it complains of
// fails the test.
func run(t testing.TB, address string, environment []string, input string, command string, args ...string) []byte {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, command, args...)
	// What this machine says of a database is not what the client is to use.
	c.Env = slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "DATABASE_URL=")
	})
	c.Env = append(c.Env, "PATH="+searchPath(t), "TZ=America/New_York",
		"PGHOST="+config.Host, "PGPORT="+strconv.Itoa(int(config.Port)), "PGDATABASE="+config.Database, "PGUSER="+config.User, "PGPASSWORD="+config.Password)
	c.Env = append(c.Env, environment...)
	c.Stdin = strings.NewReader(input)
	var out, messages bytes.Buffer
	c.Stdout, c.Stderr = &out, &messages
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(command), err, shortened(messages.String()))
	}
	if messages.Len() > 0 {
		t.Errorf("%s complains:\n%s", filepath.Base(command), messages.String())
	}
	return out.Bytes()
}

// shortened leaves out what a client says of its own insides.
func shortened(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[:min(len(lines), 5)], "\n")
}
