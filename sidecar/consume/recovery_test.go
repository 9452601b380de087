package consume_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/consume"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// TestTokens: what was committed behind a token is given once more, also what drew
// its id before it; and what cannot be given is said.
func TestTokens(t *testing.T) {
	url := followtest.Database(t, testbed.Options{})
	conn, slow := followtest.Connect(t, url), followtest.Connect(t, url)
	tasks(t, conn, 9)
	recovery := func(most int) *consume.Recovery {
		return consume.NewRecovery(consume.RecoveryOptions{
			Connect:   func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, url) },
			Schema:    func() string { return "public" },
			Listening: func() bool { return true },
			Interval:  10 * time.Millisecond, Most: most,
		})
	}
	r := recovery(100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	defer func() { cancel(); <-done }()

	followtest.Exec(t, conn, begin(1, 1))
	followtest.Exec(t, slow, "BEGIN", begin(2, 2))
	followtest.Exec(t, conn, begin(3, 3))
	if token := r.Token(1); token != "" {
		t.Errorf("behind nothing: %s", token)
	}
	latest := func() string { return r.Token(tasker.LSN(math.MaxUint64)) }
	followtest.Eventually(t, "a token", func() bool { return latest() != "" })
	var running string
	if err := slow.QueryRow(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&running); err != nil {
		t.Fatal(err)
	}
	followtest.Eventually(t, "a token as old as what runs", func() bool { return strings.HasPrefix(latest(), running+".") })
	token := latest()
	followtest.Exec(t, conn, begin(4, 4))
	followtest.Exec(t, slow, "COMMIT")

	given := func(r *consume.Recovery, token string, filter announce.Filter) (ids string, next string, err error) {
		list, next, err := r.Recover(t.Context(), token, filter)
		for _, e := range list {
			if !strings.Contains(string(e.Data), `"recovered":true`) {
				t.Errorf("%s", e.Data)
			}
			if e.Name == "task.start_requested" {
				ids += fmt.Sprint(" ", e.TaskID.V)
			}
		}
		return ids, next, err
	}
	ids, next, err := given(r, token, announce.Filter{})
	if err != nil || ids != " 2 3 4" || next == "" || next == token {
		t.Errorf("recovered%s, %s, %v", ids, next, err)
	}
	if ids, _, err := given(r, token, announce.Filter{TaskIDs: []int64{4}}); err != nil || ids != " 4" {
		t.Errorf("of task 4:%s, %v", ids, err)
	}
	if ids, _, err := given(r, next, announce.Filter{}); err != nil || ids != "" {
		t.Errorf("with the next token:%s, %v", ids, err)
	}
	_, cluster, _ := strings.Cut(token, ".")
	for name, c := range map[string]struct {
		r           *consume.Recovery
		token, says string
	}{
		"too many":        {recovery(1), token, "events.recovery_most"},
		"another cluster": {r, running + ".1", "another cluster"},
		"set back":        {r, "999999999." + cluster, "set back"},
		"nonsense":        {r, "x", "not what this program has made"},
	} {
		if _, _, err := given(c.r, c.token, announce.Filter{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
