// Package clients tests the drop-in functions as what asks them in production
// does: psql, and Ruby's ActiveRecord with the driver pg, as processes of their
// own. Each question is also asked of the engine's own functions, with the
// engine's schema alone in search_path, and where an answer came from is read
// off the counters. It has no code but its tests.
package clients_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed/golden"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// path is the search_path of an application that is switched over.
const path = dropin.Schema + ", public"

// lab is a database with the golden data, followed and projected, and the role
// of an application: it may work on the engine's tables and read our rows, and
// owns nothing.
type lab struct {
	*projecttest.Lab
	role        string
	application string // the URL for that role
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{role: role(t)}
	address := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	if err := golden.Load(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	followtest.Exec(t, conn, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "+l.role)
	// Again, as after any change of rights: the view takes over those of the engine's.
	err := schema.Install(t.Context(), conn, schema.Options{
		Readers: []string{l.role},
		Steps: []schema.Step{{Name: "drop-ins", Run: func(ctx context.Context, tx pgx.Tx, engine string) error {
			return dropin.Install(ctx, tx, dropin.Options{Engine: engine})
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(l.role, "application")
	l.application = u.String()
	l.Lab = projecttest.Start(t, address, nil)
	l.Written(t)
	return l
}

// role makes a role for the time of a test. It outlives the databases that are
// made after it, and with them all that it was granted.
func role(t *testing.T) string {
	t.Helper()
	name := pgtest.UniqueName(t, "application")
	server := pgtest.Shared(t).URL()
	followtest.Exec(t, followtest.Connect(t, server), fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'application'", name))
	t.Cleanup(func() {
		ctx := context.Background() // the test's has ended
		admin, err := pgx.Connect(ctx, server)
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close(ctx)
		if _, err := admin.Exec(ctx, "DROP ROLE "+name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// counts are the answers so far, by where they came from: "rows", or the cause
// for which they were computed although rows were asked for.
func (l *lab) counts(t testing.TB) map[string]int64 {
	t.Helper()
	var fromRows int64
	counts := map[string]int64{}
	if err := l.Conn.QueryRow(t.Context(), "SELECT answers_from_rows, fallbacks FROM tasker_sidecar.freshness").Scan(&fromRows, &counts); err != nil {
		t.Fatal(err)
	}
	counts["rows"] = fromRows
	return counts
}

// counted waits until what was asked since is counted, and compares. Servers
// make a session's counts known when it ends, or a second later.
func (l *lab) counted(t testing.TB, since, want map[string]int64) {
	t.Helper()
	var got map[string]int64
	total := int64(0)
	for n := range maps.Values(want) {
		total += n
	}
	followtest.Eventually(t, "the answers to be counted", func() bool {
		got = l.counts(t)
		seen := int64(0)
		for cause, n := range got {
			if got[cause] = n - since[cause]; got[cause] == 0 {
				delete(got, cause)
			}
			seen += n - since[cause]
		}
		return seen >= total
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("where answers came from: wanted (-), counted (+):\n%s", diff)
	}
}

// The modes of reading.
var modes = []string{"exact", "wait", "fast"}

// settings are what a session is told for a mode; a machine that has stopped
// for a while does not change where an answer comes from.
func settings(mode string) map[string]string {
	return map[string]string{"tasker_sidecar.read_mode": mode, "tasker_sidecar.wait_timeout": "30s", "tasker_sidecar.max_staleness": "30s"}
}

// from is how the answers to questions are counted in a mode.
func from(mode string, asked []question) map[string]int64 {
	counts := map[string]int64{}
	for _, q := range asked {
		switch {
		case mode == "exact" || q.from == "":
		case mode == "wait" && q.waiting != "":
			counts[q.waiting]++
		default:
			counts[q.from]++
		}
	}
	return counts
}
