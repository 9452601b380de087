//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tryPackage installs the distribution's package and goes on with its
// binaries.
func tryPackage(ctx context.Context, m machine, o Options) (*Server, error) {
	if err := m.canInstall(); err != nil {
		return nil, err
	}
	o.Log("installing the distribution's package postgresql")
	if err := m.install(ctx); err != nil {
		return nil, unavailablef("apt-get: %v", err)
	}
	s, err := tryBinaries(ctx, m, o)
	if u := (unavailable{}); errors.As(err, &u) {
		return nil, unavailablef("installed, but: %s", u.reason)
	}
	return s, err
}

func (m machine) canInstall() error {
	release, err := os.ReadFile(m.osRelease)
	if err != nil || !isDebian(string(release)) {
		return unavailablef("only on Debian and Ubuntu")
	}
	if _, err := m.lookPath("apt-get"); err != nil {
		return unavailablef("no apt-get in PATH")
	}
	if !m.root {
		return unavailablef("only root may install it (sudo apt-get install postgresql)")
	}
	return nil
}

// isDebian reads os-release.
func isDebian(release string) bool {
	for line := range strings.Lines(release) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name != "ID" && name != "ID_LIKE" {
			continue
		}
		for _, id := range strings.Fields(strings.Trim(value, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return true
			}
		}
	}
	return false
}

// install runs apt-get, one process of this machine at a time.
func (m machine) install(ctx context.Context) error {
	// Any file that all processes of this machine see; flock writes nothing.
	unlock, err := lockFile(ctx, m.osRelease)
	if err != nil {
		return err
	}
	defer unlock()
	// Left to itself the package creates and starts a server, which nobody
	// asked for.
	if _, err := os.Stat(m.noCluster); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(m.noCluster), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(m.noCluster, []byte("create_main_cluster = false\n"), 0o644); err != nil {
			return err
		}
	}
	if err := m.aptGet(ctx, "update"); err != nil {
		return err
	}
	return m.aptGet(ctx, "install", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "postgresql")
}

func (m machine) aptGet(ctx context.Context, args ...string) error {
	program, err := m.lookPath("apt-get")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-qq", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("%s: %w: %s", args[0], err, strings.Join(lines[max(0, len(lines)-3):], " | "))
	}
	return nil
}

// lockFile waits for an advisory lock on a file.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = poll(ctx, func() (bool, error) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
