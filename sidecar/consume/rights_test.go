package consume_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestRights: the rights that the script for the owner gives, and those of an
// installation, are enough, and without them it is said what is missing.
func TestRights(t *testing.T) {
	owner := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, owner)
	const role = "sidecar_that_consumes"
	followtest.Exec(t, conn, "CREATE ROLE "+role+" LOGIN PASSWORD 'weak'")
	t.Cleanup(func() {
		for _, s := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := conn.Exec(context.Background(), s); err != nil {
				t.Error(err)
			}
		}
	})
	address, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(role, "weak")
	tasks(t, conn, 3)

	attempt := func() error {
		s := &sink{}
		hub, err := announce.New(announce.Options{Always: true})
		if err != nil {
			t.Fatal(err)
		}
		reader, err := hub.Subscribe(nil, announce.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		c := consume.New(options(address.String(), "one", s))
		defer c.Close(context.Background())
		if err := c.Prepare(t.Context()); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx, reader, "public") }()
		followtest.Eventually(t, "an end, or an event", func() bool { return len(ended) > 0 || s.has("task-transition-1") })
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	if err := attempt(); !errors.Is(err, consume.ErrNotInstalled) {
		t.Errorf("without any right: %v", err)
	}
	if err := schema.Install(t.Context(), conn, schema.Options{Sidecar: []string{role}}); err != nil {
		t.Fatal(err)
	}
	if err := attempt(); !errors.Is(err, consume.ErrRights) {
		t.Errorf("without rights on the engine's tables: %v", err)
	}
	script, err := replication.Script(t.Context(), conn, replication.ScriptOptions{Role: role})
	if err != nil {
		t.Fatal(err)
	}
	followtest.Exec(t, conn, script, begin(1, 1))
	if err := attempt(); err != nil {
		t.Error(fmt.Errorf("with all that it takes: %w", err))
	}
	followtest.Exec(t, conn, "DROP PUBLICATION tasker_sidecar")
}
