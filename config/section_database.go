package config

import "time"

// Database is how the sidecar reaches the database whose tables it follows.
type Database struct {
	// URL names the database: a URL such as postgres://user@host:5432/name, or
	// a string of key=value pairs. What it leaves out is taken from the
	// variables PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE,
	// PGPASSFILE and so on, as psql does. It must reach the server itself: a
	// connection pooler cannot carry replication.
	URL Secret `flag:"database-url"`
	// URLFile names a file that holds the URL, for deployments that mount
	// secrets as files. It is read once, at the start.
	URLFile string
	// Schema is the schema of the engine's tables and functions. Empty: the one
	// in which the tables are found; with several, one has to be named.
	Schema string `form:"identifier" flag:"schema"`
	// ApplicationName is what our sessions are called in pg_stat_activity and
	// pg_stat_replication. It must not match synchronous_standby_names, or the
	// primary would wait for us.
	ApplicationName string `form:"identifier!" default:"tasker-sidecar"`
	// ConnectTimeout bounds the time to connect to the server.
	ConnectTimeout time.Duration `range:"100ms..10m" default:"10s"`
}
