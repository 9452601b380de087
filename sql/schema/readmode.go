package schema

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ReadModes are the valid ones: exact (from the engine's tables, the default),
// wait (from rows, once they cover all that was committed before), fast (from
// rows that are not too old).
var ReadModes = []string{"exact", "wait", "fast"}

// ErrNoReadMode is returned, wrapped, by [UnsetReadMode] where none was set.
var ErrNoReadMode = errors.New("no read mode is set")

// ReadMode is the mode in which the drop-in functions answer a role that has
// not said otherwise in its session.
type ReadMode struct {
	Role      string    `json:"role"` // empty: the database, for roles without one of their own
	Mode      string    `json:"mode"`
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy string    `json:"changed_by"`
	// Missing is whether there is no such role any more.
	Missing bool `json:"missing"`
}

// Execer is what writing needs of a connection.
type Execer interface {
	Querier
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// CheckReadMode is nil for a valid mode.
func CheckReadMode(mode string) error {
	for _, m := range ReadModes {
		if m == mode {
			return nil
		}
	}
	return fmt.Errorf("%q is not a read mode: %s are", mode, strings.Join(ReadModes, ", "))
}

// SetReadMode sets the mode of a role, or of the database when role is empty.
func SetReadMode(ctx context.Context, conn Execer, role, mode string) error {
	if err := CheckReadMode(mode); err != nil {
		return err
	}
	if role != "" {
		if err := refuseRoles(ctx, conn, []string{role}); err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, `
		INSERT INTO tasker_sidecar.settings (role_name, read_mode)
		VALUES ($1, $2)
		ON CONFLICT (role_name) DO UPDATE SET read_mode = excluded.read_mode, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		role, mode)
	return explainSettings("set the read mode", err)
}

// UnsetReadMode takes it back; the role need not exist any more.
func UnsetReadMode(ctx context.Context, conn Execer, role string) error {
	tag, err := conn.Exec(ctx, "DELETE FROM tasker_sidecar.settings WHERE role_name = $1", role)
	switch {
	case err != nil:
		return explainSettings("unset the read mode", err)
	case tag.RowsAffected() == 0 && role == "":
		return fmt.Errorf("%w for the database", ErrNoReadMode)
	case tag.RowsAffected() == 0:
		return fmt.Errorf("%w for role %s", ErrNoReadMode, role)
	}
	return nil
}

// ListReadModes gives all that are set, the database's first.
func ListReadModes(ctx context.Context, conn Querier) ([]ReadMode, error) {
	rows, err := conn.Query(ctx, `
		SELECT s.role_name, s.read_mode, s.changed_at, s.changed_by,
			s.role_name <> '' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = s.role_name)
		FROM tasker_sidecar.settings s
		ORDER BY s.role_name`)
	if err != nil {
		return nil, explainSettings("list the read modes", err)
	}
	modes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ReadMode])
	return modes, explainSettings("list the read modes", err)
}

func explainSettings(doing string, err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &pg):
	case pg.Code == pgerrcode.UndefinedTable || pg.Code == pgerrcode.InvalidSchemaName:
		return fmt.Errorf("%s: %w", doing, ErrNotInstalled)
	case pg.Code == pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%s: the owner of schema %s may (GRANT INSERT, UPDATE, DELETE ON tasker_sidecar.settings lets others): %w", doing, Name, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
