package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Notice is something about an installation that its operator should know.
type Notice struct {
	What   string
	Remedy string
}

// Notices looks at what could turn the drop-ins against the application: roles
// that may create beside them, objects of others there, names that hide the
// application's own, and roles whose search_path has the wrong schema. It
// changes nothing. Where nothing is installed there is nothing to notice.
func Notices(ctx context.Context, conn Querier, engine string) ([]Notice, error) {
	s, err := ReadState(ctx, conn)
	if err != nil || !s.Main.Exists && !s.Compat.Exists {
		return nil, err
	}
	var notices []Notice
	for _, look := range []struct {
		sql  string
		args []any
		say  func(found []string) Notice
	}{
		{creatorsSQL, nil, func(found []string) Notice {
			return Notice{
				fmt.Sprintf("besides its owner these may create objects in schema %s, and so put themselves before the application's: %s", CompatName, strings.Join(found, ", ")),
				fmt.Sprintf("REVOKE CREATE ON SCHEMA %s FROM %s", CompatName, found[0]),
			}
		}},
		{shadowsSQL, []any{engine}, func(found []string) Notice {
			return Notice{
				fmt.Sprintf("with %s first in search_path ours hide these of the application: %s", CompatName, strings.Join(found, ", ")),
				"make sure that nobody means those when naming them without a schema",
			}
		}},
		{wrongPathSQL, nil, func(found []string) Notice {
			return Notice{
				fmt.Sprintf("schema %s is in the search_path of %s; it belongs in nobody's", Name, strings.Join(found, ", ")),
				fmt.Sprintf("name %s instead, or RESET search_path", CompatName),
			}
		}},
	} {
		rows, err := conn.Query(ctx, look.sql, look.args...)
		if err != nil {
			return nil, fmt.Errorf("look at the installation: %w", err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("look at the installation: %w", err)
		}
		if len(found) > 0 {
			notices = append(notices, look.say(found))
		}
	}
	present, err := presentObjects(ctx, conn)
	if err != nil {
		return nil, err
	}
	if foreign := foreignObjects(present); foreign != nil {
		notices = append(notices, Notice{
			"these are not ours, and lie in our schemas or depend on what does: " + strings.Join(foreign, "; "),
			"move them elsewhere; tasker-sidecar uninstall refuses as long as they are there",
		})
	}
	return notices, nil
}

// creatorsSQL: PUBLIC, and roles that are neither superusers nor have the
// rights of the owner.
const creatorsSQL = `
SELECT DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC')
FROM pg_namespace n
CROSS JOIN LATERAL aclexplode(n.nspacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'tasker_sidecar_compat' AND a.privilege_type = 'CREATE'
    AND (a.grantee = 0 OR NOT r.rolsuper AND NOT pg_has_role(r.oid, n.nspowner, 'MEMBER'))
ORDER BY 1`

// shadowsSQL: functions of the same name and arguments, and relations of the
// same name, that are not the engine's ($1).
const shadowsSQL = `
SELECT format('function %s', theirs.oid::regprocedure)
FROM pg_proc ours
JOIN pg_proc theirs ON theirs.proname = ours.proname AND theirs.proargtypes = ours.proargtypes AND theirs.oid <> ours.oid
JOIN pg_namespace n ON n.oid = theirs.pronamespace
WHERE ours.pronamespace = to_regnamespace('tasker_sidecar_compat')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', $1)
UNION ALL
SELECT format('relation %s', theirs.oid::regclass)
FROM pg_class ours
JOIN pg_class theirs ON theirs.relname = ours.relname AND theirs.oid <> ours.oid
JOIN pg_namespace n ON n.oid = theirs.relnamespace
WHERE ours.relnamespace = to_regnamespace('tasker_sidecar_compat')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', $1) AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 1`

// wrongPathSQL: whose search_path names the schema of the rows.
const wrongPathSQL = `
SELECT CASE
    WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'all roles'
    WHEN s.setrole = 0 THEN 'database ' || quote_ident(current_database())
    ELSE 'role ' || quote_ident(pg_get_userbyid(s.setrole)::text)
END
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) c
LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE (s.setdatabase = 0 OR d.datname = current_database())
    AND c ~ '^search_path=(.*,)?\s*"?tasker_sidecar"?\s*(,|$)'
ORDER BY 1`
