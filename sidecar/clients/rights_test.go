package clients_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
)

// TestViewIsForWhoMayReadTheEngines: a view reads with its owner's rights, so
// it has to be kept from those who may not read what it shows.
func TestViewIsForWhoMayReadTheEngines(t *testing.T) {
	reader, owner, other := role(t), role(t), role(t)
	conn := followtest.Connect(t, projecttest.Installed(t, testbed.Options{}))
	may := func(role string) (may bool) {
		t.Helper()
		err := conn.QueryRow(t.Context(), "SELECT has_table_privilege($1, $2, 'SELECT')", role, dropin.Schema+"."+dropin.View).Scan(&may)
		if err != nil {
			t.Fatal(err)
		}
		return may
	}
	install := func() {
		t.Helper()
		if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return dropin.Install(t.Context(), tx, dropin.Options{}) }); err != nil {
			t.Fatal(err)
		}
	}
	followtest.Exec(t, conn,
		fmt.Sprintf("GRANT SELECT ON %s TO %s", dropin.View, reader),
		fmt.Sprintf("GRANT INSERT ON %s TO %s", dropin.View, other),
		fmt.Sprintf("ALTER VIEW %s OWNER TO %s", dropin.View, owner))
	if may(reader) || may(owner) {
		t.Error("rights are there before anybody took them over")
	}
	install()
	if !may(reader) || !may(owner) || may(other) {
		t.Errorf("who may read: with the right %t, the owner %t, another %t", may(reader), may(owner), may(other))
	}
	followtest.Exec(t, conn, fmt.Sprintf("GRANT SELECT ON %s TO PUBLIC", dropin.View))
	install()
	if !may(other) {
		t.Error("everybody may read the engine's, and not ours")
	}
}
