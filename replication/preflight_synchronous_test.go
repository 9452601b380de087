package replication

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
)

// synchronousCases are settings that a server takes, and whether a standby
// called tasker-sidecar is in them.
var synchronousCases = []struct {
	names string
	want  bool
}{
	{"", false},
	{"*", true},
	{`"*"`, true},
	{"replica1", false},
	{"replica1, *", true},
	{"tasker_sidecar", false},
	{`"tasker-sidecar"`, true},
	{`"TASKER-Sidecar"`, true},
	{`replica1,"tasker-sidecar"`, true},
	{`"tasker-sidecar2"`, false},
	{`" tasker-sidecar"`, false},
	{`1 ("tasker-sidecar")`, true},
	{`2 (replica1, replica2)`, false},
	{`FIRST 1 (replica1, "tasker-sidecar")`, true},
	{`first 2 (a, b, c)`, false},
	{`ANY 2 (a, "tasker-sidecar", c)`, true},
	{`any 1(*)`, true},
	{`ANY 1 ( a , "b""c" )`, false},
	{`ANY 1 ("tasker-sidecar""")`, false},
	{`"first (1", "tasker-sidecar"`, true},
	{`"any 1 (tasker-sidecar)"`, false},
	{`"(", b`, false},
	{`"a, tasker-sidecar"`, false},
	{"\treplica1 ,\n replica2", false},
	{`walsender1, w2$x, _w3`, false},
}

func TestWouldBeSynchronous(t *testing.T) {
	for _, c := range synchronousCases {
		if got := WouldBeSynchronous(c.names, "tasker-sidecar"); got != c.want {
			t.Errorf("%s: %v", c.names, got)
		}
	}
	long := strings.Repeat("a", 70)
	if !WouldBeSynchronous(long[:63], long) {
		t.Error("a name is compared as the server cuts it")
	}
	if err := CheckSynchronousStandby("replica1, *", "tasker-sidecar"); err == nil || !strings.Contains(err.Error(), "name the real standbys") {
		t.Errorf("the error is %v", err)
	}
}

// The server itself says what it makes of each setting.
func TestWouldBeSynchronousAsTheServer(t *testing.T) {
	s := pgtest.Server(t, nil)
	conn, err := pgx.Connect(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // the server goes
	// Commits here would wait for standbys.
	execute(t, conn, "SET synchronous_commit = local")
	stream := startWalsender(t, s.URL(), "tasker-sidecar")
	defer stream.Close(context.Background()) //nolint:errcheck // as above
	set := func(names string, want bool) {
		execute(t, conn, "ALTER SYSTEM SET synchronous_standby_names = '"+strings.ReplaceAll(names, "'", "''")+"'", "SELECT pg_reload_conf()")
		var state string
		for deadline := time.Now().Add(20 * time.Second); (state != "" && state != "async") != want || state == ""; {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the server says %q", names, state)
			}
			// The walsender takes a new setting in when it wakes up.
			execute(t, conn, "SELECT pg_logical_emit_message(false, 'wake', 'up')")
			if err := conn.QueryRow(t.Context(), "SELECT max(sync_state) FROM pg_stat_replication").Scan(&state); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range synchronousCases {
		if strings.Contains(c.names, "\n") {
			continue // ALTER SYSTEM does not take it
		}
		opposite := "*"
		if c.want {
			opposite = ""
		}
		set(opposite, !c.want)
		set(c.names, c.want)
	}
}

// startWalsender makes a connection stream a slot, so that the server counts it
// among its standbys.
func startWalsender(t *testing.T, address, applicationName string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["replication"] = "database"
	config.RuntimeParams["application_name"] = applicationName
	config.RuntimeParams["wal_sender_timeout"] = "0"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().Exec(t.Context(), "CREATE_REPLICATION_SLOT standby TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT").ReadAll(); err != nil {
		t.Fatal(err)
	}
	options := pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'none'"}}
	if err := pglogrepl.StartReplication(t.Context(), conn.PgConn(), "standby", 0, options); err != nil {
		t.Fatal(err)
	}
	// One that has flushed nothing is no standby yet.
	status := pglogrepl.StandbyStatusUpdate{WALWritePosition: 1, WALFlushPosition: 1, WALApplyPosition: 1}
	if err := pglogrepl.SendStandbyStatusUpdate(t.Context(), conn.PgConn(), status); err != nil {
		t.Fatal(err)
	}
	return conn
}
