package replication

import (
	"context"
	"fmt"
)

// Platform is who runs a server. What an operator has to do differs by it: a
// managed server has no ALTER SYSTEM and no superuser.
type Platform string

// The platforms that are told apart, by settings and roles only they have.
const (
	PlainPostgres Platform = "PostgreSQL"
	AmazonRDS     Platform = "Amazon RDS"
	AmazonAurora  Platform = "Amazon Aurora"
	CloudSQL      Platform = "Google Cloud SQL"
	AlloyDB       Platform = "Google AlloyDB"
	Azure         Platform = "Azure Database for PostgreSQL"
	Supabase      Platform = "Supabase"
	Neon          Platform = "Neon"
	Aiven         Platform = "Aiven"
	DigitalOcean  Platform = "DigitalOcean"
)

// platformSQL looks for the marks of each platform, the more special first.
// Settings in a namespace of their own and roles are visible to everybody.
const platformSQL = `
WITH marks AS (
    SELECT
        (SELECT array_agg(DISTINCT split_part(name, '.', 1)) FROM pg_settings WHERE name LIKE '%.%') AS spaces,
        (SELECT array_agg(rolname::text) FROM pg_roles WHERE rolname = ANY ('{rds_superuser,cloudsqlsuperuser,alloydbsuperuser,azure_pg_admin,supabase_admin,neon_superuser,avnadmin,doadmin}')) AS roles,
        EXISTS (SELECT FROM pg_proc WHERE proname = 'aurora_version') AS aurora
)
SELECT CASE
    WHEN aurora THEN 'Amazon Aurora'
    WHEN 'rds' = ANY (spaces) OR 'rds_superuser' = ANY (roles) THEN 'Amazon RDS'
    WHEN 'alloydb' = ANY (spaces) OR 'alloydbsuperuser' = ANY (roles) THEN 'Google AlloyDB'
    WHEN 'cloudsql' = ANY (spaces) OR 'cloudsqlsuperuser' = ANY (roles) THEN 'Google Cloud SQL'
    WHEN 'azure' = ANY (spaces) OR 'azure_pg_admin' = ANY (roles) THEN 'Azure Database for PostgreSQL'
    WHEN 'supabase_admin' = ANY (roles) THEN 'Supabase'
    WHEN 'neon' = ANY (spaces) OR 'neon_superuser' = ANY (roles) THEN 'Neon'
    WHEN 'avnadmin' = ANY (roles) THEN 'Aiven'
    WHEN 'doadmin' = ANY (roles) THEN 'DigitalOcean'
    ELSE 'PostgreSQL'
END
FROM marks`

func detectPlatform(ctx context.Context, conn Querier) (Platform, error) {
	var p Platform
	if err := conn.QueryRow(ctx, platformSQL).Scan(&p); err != nil {
		return PlainPostgres, fmt.Errorf("asking who runs the server: %w", err)
	}
	return p, nil
}

// setting says how a setting of the server is changed that takes effect at a
// restart.
func (p Platform) setting(name, value string) string {
	switch p {
	case AmazonRDS:
		return fmt.Sprintf("set %s = %s in the instance's DB parameter group and reboot it", name, value)
	case AmazonAurora:
		return fmt.Sprintf("set %s = %s in the DB cluster parameter group and reboot the writer", name, value)
	case CloudSQL:
		return fmt.Sprintf("set the flag %s = %s (gcloud sql instances patch INSTANCE --database-flags, naming all flags); the instance restarts", name, value)
	case AlloyDB:
		return fmt.Sprintf("set the flag %s = %s (gcloud alloydb instances update INSTANCE --database-flags, naming all flags); the instance restarts", name, value)
	case Azure:
		return fmt.Sprintf("set the server parameter %s = %s and restart the server", name, value)
	case Supabase, Neon, Aiven, DigitalOcean:
		return fmt.Sprintf("set %s = %s in the configuration that %s offers, or ask its support", name, value, p)
	}
	return fmt.Sprintf("ALTER SYSTEM SET %s = %s, then restart the server", name, value)
}

// walLevel says how wal_level becomes logical.
func (p Platform) walLevel() string {
	switch p {
	case AmazonRDS, AmazonAurora:
		return p.setting("rds.logical_replication", "1")
	case CloudSQL:
		return p.setting("cloudsql.logical_decoding", "on")
	case AlloyDB:
		return p.setting("alloydb.logical_decoding", "on")
	case Neon:
		return "switch on logical replication in the project's settings"
	}
	return p.setting("wal_level", "logical")
}

// grantReplication says how a role comes to be allowed to replicate.
func (p Platform) grantReplication(role string) string {
	switch p {
	case AmazonRDS, AmazonAurora:
		return fmt.Sprintf("as the master user: GRANT rds_replication TO %s", quote(role))
	case CloudSQL, AlloyDB:
		return fmt.Sprintf("as a member of the platform's superuser role: ALTER USER %s WITH REPLICATION", quote(role))
	case Azure:
		return fmt.Sprintf("as the server's administrator: ALTER ROLE %s WITH REPLICATION", quote(role))
	case Neon:
		return "make the role in the project's console: roles made there may replicate"
	case Supabase, Aiven, DigitalOcean:
		return fmt.Sprintf("as the administrative role: ALTER ROLE %s WITH REPLICATION", quote(role))
	}
	return fmt.Sprintf("as a superuser: ALTER ROLE %s REPLICATION", quote(role))
}
