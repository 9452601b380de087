package replication

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Layout is what the catalog says of everything that following relies on: the
// followed tables, the publication, and the functions that the rules show in.
// It is a plain value of one moment.
type Layout struct {
	Database string `json:"database"`
	// ServerVersion is server_version_num, such as 150004.
	ServerVersion int `json:"server_version"`
	// SynchronousStandbyNames is the setting as it stands.
	SynchronousStandbyNames string `json:"synchronous_standby_names"`
	// Tables are those with the name of a followed table, by schema and name.
	Tables []TableLayout `json:"tables"`
	// Publication is nil where there is none of that name.
	Publication *PublicationLayout `json:"publication"`
	// Functions are those with the name of a function that the rules show in,
	// of any schema but ours.
	Functions []FunctionLayout `json:"functions"`
}

// TableLayout is a table as the catalog has it.
type TableLayout struct {
	OID    uint32 `json:"oid"`
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Owner  string `json:"owner"`
	// Kind, Persistence and ReplicaIdentity are the letters of pg_class'
	// relkind, relpersistence and relreplident.
	Kind            string `json:"kind"`
	Persistence     string `json:"persistence"`
	ReplicaIdentity string `json:"replica_identity"`
	// Partition is whether it is a partition of another table, Children
	// whether other tables inherit from it.
	Partition bool `json:"partition"`
	Children  bool `json:"children"`
	// KeyColumns are those of the primary key; IdentityColumns those that
	// the log carries of a row that is gone, nil when it is all or none.
	KeyColumns      []string       `json:"key_columns"`
	IdentityColumns []string       `json:"identity_columns"`
	Columns         []ColumnLayout `json:"columns"`
}

// ColumnLayout is a column as the catalog has it.
type ColumnLayout struct {
	Number    int    `json:"number"` // attnum
	Name      string `json:"name"`
	Type      string `json:"type"` // as format_type prints it, without length
	TypeOID   uint32 `json:"type_oid"`
	Modifier  int    `json:"modifier"` // atttypmod
	Generated bool   `json:"generated"`
	// Written changes whenever the column's entry is written, be it with what
	// it said before.
	Written string `json:"written"`
}

// PublicationLayout is the publication as the catalog has it.
type PublicationLayout struct {
	OID       uint32 `json:"oid"`
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	Written   string `json:"written"` // as ColumnLayout.Written
	AllTables bool   `json:"all_tables"`
	Insert    bool   `json:"insert"`
	Update    bool   `json:"update"`
	Delete    bool   `json:"delete"`
	Truncate  bool   `json:"truncate"`
	ViaRoot   bool   `json:"via_root"`
	// Covers are the oids of followed tables that it publishes, by whatever
	// clause.
	Covers []uint32 `json:"covers"`
	// Tables are those that it names.
	Tables []PublishedTable `json:"tables"`
}

// PublishedTable is a table that a publication names.
type PublishedTable struct {
	OID     uint32 `json:"oid"`
	Schema  string `json:"schema"`
	Name    string `json:"name"`
	Written string `json:"written"` // as ColumnLayout.Written
	// Filter is a digest of the row filter, empty where there is none.
	Filter string `json:"filter"`
	// Columns is the column list in the order of the table; nil means all.
	Columns []string `json:"columns"`
}

// FunctionLayout is a function as the catalog has it.
type FunctionLayout struct {
	Schema     string `json:"schema"`
	Name       string `json:"name"`
	Arguments  string `json:"arguments"`
	Definition string `json:"definition"` // a digest
}

// FullName is the table's name with its schema, for people.
func (t *TableLayout) FullName() string { return t.Schema + "." + t.Name }

// Column finds a column by its name; nil where there is none.
func (t *TableLayout) Column(name string) *ColumnLayout {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Table finds a table by schema and name; nil where there is none.
func (l *Layout) Table(schema, name string) *TableLayout {
	for i := range l.Tables {
		if l.Tables[i].Name == name && l.Tables[i].Schema == schema {
			return &l.Tables[i]
		}
	}
	return nil
}

// ByOID finds a table by its oid; nil where there is none.
func (l *Layout) ByOID(oid uint32) *TableLayout {
	for i := range l.Tables {
		if l.Tables[i].OID == oid {
			return &l.Tables[i]
		}
	}
	return nil
}

// published finds a table among those that the publication names.
func (p *PublicationLayout) published(oid uint32) *PublishedTable {
	for i := range p.Tables {
		if p.Tables[i].OID == oid {
			return &p.Tables[i]
		}
	}
	return nil
}

// Schema tells the schema that the engine's tables are in. A wanted one is
// taken when it has any of them; otherwise there must be exactly one that has
// all. The error is a *SetupError and says what to do.
func (l *Layout) Schema(wanted string) (string, error) {
	found := map[string]int{}
	for _, t := range l.Tables {
		if _, ok := tasker.TableByName(t.Name); ok {
			found[t.Schema]++
		}
	}
	if wanted != "" {
		if found[wanted] == 0 {
			return "", &SetupError{Check: CheckTables, Permanent: true,
				What:   fmt.Sprintf("schema %s of database %s has none of the engine's tables%s", wanted, l.Database, elsewhere(found)),
				Remedy: "name the schema that has them with --schema, or the right database with --database-url"}
		}
		return wanted, nil
	}
	var complete, partial []string
	for schema, n := range found {
		if n >= tasker.FollowedTables {
			complete = append(complete, schema)
		}
		partial = append(partial, schema)
	}
	slices.Sort(complete)
	slices.Sort(partial)
	switch {
	case len(complete) == 1:
		return complete[0], nil
	case len(complete) > 1:
		return "", &SetupError{Check: CheckSchema, Permanent: true,
			What:   fmt.Sprintf("the engine's tables are in several schemas of database %s: %s", l.Database, strings.Join(complete, ", ")),
			Remedy: "say which one to follow with --schema"}
	case len(partial) == 1:
		return partial[0], nil // what is missing is found table by table
	case len(partial) > 1:
		return "", &SetupError{Check: CheckTables, Permanent: true,
			What:   fmt.Sprintf("no schema of database %s has all of the engine's tables%s", l.Database, elsewhere(found)),
			Remedy: "bring them into one schema, or name the one meant with --schema"}
	}
	return "", &SetupError{Check: CheckTables, Permanent: true,
		What:   fmt.Sprintf("database %s has none of the engine's tables (%s and others)", l.Database, tasker.Tasks),
		Remedy: "name the Rails application's database with --database-url; if it is the right one, run the engine's migrations first"}
}

// elsewhere says how many of the tables each schema has.
func elsewhere(found map[string]int) string {
	if len(found) == 0 {
		return ""
	}
	var parts []string
	for schema, n := range found {
		parts = append(parts, fmt.Sprintf("%s has %d of %d", schema, n, tasker.FollowedTables))
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}
