package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// migration is one versioned step of the schema tasker_sidecar.
type migration struct {
	version  int
	name     string // without version and .sql
	checksum string // SHA-256 of source, in hexadecimal
	source   string // with placeholders
}

func (m *migration) String() string { return fmt.Sprintf("%04d_%s", m.version, m.name) }

// Source is a migration as it is written: SQL with the placeholders @engine@
// (the quoted schema of the engine's tables) and @persistence@ (UNLOGGED, or
// nothing, before TABLE).
type Source struct {
	Version  int
	Name     string
	Checksum string // as tasker_sidecar.migrations records it
	SQL      string
}

// Sources are all migrations, in order.
func Sources() ([]Source, error) {
	all, err := embedded()
	if err != nil {
		return nil, err
	}
	sources := make([]Source, len(all))
	for i, m := range all {
		sources[i] = Source{m.version, m.name, m.checksum, m.source}
	}
	return sources, nil
}

var migrationFile = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)

// readMigrations reads all migrations of a directory, which must be numbered
// from 1 on without a gap.
func readMigrations(files fs.FS, dir string) ([]migration, error) {
	names, err := fs.Glob(files, dir+"/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		parts := migrationFile.FindStringSubmatch(path.Base(name))
		if parts == nil {
			return nil, fmt.Errorf("migration %s is not called NNNN_name.sql", name)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		version, _ := strconv.Atoi(parts[1]) // four digits
		if version != len(all)+1 {
			return nil, fmt.Errorf("migration %s follows number %d", name, len(all))
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{version, parts[2], hex.EncodeToString(sum[:]), string(text)})
	}
	return all, nil
}

// values are what the placeholders of a source stand for.
type values struct {
	engine string // the schema of the engine's tables
	logged bool   // whether the rows outlive a crash of the server
}

// render puts the values into a source: @engine@ is the quoted schema,
// @persistence@ stands before TABLE.
func (v values) render(source string) string {
	persistence := "UNLOGGED "
	if v.logged {
		persistence = ""
	}
	return strings.NewReplacer("@engine@", quote(v.engine), "@persistence@ ", persistence).Replace(source)
}

// quote gives an identifier, or several joined by dots, as SQL takes it.
func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// literal gives a string as SQL takes it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
