package replication

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// A managed server is known by its settings and roles, and the remedies are
// those that can be had there.
func TestPreflightOfManagedServers(t *testing.T) {
	s := pgtest.Server(t, map[string]string{"max_replication_slots": "2"})
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(s))
	execute(t, connectTo(t, address), "ALTER SYSTEM SET wal_level = replica")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connectTo(t, address)
	role, roleAddress := newRole(t, address, "")
	for _, c := range []struct {
		platform            Platform
		mark, unmark        string
		walLevel, mayFollow string
	}{
		{PlainPostgres, "SELECT 1", "SELECT 1", "ALTER SYSTEM SET wal_level = logical", "as a superuser: ALTER ROLE"},
		{AmazonRDS, "CREATE ROLE rds_superuser", "DROP ROLE rds_superuser", "rds.logical_replication = 1 in the instance's DB parameter group", "GRANT rds_replication TO"},
		{AmazonAurora, "CREATE FUNCTION aurora_version() RETURNS text LANGUAGE sql AS $$ SELECT '1' $$", "DROP FUNCTION aurora_version", "DB cluster parameter group", "GRANT rds_replication TO"},
		{CloudSQL, "CREATE ROLE cloudsqlsuperuser", "DROP ROLE cloudsqlsuperuser", "cloudsql.logical_decoding = on", "WITH REPLICATION"},
		{AlloyDB, "CREATE ROLE alloydbsuperuser", "DROP ROLE alloydbsuperuser", "alloydb.logical_decoding = on", "WITH REPLICATION"},
		{Azure, "CREATE ROLE azure_pg_admin", "DROP ROLE azure_pg_admin", "server parameter wal_level = logical", "WITH REPLICATION"},
		{Supabase, "CREATE ROLE supabase_admin", "DROP ROLE supabase_admin", "ask its support", "WITH REPLICATION"},
		{Neon, "CREATE ROLE neon_superuser", "DROP ROLE neon_superuser", "switch on logical replication", "console"},
		{Aiven, "CREATE ROLE avnadmin", "DROP ROLE avnadmin", "that Aiven offers", "WITH REPLICATION"},
		{DigitalOcean, "CREATE ROLE doadmin", "DROP ROLE doadmin", "that DigitalOcean offers", "WITH REPLICATION"},
	} {
		t.Run(string(c.platform), func(t *testing.T) {
			execute(t, conn, c.mark)
			defer execute(t, conn, c.unmark)
			r := preflightOf(t, roleAddress, PreflightOptions{})
			if r.Platform != c.platform {
				t.Errorf("it is taken for %s", r.Platform)
			}
			wantFinding(t, r, CheckWALLevel, SeverityError, "wal_level is replica", c.walLevel)
			wantFinding(t, r, CheckReplicationRole, SeverityError, "may not replicate", c.mayFollow)
		})
	}
	// On Amazon RDS a role replicates without the attribute.
	execute(t, conn, "CREATE ROLE rds_replication", fmt.Sprintf("GRANT rds_replication TO %s", role))
	wantFinding(t, preflightOf(t, roleAddress, PreflightOptions{}), CheckReplicationRole, SeverityOK, "may replicate", "")
}

func TestPreflightOfAStandby(t *testing.T) {
	s := pgtest.Server(t, nil)
	address := engineDatabase(t, tasker.RulesV02, pgtest.On(s))
	var directory string
	if err := connectTo(t, address).QueryRow(t.Context(), "SHOW data_directory").Scan(&directory); err != nil {
		t.Fatal(err)
	}
	// A server that believes to be a standby, of nobody, is one to us.
	signal := filepath.Join(directory, "standby.signal")
	if err := os.WriteFile(signal, nil, 0o644); err != nil { //nolint:gosec // the server's account has to read it
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := preflightOf(t, address, PreflightOptions{})
	wantFinding(t, r, CheckPrimary, SeverityError, "the server is a standby", "primary")
	err := EnsurePublication(t.Context(), connectTo(t, address), PublicationOptions{})
	if err == nil || !Permanent(err) {
		t.Errorf("the error is %v", err)
	}
	if err := os.Remove(signal); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}
