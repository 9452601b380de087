package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// PreflightOptions say what is going to be done with the database.
type PreflightOptions struct {
	// Schema is the one with the engine's tables.
	// Defaults to "": the one schema that has them all.
	Schema string
	// Publication is the name of the publication.
	// Defaults to DefaultPublication.
	Publication string
	// AllColumns is PublicationOptions.AllColumns.
	// Defaults to false.
	AllColumns bool
	// ApplicationName is what our replication connection calls itself.
	// Defaults to "tasker-sidecar".
	ApplicationName string
	// Connections is how many ordinary connections we shall want at once.
	// Defaults to 8.
	Connections int
	// MaxWALBehind is how much log our slot may hold back, in bytes.
	// Defaults to 0: half of max_slot_wal_keep_size, or 1 GiB without one.
	MaxWALBehind int64
	// OldTransaction is the age from which a transaction is told that the
	// creation of a slot would wait for.
	// Defaults to 1 minute.
	OldTransaction time.Duration
	// Rules say how the rules are asked for.
	Rules RulesOptions
	// ConnectTimeout bounds each connection that is tried.
	// Defaults to 10 seconds.
	ConnectTimeout time.Duration
}

func (o PreflightOptions) withDefaults() PreflightOptions {
	def(&o.Publication, DefaultPublication)
	def(&o.ApplicationName, "tasker-sidecar")
	def(&o.Connections, 8)
	def(&o.OldTransaction, time.Minute)
	def(&o.ConnectTimeout, 10*time.Second)
	return o
}

// Preflight looks at everything that following a database depends on and tells
// all of it at once. It changes nothing: it opens up to two connections, one of
// them for replication, and reads. What it cannot look at is a finding too, so
// that an error is returned only when ctx ends. The report is never nil; its
// findings never hold a password.
func Preflight(ctx context.Context, database *pgx.ConnConfig, o PreflightOptions) (*Report, error) {
	p := &preflight{o: o.withDefaults(), config: database, report: &Report{Platform: PlainPostgres, Database: database.Database, Role: database.User}}
	p.run(ctx)
	return p.report, ctx.Err()
}

// preflight is one run of the checks.
type preflight struct {
	o      PreflightOptions
	config *pgx.ConnConfig
	report *Report
	conn   *pgx.Conn
	server serverFacts
}

func (p *preflight) add(check string, severity Severity, remedy, format string, args ...any) {
	p.report.Findings = append(p.report.Findings, Finding{Check: check, Severity: severity, What: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (p *preflight) ok(check, format string, args ...any) {
	p.add(check, SeverityOK, "", format, args...)
}

// failed reports an error of a check; one of ours with its own words.
func (p *preflight) failed(check string, err error) {
	err = Explain(err)
	var setup *SetupError
	if errors.As(err, &setup) {
		p.add(setup.Check, SeverityError, setup.Remedy, "%s", setup.What)
		return
	}
	p.add(check, SeverityError, "", "%s", hidePassword(lastLine(err)))
}

func (p *preflight) run(ctx context.Context) {
	conn, err := p.connect(ctx, nil)
	if err != nil {
		p.failed(CheckConnection, err)
		return
	}
	p.conn = conn
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written

	p.ok(CheckConnection, "connected to database %s at %s:%d as role %s", p.config.Database, p.config.Host, p.config.Port, p.config.User)
	if p.report.Platform, err = detectPlatform(ctx, conn); err != nil {
		p.failed(CheckConnection, err)
		return
	}
	if p.server, err = readServer(ctx, conn); err != nil {
		p.failed(CheckConnection, err)
		return
	}
	p.report.Database, p.report.Role = p.server.Database, p.server.Role
	p.checkPooler(conn, CheckPooler)
	p.checkServer()
	p.checkReplication(ctx)
	p.checkTimeZone(ctx)

	if p.checkTables(ctx) {
		p.checkPrivileges(ctx)
		p.checkPublication()
		p.checkRules(ctx)
	}
}

// connect opens a connection; change alters the configuration first.
func (p *preflight) connect(ctx context.Context, change func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.o.ConnectTimeout)
	defer cancel()
	c := p.config.Copy()
	if change != nil {
		change(c)
	}
	return pgx.ConnectConfig(ctx, c)
}

const poolerRemedy = "let --database-url lead to the server itself (PgBouncer usually listens on 6432, PostgreSQL on 5432): a slot, its snapshot and the sessions that load it cannot be shared"

// checkPooler compares the process that the connection was said to be served
// by with the one that serves: a pooler gives numbers of its own.
func (p *preflight) checkPooler(conn *pgx.Conn, check string) {
	if promised := conn.PgConn().PID(); int64(promised) != p.server.Pid {
		p.add(check, SeverityError, poolerRemedy, "there is a connection pooler in between: the connection was announced as process %d and is served by %d", promised, p.server.Pid)
		return
	}
	p.ok(check, "no connection pooler in between")
}

// checkReplication opens a connection for replication, which is the only sure
// way to know that one can be had.
func (p *preflight) checkReplication(ctx context.Context) {
	role := p.server.Role
	if !p.server.MayReplicate {
		p.add(CheckReplicationRole, SeverityError, p.report.Platform.grantReplication(role), "role %s may not replicate", role)
		return
	}
	p.ok(CheckReplicationRole, "role %s may replicate", role)

	conn, err := p.connect(ctx, func(c *pgx.ConnConfig) {
		c.RuntimeParams["replication"] = "database"
		c.RuntimeParams["application_name"] = p.o.ApplicationName
		c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	})
	if err != nil {
		p.failed(CheckReplication, err)
		return
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	results, err := conn.PgConn().Exec(ctx, "IDENTIFY_SYSTEM").ReadAll()
	if err != nil {
		p.add(CheckReplication, SeverityError, poolerRemedy, "the connection for replication does not reach a server's walsender: %s", lastLine(err))
		return
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][3]) != p.server.Database {
		p.add(CheckReplication, SeverityError, poolerRemedy, "the connection for replication reaches another database than the ordinary one")
		return
	}
	p.ok(CheckReplication, "a connection for replication can be had")
}

// checkTables reads the layout and judges the tables; false ends the checks.
func (p *preflight) checkTables(ctx context.Context) bool {
	f, err := ReadFingerprint(ctx, p.conn, FingerprintOptions{Publication: p.o.Publication})
	if err != nil {
		p.failed(CheckTables, err)
		return false
	}
	l := f.Layout()
	p.report.Layout = l
	schema, err := l.Schema(p.o.Schema)
	if err != nil {
		p.failed(CheckSchema, err)
		return false
	}
	p.report.Schema = schema
	p.ok(CheckSchema, "the engine's tables are in schema %s", schema)
	found := l.unfitTables(schema)
	p.report.Findings = append(p.report.Findings, found...)
	bad := map[string]bool{}
	for _, f := range found {
		bad[f.Check] = true
	}
	for _, c := range []struct{ check, what string }{
		{CheckTables, fmt.Sprintf("all %d followed tables are there", tasker.FollowedTables)},
		{CheckColumns, "all followed columns are there and of the expected types"},
		{CheckPersistence, "the tables are logged"},
		{CheckPartitions, "no table is partitioned or inherited from"},
		{CheckReplicaIdentity, "primary keys and replica identities tell which row was changed"},
	} {
		if !bad[c.check] {
			p.ok(c.check, "%s", c.what)
		}
	}
	return !bad[CheckTables] // without a table there is no publication and no answer
}

func (p *preflight) checkRules(ctx context.Context) {
	finding, err := DetectRules(ctx, p.conn, p.report.Schema, p.o.Rules)
	if err != nil {
		p.failed(CheckRules, err)
		return
	}
	p.report.Rules = finding
	severity := SeverityOK
	if finding.Provisional {
		severity = SeverityInfo
	}
	p.add(CheckRules, severity, "", "%s", finding)
}
