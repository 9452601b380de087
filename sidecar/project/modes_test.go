package project_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tasker-sidecar/tasker-sidecar/internal/postgres/pgtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/dropin"
	"github.com/tasker-sidecar/tasker-sidecar/sql/schema"
)

// TestWhoseMode: the session's, else its role's, else the database's, else exact;
// and what none of them understands.
func TestWhoseMode(t *testing.T) {
	l := markedLab(t)
	t.Run("settings", func(t *testing.T) { resolveModes(t, l) })
	t.Run("nonsense", func(t *testing.T) { refuseNonsense(t, l) })
}

func resolveModes(t *testing.T, l *projecttest.Lab) {
	mode := func(conn *pgx.Conn) string {
		t.Helper()
		return value[string](t, conn, `SELECT tasker_sidecar.read_mode()`)
	}
	want := func(what string, conn *pgx.Conn, wanted string) {
		t.Helper()
		if got := mode(conn); got != wanted {
			t.Errorf("%s: mode %s, want %s", what, got, wanted)
		}
		// It is not only said.
		if got := fromRows(ask(t, conn, dropin.Schema, questions[0])); got != (wanted != "exact") {
			t.Errorf("%s: answered from rows: %t, in mode %s", what, got, wanted)
		}
	}
	set := func(role, mode string) {
		t.Helper()
		if err := schema.SetReadMode(t.Context(), l.Conn, role, mode); err != nil {
			t.Fatal(err)
		}
	}
	conn := projecttest.Session(t, l.URL, nil)
	superuser := conn.Config().User
	want("nothing is set", conn, "exact")

	set("", "wait")
	want("the database's row", conn, "wait")
	set(superuser, "fast")
	want("the role's row", conn, "fast")
	followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = exact`)
	want("SET", conn, "exact")
	followtest.Exec(t, conn, `BEGIN`, `SET LOCAL tasker_sidecar.read_mode = wait`)
	want("SET LOCAL", conn, "wait")
	followtest.Exec(t, conn, `COMMIT`)
	want("after SET LOCAL", conn, "exact")
	followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = ''`)
	want("an empty text", conn, "fast")
	followtest.Exec(t, conn, `SELECT set_config('tasker_sidecar.read_mode', NULL, false)`)
	want("NULL", conn, "fast")
	followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = exact`, `RESET tasker_sidecar.read_mode`)
	want("RESET", conn, "fast")
	fresh := projecttest.Session(t, l.URL, nil)
	followtest.Exec(t, fresh, `BEGIN`, `SET LOCAL tasker_sidecar.read_mode = exact`, `COMMIT`) // which leaves an empty one
	want("SET LOCAL alone, afterwards", fresh, "fast")

	want("a startup parameter", projecttest.Session(t, l.URL, map[string]string{"tasker_sidecar.read_mode": "exact"}), "exact")
	want("PGOPTIONS", projecttest.Session(t, l.URL, map[string]string{"options": "-c tasker_sidecar.read_mode=wait -c tasker_sidecar.wait_timeout=2s"}), "wait")

	other := pgtest.UniqueName(t, "other")
	followtest.Exec(t, l.Conn, fmt.Sprintf(`CREATE ROLE %s`, other))
	defer followtest.Exec(t, l.Conn, fmt.Sprintf(`DROP ROLE %s`, other))
	followtest.Exec(t, fresh, `SET ROLE `+other)
	if got := mode(fresh); got != "wait" {
		t.Errorf("a role without a row, after SET ROLE: mode %s, want the database's", got)
	}
	for _, role := range []string{"", superuser} {
		if err := schema.UnsetReadMode(t.Context(), l.Conn, role); err != nil {
			t.Fatal(err)
		}
	}
	want("nothing is set any more", conn, "exact")
}

// heard connects with settings, and hears what the server warns of.
func heard(t testing.TB, url string, settings map[string]string) (*pgx.Conn, *[]*pgconn.Notice) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = projecttest.Asking
	for name, v := range settings {
		config.RuntimeParams[name] = v
	}
	var notices []*pgconn.Notice
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return conn, &notices
}

// refuseNonsense: exact answers, and one warning, which names what is valid.
func refuseNonsense(t *testing.T, l *projecttest.Lab) {
	const staleness, timeout = "tasker_sidecar.max_staleness", "tasker_sidecar.wait_timeout"
	type nonsense struct{ mode, setting, value, cause, valid string }
	var cases []nonsense
	for _, mode := range []string{"FAST", "quick", " fast", "fast,wait", "fast; DROP TABLE x", strings.Repeat("fast", 1000)} {
		cases = append(cases, nonsense{mode, "", "", "", "Valid are exact, wait and fast."})
	}
	for _, duration := range []string{
		"-1", "-5s", "1 fortnight", "NaN", "infinity", "1e3", "0x10", "1,5", "1.s", ".5s", "1 S", "5 5", "s", " ", "1d 2h", "٣", "999999999999999d", "366d",
		strings.Repeat("9", 400),
	} {
		const valid = "units us, ms, s, min, h, d"
		cases = append(cases, nonsense{"fast", staleness, duration, "stale", valid}, nonsense{"wait", timeout, duration, "timeout", valid})
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%.20s %.20s", c.mode, c.value), func(t *testing.T) {
			settings := map[string]string{"tasker_sidecar.read_mode": c.mode}
			if c.setting != "" {
				settings[c.setting] = c.value
			}
			want := map[string]int64{}
			if c.cause != "" {
				want[c.cause] = 3
			}
			var notices *[]*pgconn.Notice
			counted(t, l.URL, want, func() {
				var conn *pgx.Conn
				conn, notices = heard(t, l.URL, settings)
				defer conn.Close(t.Context())
				for _, q := range questions[:3] {
					if got := ask(t, conn, dropin.Schema, q); fromRows(got) {
						t.Errorf("answered from rows: %s", got)
					}
				}
			})
			if len(*notices) != 1 {
				t.Fatalf("%d notices, want one: %v", len(*notices), *notices)
			}
			n := (*notices)[0]
			said := c.setting
			if said == "" {
				said = "tasker_sidecar.read_mode"
			}
			if n.Severity != "WARNING" || !strings.Contains(n.Hint, c.valid) || !strings.Contains(n.Message, said) {
				t.Errorf("%s %q, hint %q", n.Severity, n.Message, n.Hint)
			}
		})
	}
	for _, duration := range []string{"", "1000000", " 1000 s ", "20min", "1h", "365d", "9999999999us", "3600.5s", "1000000ms"} {
		conn, notices := heard(t, l.URL, map[string]string{"tasker_sidecar.read_mode": "fast", staleness: duration, timeout: duration})
		for _, mode := range []string{"fast", "wait"} {
			followtest.Exec(t, conn, `SET tasker_sidecar.read_mode = `+mode)
			if got := ask(t, conn, dropin.Schema, questions[0]); !fromRows(got) {
				t.Errorf("%q in mode %s: not from rows: %s", duration, mode, got)
			}
		}
		if len(*notices) != 0 {
			t.Errorf("%q: %v", duration, (*notices)[0])
		}
		conn.Close(t.Context())
	}
	// Zero: nothing is that young.
	counted(t, l.URL, map[string]int64{"stale": 1}, func() {
		conn := projecttest.Session(t, l.URL, map[string]string{"tasker_sidecar.read_mode": "fast", staleness: "0"})
		defer conn.Close(t.Context())
		ask(t, conn, dropin.Schema, questions[0])
	})
}
