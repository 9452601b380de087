//go:build unix

package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// binaries are an installation of the server.
type binaries struct {
	dir     string
	version int // as server_version_num
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

// tryBinaries starts a throw-away cluster with the first installation that
// serves.
func tryBinaries(ctx context.Context, m machine, o Options) (*Server, error) {
	who, err := serverAccount()
	if err != nil {
		return nil, unavailablef("%v", err)
	}
	b, err := findBinaries(ctx, m, o, who)
	if err != nil {
		return nil, err
	}
	return startCluster(ctx, o, b, who)
}

// findBinaries looks at the places in their order. A place that the caller or
// the operator named must serve.
func findBinaries(ctx context.Context, m machine, o Options, who *account) (binaries, error) {
	for _, named := range []struct{ by, dir string }{{"Options.BinDir", o.BinDir}, {BinVariable, m.getenv(BinVariable)}} {
		if named.dir == "" {
			continue
		}
		b, err := probe(ctx, named.dir, o.MinVersion, who)
		if err != nil {
			return b, fmt.Errorf("%s=%s: %w", named.by, named.dir, err)
		}
		return b, nil
	}
	var rejected []string
	for _, dir := range m.binDirs(ctx) {
		b, err := probe(ctx, dir, o.MinVersion, who)
		if err == nil {
			return b, nil
		}
		rejected = append(rejected, fmt.Sprintf("%s: %v", dir, err))
	}
	if len(rejected) > 0 {
		return binaries{}, unavailablef("none serves (%s)", strings.Join(rejected, "; "))
	}
	return binaries{}, unavailablef("no postgres in %s, PATH, pg_config --bindir, %s", BinVariable, strings.Join(m.globs, ", "))
}

// binDirs are the directories to look at that nobody named, best first.
func (m machine) binDirs(ctx context.Context) []string {
	var dirs []string
	add := func(dir string) {
		if real, err := filepath.EvalSymlinks(dir); err == nil && !slices.Contains(dirs, real) {
			dirs = append(dirs, real)
		}
	}
	if program, err := m.lookPath("postgres"); err == nil {
		// What is in the PATH may be a link of its own into an installation.
		if real, err := filepath.EvalSymlinks(program); err == nil {
			add(filepath.Dir(real))
		}
	}
	if program, err := m.lookPath("pg_config"); err == nil {
		if out, err := exec.CommandContext(ctx, program, "--bindir").Output(); err == nil {
			add(strings.TrimSpace(string(out)))
		}
	}
	for _, glob := range m.globs {
		found, _ := filepath.Glob(glob) // the patterns are ours and well formed
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(numberIn(b), numberIn(a)) })
		for _, dir := range found {
			add(dir)
		}
	}
	return dirs
}

var digits = regexp.MustCompile(`\d+`)

// numberIn gives the version in the name of an installation's directory, the
// one above dir; 0 when it has none.
func numberIn(dir string) int {
	n, _ := strconv.Atoi(digits.FindString(filepath.Base(filepath.Dir(dir))))
	return n
}

// probe looks whether the programs in dir serve the account that will run them.
func probe(ctx context.Context, dir string, minVersion int, who *account) (binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return binaries{}, err
	}
	b := binaries{dir: dir}
	for _, program := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(b.path(program)); err != nil {
			return b, fmt.Errorf("no %s there", program)
		}
	}
	cmd := exec.CommandContext(ctx, b.path("postgres"), "--version")
	cmd.Dir = "/"
	who.apply(cmd)
	out, err := cmd.Output()
	if errors.Is(err, syscall.EACCES) {
		return b, fmt.Errorf("user %s, which is to run the server, cannot execute postgres there", who)
	}
	if err != nil {
		return b, fmt.Errorf("postgres --version: %w", err)
	}
	if b.version, err = parseVersion(string(out)); err != nil {
		return b, err
	}
	if b.version < minVersion {
		return b, fmt.Errorf("version %d.%d, and %d or later is needed", b.version/10000, b.version%10000, minVersion/10000)
	}
	return b, nil
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// parseVersion reads what postgres --version prints, as server_version_num.
func parseVersion(out string) (int, error) {
	m := versionOutput.FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("postgres --version printed %q", strings.TrimSpace(out))
	}
	major, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	minor, _ := strconv.Atoi("0" + m[2])
	return major*10000 + minor, nil
}

// hasLibrary tells whether the installation has a loadable library, without
// asking pg_config, which small installations lack.
func (b binaries) hasLibrary(name string) bool {
	for _, dir := range []string{"../lib", "../lib/postgresql", "../lib/postgresql/" + strconv.Itoa(b.version/10000)} {
		for _, suffix := range []string{".so", ".dylib"} {
			if _, err := os.Stat(filepath.Join(b.dir, dir, name+suffix)); err == nil {
				return true
			}
		}
	}
	return false
}
