package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/follow"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// announcer is a hub that is told of transactions by the test.
type announcer struct {
	*announce.Hub
	index *readiness.Index
	lsn   tasker.LSN
	next  int64
}

func newAnnouncer(t *testing.T, o announce.Options) *announcer {
	t.Helper()
	hub, err := announce.New(o)
	if err != nil {
		t.Fatal(err)
	}
	index, err := readiness.NewLoad(readiness.Options{}).Finish(readiness.Position{LSN: 0x1000, Time: tasker.TimestampOf(testClock())})
	if err != nil {
		t.Fatal(err)
	}
	index.Publish()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.Run(ctx, announce.Clock{Now: func() tasker.Timestamp { return tasker.TimestampOf(testClock()) }, Fresh: func() bool { return true }})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return &announcer{hub, index, 0x1000, 1}
}

// commit starts a task in a transaction of its own, as a stream tells it.
func (a *announcer) commit(taskID int64) {
	c := follow.Committed{Since: a.lsn, At: tasker.TimestampOf(testClock()), Before: a.index.View()}
	row := tasker.Transition{ID: a.next, ToState: tasker.InProgress, MostRecent: true, ParentID: taskID, CreatedAt: c.At}
	a.next++
	a.lsn += 0x10
	a.index.Begin(1, c.At)
	if err := a.index.Apply(&tasker.Change{Table: tasker.TaskTransitions, Op: tasker.Insert, Key: row.ID, OldKey: row.ID, TaskTransition: row}); err != nil {
		panic(err)
	}
	a.index.Commit(a.lsn)
	a.index.Publish()
	c.LSN, c.After, c.Transitions = a.lsn, a.index.View(), []follow.Inserted{{Table: tasker.TaskTransitions, Row: row}}
	if a.Listening() {
		a.Committed(c)
	}
}

// received is one message of a stream.
type received struct{ ID, Event, Data string }

// opened is a stream as a client has it.
type opened struct {
	t      *testing.T
	lines  *bufio.Reader
	status int
	header http.Header
	Close  func()
}

func open1(t *testing.T, s *Server, path string, headers ...string) *opened {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	o := &opened{t, bufio.NewReader(r.Body), r.StatusCode, r.Header, func() { cancel(); r.Body.Close() }}
	t.Cleanup(o.Close)
	return o
}

// next is the next message, or comment.
func (o *opened) next() (m received) {
	o.t.Helper()
	for {
		line, err := o.lines.ReadString('\n')
		if err != nil {
			o.t.Fatalf("the stream ends: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n":
			return m
		case field == "":
			m = received{Event: "comment", Data: value}
		case field == "id":
			m.ID = value
		case field == "event":
			m.Event = value
		case field == "data":
			m.Data = value
		}
	}
}

// event is the next message that is none of the comments.
func (o *opened) event() received {
	o.t.Helper()
	for {
		if m := o.next(); m.Event != "comment" {
			return m
		}
	}
}

func readers(t *testing.T, a *announcer, want int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); a.Stats().Readers != want; time.Sleep(time.Millisecond) { // polling a condition
		if time.Now().After(deadline) {
			t.Fatalf("%d readers, want %d", a.Stats().Readers, want)
		}
	}
}

func TestEvents(t *testing.T) {
	a := newAnnouncer(t, announce.Options{Keep: 16})
	s := started(t, newSource(nil, Freshness{}), Options{Events: a.Hub, EventsHeartbeat: 100 * time.Millisecond})
	all, some := open1(t, s, "/v1/events"), open1(t, s, "/v1/events?name=workflow.*&name=step.failed&task_id=8&task_id=9")
	if all.status != http.StatusOK || all.header.Get("Content-Type") != "text/event-stream" || all.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", all.status, all.header)
	}
	if all.next().Event != "comment" || all.next() != (received{Event: "comment", Data: "nothing new"}) {
		t.Error("nothing is heard while nothing happens")
	}
	a.commit(7)
	a.commit(8)
	const payload = `"lsn":"0/%s","recovered":false,"payload":{"timestamp":"2026-01-31T12:00:00.123456Z","task_id":%d}}`
	started := func(n int, lsn string, task int) received {
		return received{"0/" + lsn + "-0", "task.start_requested", fmt.Sprintf(`{"id":"task-transition-%d","name":"task.start_requested",`+payload, n, lsn, task)}
	}
	derived := func(n int, lsn string, task int) received {
		return received{"0/" + lsn + "-1", "workflow.task_started", fmt.Sprintf(`{"id":"task-transition-%d/workflow.task_started","name":"workflow.task_started",`+payload, n, lsn, task)}
	}
	want := []received{started(1, "1010", 7), derived(1, "1010", 7), started(2, "1020", 8), derived(2, "1020", 8)}
	for _, w := range want {
		if d := cmp.Diff(w, all.event()); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff(want[3], some.event()); d != "" {
		t.Errorf("filtered: %s", d)
	}

	// Gone and back again, without a loss.
	all.Close()
	some.Close()
	readers(t, a, 0)
	a.commit(9)
	back := open1(t, s, "/v1/events", "Last-Event-ID", want[1].ID)
	for _, w := range append(want[2:], started(3, "1030", 9)) {
		if d := cmp.Diff(w, back.event()); d != "" {
			t.Errorf("gone on: %s", d)
		}
	}
	// Away for too long: that is said, and then comes what there is.
	for i := range int64(20) {
		a.commit(10 + i)
	}
	long := open1(t, s, "/v1/events", "Last-Event-ID", want[1].ID)
	gap := long.event()
	if gap.Event != "gap" || gap.ID != want[1].ID || !strings.Contains(gap.Data, `"name":"gap","reason":"the place is not`) || !strings.Contains(gap.Data, `"after":"0/1010"`) {
		t.Errorf("%+v", gap)
	}
	if next := long.event(); next.Event == "gap" {
		t.Errorf("%+v", next)
	}
	for _, unknown := range []string{"FF/0-0", "0/1-0"} {
		if m := open1(t, s, "/v1/events", "Last-Event-ID", unknown).event(); m.Event != "gap" {
			t.Errorf("behind %s: %+v", unknown, m)
		}
	}
	if r := question(t, s, http.MethodHead, "/v1/events"); r.status != http.StatusOK || r.text != "" || r.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %q", r.status, r.text)
	}
}

func TestEventsRefused(t *testing.T) {
	a := newAnnouncer(t, announce.Options{MaxReaders: 1})
	s := started(t, newSource(nil, Freshness{}), Options{Events: a.Hub, MaxBatchIDs: 2})
	for path, field := range map[string]string{
		"/v1/events?name=step.faild": "query.name", "/v1/events?name=*": "query.name", "/v1/events?name=": "query.name", "/v1/events?name=step.*%00": "query.name",
		"/v1/events?task_id=x": "query.task_id", "/v1/events?task_id=1&task_id=2&task_id=3": "query.task_id", "/v1/events?min_lsn=0/1": "query.min_lsn",
	} {
		r := question(t, s, http.MethodGet, path)
		if r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, r.status)
		}
		wantDetail(t, path, r, field, "")
	}
	for _, id := range []string{"x", "16/B374D848", "16/B374D848-", "16/B374D848--1", "16/B374D848-18446744073709551616"} {
		r := question(t, s, http.MethodGet, "/v1/events", "Last-Event-ID", id)
		if r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", id, r.status)
		}
		wantDetail(t, id, r, "header.Last-Event-ID", id)
	}
	first := open1(t, s, "/v1/events")
	readers(t, a, 1)
	if r := question(t, s, http.MethodGet, "/v1/events"); r.status != http.StatusServiceUnavailable || r.body["type"] != ProblemBusy || r.header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", r.status, r.text)
	}
	first.Close()
	readers(t, a, 0)
	open1(t, s, "/v1/events")

	none := started(t, newSource(nil, Freshness{}), Options{})
	if r := question(t, none, http.MethodGet, "/v1/events"); r.status != http.StatusNotFound {
		t.Errorf("without events: %d", r.status)
	}
	configured, byRole := tokens(t)
	guarded := started(t, newSource(nil, Freshness{}), Options{Events: newAnnouncer(t, announce.Options{}).Hub, Tokens: configured})
	if r := question(t, guarded, http.MethodGet, "/v1/events"); r.status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", r.status)
	}
	if o := open1(t, guarded, "/v1/events", "Authorization", "Bearer "+byRole[Reader]); o.status != http.StatusOK {
		t.Errorf("with a token: %d", o.status)
	}
}

// A stream ends with a word when the server stops, and the stopping does not wait.
func TestEventsEndWithTheServer(t *testing.T) {
	a := newAnnouncer(t, announce.Options{})
	s, err := New(newSource(nil, Freshness{}), Options{Listen: "127.0.0.1:0", Events: a.Hub})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := open1(t, s, "/v1/events")
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	if m := o.event(); m.Event != "dropped" || !strings.Contains(m.Data, "stopping") {
		t.Errorf("%+v", m)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestSlowReaders: one that does not read is dropped, whether the ring overtakes
// it or its connection takes no more, and another one misses nothing meanwhile.
func TestSlowReaders(t *testing.T) {
	a := newAnnouncer(t, announce.Options{Keep: 4096})
	s := started(t, newSource(nil, Freshness{}), Options{Events: a.Hub, EventsWriteTimeout: 200 * time.Millisecond})
	address, err := url.Parse("http://" + s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	slow, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if err := slow.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(slow, "GET /v1/events HTTP/1.1\r\nHost: %s\r\n\r\n", address.Host)
	readers(t, a, 1)
	quick := open1(t, s, "/v1/events?name=task.start_requested")
	readers(t, a, 2)
	count := int64(0)
	for ; a.Stats().Dropped == 0; count++ {
		a.commit(count)
		var m struct {
			ID string `json:"id"`
		}
		// The quick one has it before the next comes.
		if err := json.Unmarshal([]byte(quick.event().Data), &m); err != nil || m.ID != fmt.Sprintf("task-transition-%d", count+1) {
			t.Fatalf("%q, %v after %d", m.ID, err, count)
		}
		if count > 1<<16 {
			t.Fatal("nobody is dropped")
		}
	}
	t.Logf("dropped after %d events", 2*count)
	readers(t, a, 1)
}

// TestOvertakenReader: whom the ring overtakes is told so, and that is the end.
func TestOvertakenReader(t *testing.T) {
	a := newAnnouncer(t, announce.Options{Keep: 16})
	s := started(t, newSource(nil, Freshness{}), Options{Events: a.Hub})
	o := open1(t, s, "/v1/events")
	for n := int64(0); a.Stats().Dropped == 0; n++ {
		a.commit(n)
		if n > 1<<18 {
			t.Fatal("nobody is overtaken")
		}
	}
	last := received{}
	for last.Event != "dropped" {
		last = o.event()
	}
	if !strings.Contains(last.Data, "too slow") || last.ID != "" {
		t.Errorf("%+v", last)
	}
	if _, err := o.lines.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows: %v", err)
	}
}
