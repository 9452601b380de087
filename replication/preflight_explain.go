package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ParseURL reads a database's address, as a URL or in the form keyword=value.
// Its error is a *SetupError without the password.
func ParseURL(url string) (*pgx.ConnConfig, error) {
	if strings.TrimSpace(url) == "" {
		return nil, &SetupError{Check: CheckConnection, Permanent: true, What: "no database is named", Remedy: urlRemedy}
	}
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, Explain(err)
	}
	return c, nil
}

const urlRemedy = "set --database-url, such as postgres://sidecar@db.example:5432/app"

// Explain turns an error of connecting or asking into one line that says what
// is wrong and what to do: a *SetupError that wraps err, and whose message
// holds no password. An error that is one already, or that is none of those
// that setting up leads to, is returned as it is; nil stays nil.
func Explain(err error) error {
	var known *SetupError
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	if e := explain(err); e != nil {
		var parse *pgconn.ParseConfigError
		if !errors.As(err, &parse) { // which holds all that was given
			e.Err = &hidden{err}
		}
		e.What = hidePassword(e.What)
		return e
	}
	return err
}

func explain(err error) *SetupError {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		// Its text may quote what was given, password included.
		return &SetupError{Check: CheckConnection, Permanent: true,
			What: "the database URL cannot be read (" + parseTrouble(parse) + ")", Remedy: urlRemedy}
	}
	where := "the server"
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) && connect.Config != nil {
		where = fmt.Sprintf("%s:%d", connect.Config.Host, connect.Config.Port)
		if strings.HasPrefix(connect.Config.Host, "/") {
			where = fmt.Sprintf("the server at %s, port %d", connect.Config.Host, connect.Config.Port)
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return explainServer(pg, where, connect)
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return &SetupError{Check: CheckConnection, What: fmt.Sprintf("host %s is not known", dns.Name), Remedy: "check the host in --database-url"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return &SetupError{Check: CheckConnection, What: where + " did not answer in time", Remedy: "check host, port and firewalls"}
	case connect == nil:
		return nil
	case strings.Contains(err.Error(), "server refused TLS"):
		return &SetupError{Check: CheckConnection, Permanent: true, What: where + " does not speak TLS", Remedy: "switch on ssl on the server, or say sslmode=disable in --database-url where the network is trusted"}
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		return &SetupError{Check: CheckConnection, Permanent: true, What: "TLS with " + where + " failed: " + lastLine(err), Remedy: "check sslmode and sslrootcert in --database-url"}
	case errors.As(err, &op):
		return &SetupError{Check: CheckConnection, What: fmt.Sprintf("%s cannot be reached: %v", where, op.Err), Remedy: "check that it runs, and host and port in --database-url"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &SetupError{Check: CheckConnection, What: where + " closed the connection at once", Remedy: "check that a PostgreSQL server listens there"}
	}
	return &SetupError{Check: CheckConnection, What: "connecting to " + where + " failed: " + lastLine(err), Remedy: "check --database-url"}
}

func explainServer(pg *pgconn.PgError, where string, connect *pgconn.ConnectError) *SetupError {
	database, role := "the database", "the role"
	if connect != nil && connect.Config != nil {
		database, role = connect.Config.Database, connect.Config.User
	}
	setup := func(check string, permanent bool, what, remedy string) *SetupError {
		return &SetupError{Check: check, Permanent: permanent, What: what, Remedy: remedy}
	}
	switch {
	case pg.Code == pgerrcode.InvalidPassword:
		return setup(CheckConnection, true, fmt.Sprintf("%s refuses the password of role %s", where, role), "check user and password in --database-url, or PGPASSWORD and ~/.pgpass")
	case pg.Code == pgerrcode.InvalidAuthorizationSpecification:
		return setup(CheckConnection, true, fmt.Sprintf("%s refuses role %s: %s", where, role, pg.Message), "check the user in --database-url and the server's pg_hba.conf")
	case pg.Code == pgerrcode.InvalidCatalogName:
		return setup(CheckConnection, true, fmt.Sprintf("%s has no database %s", where, database), "check the database in --database-url")
	case pg.Code == pgerrcode.TooManyConnections:
		return setup(CheckConnections, false, where+" has no connection left: "+pg.Message, "raise max_connections or the role's CONNECTION LIMIT, or close what is not needed")
	case pg.Code == pgerrcode.CannotConnectNow:
		return setup(CheckConnection, false, where+" does not take connections yet: "+pg.Message, "wait until it has started")
	case pg.Code == pgerrcode.ObjectNotInPrerequisiteState && strings.Contains(pg.Message, "wal_level"):
		return setup(CheckWALLevel, true, "the server's wal_level is too low: "+pg.Message, "ALTER SYSTEM SET wal_level = logical and restart it; tasker-sidecar doctor says how on a managed server")
	case pg.Code == pgerrcode.ConfigurationLimitExceeded:
		return setup(CheckSlots, false, "no replication slot is free: "+pg.Message, "drop slots that nobody uses (pg_replication_slots), or raise max_replication_slots and restart the server")
	case pg.Code == pgerrcode.InsufficientPrivilege && (strings.Contains(pg.Message, "replication") || strings.Contains(strings.ToLower(pg.Message), "wal sender")):
		return setup(CheckReplicationRole, true, fmt.Sprintf("role %s may not replicate: %s", role, pg.Message), "as a superuser: ALTER ROLE ... REPLICATION; tasker-sidecar doctor says how on a managed server")
	case pg.Code == pgerrcode.InsufficientPrivilege:
		return setup(CheckPrivileges, true, pg.Message, "run the script that tasker-sidecar doctor --sql prints, as the owner of the tables")
	case pg.Code == pgerrcode.UndefinedTable || pg.Code == pgerrcode.UndefinedColumn:
		return setup(CheckTables, true, pg.Message, "check the database and the schema; tasker-sidecar doctor lists what is missing")
	case connect != nil && pg.Code == pgerrcode.ProtocolViolation:
		return setup(CheckPooler, true, where+" does not take this kind of connection: "+pg.Message, poolerRemedy)
	}
	if connect != nil {
		return setup(CheckConnection, false, fmt.Sprintf("connecting to %s failed: %s (%s)", where, pg.Message, pg.Code), "check --database-url")
	}
	return nil
}

// parseTrouble says why an address could not be read, in words that quote none
// of it.
func parseTrouble(err error) string {
	text := err.Error()
	for _, known := range []string{"sslmode is invalid", "invalid port", "port range", "unable to read CA file", "unable to load", "invalid keyword/value", "net/url", "invalid connect_timeout", "invalid URL escape", "missing '='"} {
		if strings.Contains(text, known) {
			if known == "net/url" {
				return "not a URL"
			}
			return known
		}
	}
	return "neither a URL nor keyword=value"
}

// hidden wraps an error whose text must not be shown.
type hidden struct{ err error }

func (h *hidden) Error() string { return hidePassword(h.err.Error()) }
func (h *hidden) Unwrap() error { return h.err }

var passwords = regexp.MustCompile(`(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)|(://[^/\s:@]*:)[^/\s]*@`)

func hidePassword(text string) string {
	return passwords.ReplaceAllString(text, "${1}${3}xxxxx")
}

func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
