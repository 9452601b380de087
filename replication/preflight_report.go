package replication

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Severity is how much a finding matters. The zero value is SeverityOK.
type Severity uint8

const (
	// SeverityOK is a check that was passed.
	SeverityOK Severity = iota
	// SeverityInfo is good to know.
	SeverityInfo
	// SeverityWarning does not keep from following, but something will be
	// slower, dearer or wrong elsewhere.
	SeverityWarning
	// SeverityError keeps from following.
	SeverityError
)

// String gives ok, info, warning or error.
func (s Severity) String() string {
	return [...]string{"ok", "info", "warning", "error"}[s]
}

// MarshalText gives what String does.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Severity) UnmarshalText(text []byte) error {
	for v := SeverityOK; v <= SeverityError; v++ {
		if v.String() == string(text) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("%q is not a severity: ok, info, warning or error is expected", text)
}

// The checks, by the names that findings and errors carry.
const (
	CheckConnection      = "connection"
	CheckVersion         = "server_version"
	CheckPrimary         = "primary"
	CheckPooler          = "connection_pooler"
	CheckWALLevel        = "wal_level"
	CheckSlots           = "max_replication_slots"
	CheckSenders         = "max_wal_senders"
	CheckConnections     = "connections"
	CheckReplicationRole = "replication_role"
	CheckReplication     = "replication_connection"
	CheckSynchronous     = "synchronous_standby_names"
	CheckWALKeep         = "max_slot_wal_keep_size"
	CheckSenderTimeout   = "wal_sender_timeout"
	CheckOldTransactions = "old_transactions"
	CheckTimeZone        = "time_zone"
	CheckSchema          = "schema"
	CheckTables          = "tables"
	CheckColumns         = "columns"
	CheckPersistence     = "persistence"
	CheckPartitions      = "partitions"
	CheckReplicaIdentity = "replica_identity"
	CheckRowSecurity     = "row_security"
	CheckPrivileges      = "privileges"
	CheckPublication     = "publication"
	CheckRules           = "rules"
)

// Finding is what one check has found.
type Finding struct {
	// Check is one of the Check constants.
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	// What says what is the case, in one line.
	What string `json:"what"`
	// Remedy says what to do; empty where nothing has to be done.
	Remedy string `json:"remedy,omitempty"`
}

// Err is the finding as an error, a *SetupError; nil below SeverityError.
func (f Finding) Err() error {
	if f.Severity < SeverityError {
		return nil
	}
	return &SetupError{Check: f.Check, What: f.What, Remedy: f.Remedy}
}

// Report is the outcome of [Preflight].
type Report struct {
	// Findings are in the order in which the checks were made, at least one
	// a check that could be made.
	Findings []Finding `json:"findings"`
	// Platform is who runs the server, as far as its settings and roles tell.
	Platform Platform `json:"platform"`
	// Database and Role are what we are connected to and as.
	Database string `json:"database"`
	Role     string `json:"role"`
	// Schema is the one with the engine's tables, empty when that is unclear.
	Schema string `json:"schema"`
	// Rules is what the installed functions follow; zero when it is unclear.
	Rules RulesFinding `json:"rules"`
	// Layout is what the catalog says, of the schema alone when it is clear.
	Layout Layout `json:"-"`
}

// Err is nil when nothing keeps from following, and otherwise all that does,
// one line each; errors.As finds the first as a *SetupError.
func (r *Report) Err() error {
	var all []error
	for _, f := range r.Findings {
		if err := f.Err(); err != nil {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// Worst is the highest severity found.
func (r *Report) Worst() Severity {
	worst := SeverityOK
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Of gives the findings of one check.
func (r *Report) Of(check string) []Finding {
	var of []Finding
	for _, f := range r.Findings {
		if f.Check == check {
			of = append(of, f)
		}
	}
	return of
}

// String prints the findings for people, a line or two each.
func (r *Report) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %-26s %s\n", f.Severity, f.Check, f.What)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "%-8s %-26s → %s\n", "", "", f.Remedy)
		}
	}
	return b.String()
}

// SetupError says what about the database, its role or its address keeps from
// following, and what to do about it. Its message is one line and never holds a
// password.
type SetupError struct {
	Check  string // one of the Check constants
	What   string
	Remedy string // may be empty
	// Permanent is whether trying again is in vain as long as nobody changes
	// anything about the command line or the database.
	Permanent bool
	// Err is the cause, if another error was.
	Err error
}

// Error gives what and remedy on one line.
func (e *SetupError) Error() string {
	if e.Remedy == "" {
		return e.What
	}
	return e.What + ": " + e.Remedy
}

// Unwrap gives the cause.
func (e *SetupError) Unwrap() error { return e.Err }

var _ json.Marshaler = (*SetupError)(nil)

// MarshalJSON gives check, what and remedy.
func (e *SetupError) MarshalJSON() ([]byte, error) {
	return json.Marshal(Finding{Check: e.Check, Severity: SeverityError, What: e.What, Remedy: e.Remedy})
}
