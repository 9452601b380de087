package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow/followtest"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/project/projecttest"
	"github.com/tasker-sidecar/tasker-sidecar/sql/testbed"
	"github.com/tasker-sidecar/tasker-sidecar/workload/player"
)

// comeback reads a server's events from behind an id until enough says so or the
// stream ends, as a browser does, and gives the last id. Told counts transitions.
func comeback(t *testing.T, p *process, id string, told map[string]int, enough func(recovered, live int) bool) (last string, recovered int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), followtest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if id != "" {
		request.Header.Set("Last-Event-ID", id)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	name, live := "", 0
	last = id
	lines := bufio.NewReader(response.Body)
	for !enough(recovered, live) {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d recovered events and %d others: %v", recovered, live, err)
		}
		switch field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); field {
		case "id":
			last = value
		case "event":
			name = value
		case "data":
			if name == "gap" || name == "dropped" {
				t.Fatalf("%s: %s", name, value)
			}
			var e printed
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(e.ID, "/") {
				told[e.ID]++
			}
			switch {
			case !e.Recovered:
				live++
			case live > 0:
				t.Fatalf("%+v is recovered behind others", e)
			default:
				recovered++
			}
		}
	}
	return last, recovered
}

// TestReaderComesBack: a server is killed again and again under load, and a reader
// of its stream comes back to the next one with the last id that it has got. It
// has been told everything that the tables hold, and of no gap.
func TestReaderComesBack(t *testing.T) {
	address := projecttest.Installed(t, testbed.Options{})
	conn := followtest.Connect(t, address)
	server := func() *process { return run(t, address, "--events.watermark-interval", "100ms") }
	p := server()
	stopLoad := projecttest.Play(t, address, func(o *player.Options) { o.Rate = 200 })
	stopLate := overtaken(t, address)
	told := map[string]int{}
	// The first event with a token: from here on nothing may be missing.
	last := ""
	for strings.Count(last, "-") < 2 {
		last, _ = comeback(t, p, last, map[string]int{}, func(_, live int) bool { return live > 0 })
	}
	ids := func() []string {
		rows, err := conn.Query(t.Context(), `SELECT format('task-transition-%s', id) FROM tasker_task_transitions
			UNION ALL SELECT format('step-transition-%s', id) FROM tasker_workflow_step_transitions`)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := map[string]bool{}
	for _, id := range ids() {
		before[id] = true
	}
	all := 0
	for range 4 {
		var n int
		last, _ = comeback(t, p, last, told, func(_, live int) bool { return live > 100 })
		p.signal(syscall.SIGKILL)
		p.wait(followtest.Patience)
		p = server()
		last, n = comeback(t, p, last, told, func(_, live int) bool { return live > 20 })
		all += n
	}
	stopLoad()
	stopLate()
	want := slices.DeleteFunc(ids(), func(id string) bool { return before[id] })
	missing := func() (n int) {
		for _, id := range want {
			if told[id] == 0 {
				n++
			}
		}
		return n
	}
	comeback(t, p, last, told, func(int, int) bool { return missing() == 0 })
	t.Logf("%d transitions, %d events recovered", len(want), all)
	if all == 0 {
		t.Error("nothing was recovered")
	}
}
