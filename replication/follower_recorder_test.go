package replication

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// table is the rows of one table by key, each as the text of its followed columns.
type table map[int64][]string

type tables [tasker.FollowedTables + 1]table

func (t *tables) clone() *tables {
	var c tables
	for i := range t {
		c[i] = maps.Clone(t[i])
	}
	return &c
}

// recorder is a Target that keeps rows in the plainest form, and what it was
// told in which order.
type recorder struct {
	t testing.TB

	mu        sync.Mutex
	published *tables
	at        tasker.LSN
	snapshots []Snapshot
	events    []string // begin, the changes, commit
	changed   chan struct{}

	onLoad  func()
	onApply func(c *tasker.Change) error // may block
	onAdd   func(rows *tasker.Rows) error
	quiet   bool // keep no rows and no events
}

func newRecorder(t testing.TB) *recorder {
	return &recorder{t: t, changed: make(chan struct{})}
}

func (r *recorder) signal() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) NewLoad(_ context.Context, s Snapshot) (Load, error) {
	if r.onLoad != nil {
		r.onLoad()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshots = append(r.snapshots, s)
	var fresh tables
	for i := range fresh {
		fresh[i] = table{}
	}
	return &recordedLoad{r: r, rows: &fresh, lsn: s.LSN}, nil
}

type recordedLoad struct {
	r    *recorder
	mu   sync.Mutex
	rows *tables
	lsn  tasker.LSN
}

func (l *recordedLoad) Add(rows *tasker.Rows) error {
	if l.r.onAdd != nil {
		if err := l.r.onAdd(rows); err != nil {
			return err
		}
	}
	if l.r.quiet {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range rows.Len() {
		var c tasker.Change
		c.Table = rows.Table
		switch rows.Table {
		case tasker.TaskNamespaces:
			c.TaskNamespace = rows.TaskNamespaces[i]
		case tasker.NamedTasks:
			c.NamedTask = rows.NamedTasks[i]
		case tasker.NamedSteps:
			c.NamedStep = rows.NamedSteps[i]
		case tasker.Tasks:
			c.Task = rows.Tasks[i]
		case tasker.WorkflowSteps:
			c.WorkflowStep = rows.WorkflowSteps[i]
		case tasker.WorkflowStepEdges:
			c.WorkflowStepEdge = rows.WorkflowStepEdges[i]
		case tasker.TaskTransitions:
			c.TaskTransition = rows.TaskTransitions[i]
		case tasker.WorkflowStepTransitions:
			c.WorkflowStepTransition = rows.WorkflowStepTransitions[i]
		}
		key, text := rendered(&c)
		if _, twice := l.rows[rows.Table][key]; twice {
			return fmt.Errorf("row %d of %s was loaded twice", key, rows.Table)
		}
		l.rows[rows.Table][key] = text
	}
	return nil
}

func (l *recordedLoad) Finish(context.Context) (Stream, error) {
	return &recordedStream{r: l.r, rows: l.rows, lsn: l.lsn}, nil
}

func (l *recordedLoad) Discard() {}

type recordedStream struct {
	r       *recorder
	rows    *tables
	lsn     tasker.LSN
	inTx    bool
	events  []string
	discard bool
}

func (s *recordedStream) Begin(xid uint32, at tasker.Timestamp) {
	if s.inTx || xid == 0 || !at.Finite() {
		s.r.t.Errorf("Begin(%d, %s) in transaction %t", xid, at, s.inTx)
	}
	s.inTx = true
	s.event("begin")
}

func (s *recordedStream) event(format string, args ...any) {
	if !s.r.quiet {
		s.events = append(s.events, fmt.Sprintf(format, args...))
	}
}

func (s *recordedStream) Apply(c *tasker.Change) error {
	if !s.inTx {
		s.r.t.Error("a change outside of a transaction")
	}
	if s.r.onApply != nil {
		if err := s.r.onApply(c); err != nil {
			return err
		}
	}
	if s.r.quiet {
		return nil
	}
	rows := s.rows[c.Table]
	name := strings.TrimPrefix(c.Table.String(), "tasker_")
	switch c.Op {
	case tasker.Truncate:
		clear(rows)
		s.event("truncate %s", name)
		return nil
	case tasker.Delete:
		delete(rows, c.Key)
		s.event("delete %s %d", name, c.Key)
		return nil
	}
	key, text := rendered(c)
	if key != c.Key {
		return fmt.Errorf("%s of %s: key %d, the row has %d", c.Op, c.Table, c.Key, key)
	}
	if before, known := rows[c.OldKey]; known {
		for i := range text {
			if c.Unchanged&(1<<i) != 0 {
				text[i] = before[i]
			}
		}
	}
	s.event("%s %s %d (was %d, unchanged %b)", c.Op, name, c.Key, c.OldKey, c.Unchanged)
	delete(rows, c.OldKey)
	rows[c.Key] = text
	return nil
}

func (s *recordedStream) Commit(end tasker.LSN) error {
	if !s.inTx || end < s.lsn {
		return fmt.Errorf("Commit(%s) after %s, in transaction %t", end, s.lsn, s.inTx)
	}
	s.inTx, s.lsn = false, end
	s.event("commit")
	return nil
}

func (s *recordedStream) Publish() error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.inTx {
		s.r.t.Error("Publish in a transaction")
	}
	if !s.r.quiet {
		s.r.published = s.rows.clone()
	}
	s.r.at = s.lsn
	s.r.events = append(s.r.events, s.events...)
	s.events = nil
	s.r.signal()
	return nil
}

func (s *recordedStream) Advance(lsn tasker.LSN) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if lsn < s.lsn || s.inTx {
		s.r.t.Errorf("Advance(%s) after %s, in transaction %t", lsn, s.lsn, s.inTx)
	}
	s.lsn = lsn
	s.r.at = lsn
	s.r.signal()
}

func (s *recordedStream) Discard() { s.discard = true }

// rendered gives a row's key and followed columns as text.
func rendered(c *tasker.Change) (int64, []string) {
	opt := func(n tasker.Null[string]) string {
		if n.Valid {
			return n.V
		}
		return "<null>"
	}
	num := func(n tasker.Null[int32]) string {
		if n.Valid {
			return fmt.Sprint(n.V)
		}
		return "<null>"
	}
	when := func(t tasker.Timestamp) string {
		if t == tasker.NoTime {
			return "<null>"
		}
		return fmt.Sprint(int64(t))
	}
	transition := func(r *tasker.Transition) (int64, []string) {
		return r.ID, []string{fmt.Sprint(r.ID), r.ToState, fmt.Sprint(r.MostRecent), fmt.Sprint(r.ParentID), when(r.CreatedAt)}
	}
	switch c.Table {
	case tasker.TaskNamespaces:
		r := &c.TaskNamespace
		return int64(r.TaskNamespaceID), []string{fmt.Sprint(r.TaskNamespaceID), r.Name}
	case tasker.NamedTasks:
		r := &c.NamedTask
		return int64(r.NamedTaskID), []string{fmt.Sprint(r.NamedTaskID), r.Name, fmt.Sprint(r.TaskNamespaceID), r.Version}
	case tasker.NamedSteps:
		r := &c.NamedStep
		return int64(r.NamedStepID), []string{fmt.Sprint(r.NamedStepID), r.Name}
	case tasker.Tasks:
		r := &c.Task
		return r.TaskID, []string{fmt.Sprint(r.TaskID), fmt.Sprint(r.NamedTaskID), fmt.Sprint(r.Complete), opt(r.Initiator), opt(r.SourceSystem), when(r.CreatedAt)}
	case tasker.WorkflowSteps:
		r := &c.WorkflowStep
		return r.WorkflowStepID, []string{fmt.Sprint(r.WorkflowStepID), fmt.Sprint(r.TaskID), fmt.Sprint(r.NamedStepID),
			fmt.Sprint(r.Retryable), num(r.RetryLimit), fmt.Sprint(r.InProcess), fmt.Sprint(r.Processed), when(r.ProcessedAt),
			num(r.Attempts), when(r.LastAttemptedAt), num(r.BackoffRequestSeconds), when(r.CreatedAt)}
	case tasker.WorkflowStepEdges:
		r := &c.WorkflowStepEdge
		return r.ID, []string{fmt.Sprint(r.ID), fmt.Sprint(r.FromStepID), fmt.Sprint(r.ToStepID)}
	case tasker.TaskTransitions:
		return transition(&c.TaskTransition)
	case tasker.WorkflowStepTransitions:
		return transition(&c.WorkflowStepTransition)
	}
	panic("no such table")
}

// readTables reads what the recorder should have, by the text of the columns.
func readTables(t testing.TB, conn *pgx.Conn, schema string) *tables {
	t.Helper()
	var all tables
	all[0] = table{}
	for _, tb := range followedTables() {
		info := tb.Info()
		columns := make([]string, len(info.Followed))
		for i, c := range info.Followed {
			columns[i] = fmt.Sprintf("coalesce(%s::text, '<null>')", c.Name)
			if c.Type == "timestamp without time zone" {
				columns[i] = fmt.Sprintf("coalesce((extract(epoch FROM %s) * 1000000)::bigint::text, '<null>')", c.Name)
			}
		}
		rows, err := conn.Query(t.Context(), "SELECT ARRAY["+strings.Join(columns, ", ")+"], "+info.Key+"::bigint FROM "+quote(schema, info.Name))
		if err != nil {
			t.Fatal(err)
		}
		all[tb] = table{}
		var text []string
		var key int64
		if _, err := pgx.ForEachRow(rows, []any{&text, &key}, func() error {
			all[tb][key] = slices.Clone(text)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all.mostRecent()
}

// mostRecent leaves out the transitions that no answer reads.
func (t *tables) mostRecent() *tables {
	for _, tb := range []tasker.Table{tasker.TaskTransitions, tasker.WorkflowStepTransitions} {
		maps.DeleteFunc(t[tb], func(_ int64, row []string) bool { return row[2] == "false" })
	}
	return t
}

// following is a follower that runs for the time of a test.
type following struct {
	*Follower
	recorder *recorder
	cancel   context.CancelFunc
	done     chan struct{}
	err      error
}

// testOptions make everything quick.
func testOptions(t testing.TB, address string) Options {
	level := hclog.Warn
	if testing.Verbose() {
		level = hclog.Debug
	}
	return Options{
		DatabaseURL: address, SnapshotWorkers: 2,
		ReconnectMin: 10 * time.Millisecond, ReconnectMax: 100 * time.Millisecond,
		ReloadPause: time.Millisecond, ReloadPauseMax: time.Millisecond,
		StatusInterval: 100 * time.Millisecond, ProbeInterval: 50 * time.Millisecond,
		FirstStartPatience: -1,
		Logger:             hclog.New(&hclog.LoggerOptions{Output: &testWriter{t}, Level: level}),
	}
}

// testWriter sends log lines to the test's log, until it ends.
type testWriter struct{ t testing.TB }

func (w *testWriter) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // a line after the end of the test
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// follow runs a follower; change may be nil.
func follow(t testing.TB, address string, change func(o *Options, r *recorder)) *following {
	t.Helper()
	o, r := testOptions(t, address), newRecorder(t)
	if change != nil {
		change(&o, r)
	}
	f, err := New(o, r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run := &following{Follower: f, recorder: r, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		run.err = f.Run(ctx)
	}()
	t.Cleanup(run.stop)
	return run
}

// stop ends it and waits for it.
func (f *following) stop() {
	f.cancel()
	<-f.done
}

// patience is how long a test waits for what has to happen.
const testPatience = 30 * time.Second

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	within(t, testPatience, what, condition)
}

func within(t testing.TB, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
		<-tick.C
	}
}

// streaming waits until changes are applied.
func (f *following) streaming(t testing.TB) {
	t.Helper()
	eventually(t, "to be streaming", func() bool {
		select {
		case <-f.done:
			t.Fatalf("the follower has ended: %v", f.err)
		default:
		}
		return f.Status().State == StateStreaming
	})
}

// reach waits until everything that the server has now is applied.
func (f *following) reach(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	lsn := flushPosition(t, conn)
	eventually(t, "to apply "+lsn.String(), func() bool {
		s := f.Status()
		return s.State == StateStreaming && s.Applied >= lsn
	})
}

// flushPosition makes sure that all of the log is flushed, and gives its end.
func flushPosition(t testing.TB, conn *pgx.Conn) tasker.LSN {
	t.Helper()
	var text string
	// A message in the log is flushed at once, and everything before it.
	if err := conn.QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')::text").Scan(&text); err != nil {
		t.Fatal(err)
	}
	lsn, err := tasker.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}

// same compares the recorder with the database at a quiet point.
func (f *following) same(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	f.reach(t, conn)
	f.recorder.mu.Lock()
	defer f.recorder.mu.Unlock()
	want := readTables(t, conn, f.Status().Schema)
	if diff := cmp.Diff(want, f.recorder.published.clone().mostRecent()); diff != "" {
		t.Fatalf("the database (-) and what was followed (+) differ:\n%s", diff)
	}
}

// takeEvents gives what was published since it was asked last.
func (r *recorder) takeEvents() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events
	r.events = nil
	return e
}
