//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
)

// Copy makes a second server of a file-level copy of this one's data, as a
// backup that is restored: same system identifier, roles and passwords, its
// own address. This one must be down and have been started by [Start] from
// binaries on this machine; it stays down, and Restart brings it up again.
//
// settings come on top of those of the original. signal names the empty file
// that tells the copy what to do with its log: "standby.signal" to follow
// another server, "recovery.signal" to recover to a target that the settings
// name, "" to recover to the end of the log.
func (s *Server) Copy(ctx context.Context, settings map[string]string, signal string) (*Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	original, ok := s.host.(*cluster)
	switch {
	case !ok:
		return nil, fmt.Errorf("copy PostgreSQL: %w from binaries on this machine", ErrNotOurs)
	case s.running || s.stopped:
		return nil, errors.New("copy PostgreSQL: it has to be down, and not stopped for good")
	}
	o := original.options
	o.Settings = maps.Clone(o.Settings)
	maps.Copy(o.Settings, settings)
	c := &cluster{binaries: original.binaries, who: original.who, options: o, password: original.password}
	return c.start(ctx, func(ctx context.Context) error { return c.copyData(ctx, original.dataDir(), signal) })
}

// copyData fills the data directory with what another has.
func (c *cluster) copyData(ctx context.Context, from, signal string) error {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, c.dataDir()).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	// After a crash it names the original's process.
	if err := os.Remove(filepath.Join(c.dataDir(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if signal == "" {
		return nil
	}
	path := filepath.Join(c.dataDir(), signal)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return c.who.own(path)
}
