package replication

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// WatchOptions configure a [Watcher].
type WatchOptions struct {
	// Connect opens the session that looks; the watcher closes it, and opens
	// another one when it breaks. There is no default.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Schema, Publication and ApplicationName are those that are followed,
	// published and followed with. Schema has no default; the others default
	// to DefaultPublication and "tasker-sidecar".
	Schema, Publication, ApplicationName string
	// Interval is the time between two looks, 100 ms to 5 s.
	// Defaults to 1 second.
	Interval time.Duration
	// Timeout bounds one look at the catalog, connecting included.
	// Defaults to 5 seconds.
	Timeout time.Duration
	// Blind is how long no look may have succeeded before that is reported.
	// Defaults to 10 seconds.
	Blind time.Duration
	// ProvisionalInterval is the time between two searches for a step that
	// tells which rules hold, while they are provisional; at least twenty times
	// as long as the last one took. [Watcher.AskRules] makes one at once.
	// Defaults to 5 seconds.
	ProvisionalInterval time.Duration
	// Rules say how the rules are asked for.
	Rules RulesOptions
	// Handler is told what is seen.
	Handler WatchHandler
}

func (o WatchOptions) withDefaults() WatchOptions {
	def(&o.Publication, DefaultPublication)
	def(&o.ApplicationName, "tasker-sidecar")
	def(&o.Interval, time.Second)
	def(&o.Timeout, 5*time.Second)
	def(&o.Blind, 10*time.Second)
	def(&o.ProvisionalInterval, 5*time.Second)
	return o
}

// WatchHandler is told what a [Watcher] sees. The functions are called by the
// watcher's goroutine, one at a time; one that is nil is not called. None may
// call Run, and each should return soon.
type WatchHandler struct {
	// Changed is told of every difference to what was there before, once. The
	// moment it is called answers must stop passing for fresh. What follows
	// is [Gravest]; after AskRules, Rules is called as soon as it is known.
	Changed func(differences []Difference)
	// Rules is told which rules hold whenever they were asked for again: after
	// a function was changed, and when provisional ones have become known or
	// AskRules had them asked for. An
	// error is that of [DetectRules], and a *SetupError.
	Rules func(finding RulesFinding, err error)
	// Blind is told when no look has succeeded for WatchOptions.Blind, with
	// the last error: nothing vouches for the log's completeness then.
	Blind func(err error)
	// Seeing is told when a look succeeds after Blind. While the rules are
	// refused Rules is called instead, with the error again.
	Seeing func()
}

// Watcher looks again and again whether the database's catalog still is what it
// was at the snapshot, by a session of its own. It tells of what it sees and
// decides nothing. Its methods are safe for concurrent use, Run once at a time.
type Watcher struct {
	o        WatchOptions
	nudge    chan struct{}
	askRules atomic.Bool
	lastLook atomic.Int64 // time.Time.UnixNano of the last success

	// The rest is the running goroutine's.
	conn    *pgx.Conn
	known   Fingerprint
	oids    []uint32
	rules   RulesFinding
	due     bool // the rules have to be asked for, whatever the time
	askedAt time.Time
	took    time.Duration // to ask for the rules
	refused error         // why the rules are not known
	blind   bool
}

// NewWatcher makes a watcher; it does nothing before Run.
func NewWatcher(o WatchOptions) *Watcher {
	return &Watcher{o: o.withDefaults(), nudge: make(chan struct{}, 1)}
}

// Look asks for a look now, and does not wait for it. It is for those who see a
// sign that something has changed, such as a relation message.
func (w *Watcher) Look() {
	select {
	case w.nudge <- struct{}{}:
	default: // one is due already
	}
}

// AskRules asks for the rules to be asked for now if they are provisional, and
// does not wait for it. It is for those who see a step for which [RulesDiffer].
func (w *Watcher) AskRules() {
	if w.askRules.CompareAndSwap(false, true) {
		w.Look()
	}
}

// LastLook is when a look last succeeded; zero before the first.
func (w *Watcher) LastLook() time.Time {
	n := w.lastLook.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// Run looks until ctx ends and returns its error. base is the fingerprint that
// was taken before the slot was created, with Schema and Publication as in the
// options; rules is what was found for it.
func (w *Watcher) Run(ctx context.Context, base Fingerprint, rules RulesFinding) error {
	w.known, w.rules, w.due, w.refused, w.blind = base, rules, false, nil, false
	w.askedAt = time.Now()
	w.oids = nil
	l := base.Layout()
	for i := range l.Tables {
		w.oids = append(w.oids, l.Tables[i].OID)
	}
	defer w.disconnect()
	ticker := time.NewTicker(w.o.Interval)
	defer ticker.Stop()
	seen := time.Now()
	for {
		if err := w.look(ctx); err == nil {
			seen = time.Now()
			w.lastLook.Store(seen.UnixNano())
			w.sees()
		} else if ctx.Err() == nil && time.Since(seen) >= w.o.Blind && !w.blind {
			w.blind = true
			if w.o.Handler.Blind != nil {
				w.o.Handler.Blind(Explain(err))
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-w.nudge:
		}
	}
}

// sees tells that a look succeeded, after some that did not.
func (w *Watcher) sees() {
	switch h := w.o.Handler; {
	case !w.blind:
	case w.refused != nil && h.Rules != nil:
		h.Rules(RulesFinding{}, w.refused)
	case w.refused == nil && h.Seeing != nil:
		h.Seeing()
	}
	w.blind = false
}

// look takes one look and asks for the rules when that is due.
func (w *Watcher) look(ctx context.Context) error {
	err := w.compare(ctx)
	if err == nil {
		err = w.detect(ctx)
	}
	if err != nil {
		w.disconnect() // whatever state the session is in
	}
	return err
}

func (w *Watcher) compare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	if w.conn == nil {
		conn, err := w.o.Connect(ctx)
		if err != nil {
			return fmt.Errorf("watching the catalog: %w", err)
		}
		w.conn = conn
	}
	now, err := ReadFingerprint(ctx, w.conn, FingerprintOptions{Schema: w.o.Schema, Publication: w.o.Publication, Known: w.oids})
	if err != nil {
		return fmt.Errorf("watching the catalog: %w", err)
	}
	differences := Diff(w.known, now, w.o.Schema, w.o.ApplicationName)
	w.known = now
	for _, d := range differences {
		w.due = w.due || d.Consequence == AskRules
	}
	if len(differences) > 0 && w.o.Handler.Changed != nil {
		w.o.Handler.Changed(differences)
	}
	return nil
}

// detect asks for the rules: when a function was changed, until they are known
// again; and now and then while they are provisional.
func (w *Watcher) detect(ctx context.Context) error {
	if !w.due {
		wait := max(w.o.ProvisionalInterval, 20*w.took)
		if w.askRules.Load() {
			wait = w.o.Interval / 2 // however often steps come by
		}
		if !w.rules.Provisional || time.Since(w.askedAt) < wait {
			return nil
		}
	}
	// Every statement is bounded by the server; this is for a dead network.
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout+time.Duration(len(rulesKinds)+2)*w.o.Rules.withDefaults().StatementTimeout)
	defer cancel()
	asked := w.askRules.Swap(false)
	begun := time.Now()
	finding, err := DetectRules(ctx, w.conn, w.o.Schema, w.o.Rules)
	w.askedAt = time.Now()
	w.took = w.askedAt.Sub(begun)
	if err != nil && !Permanent(err) {
		if asked {
			w.askRules.Store(true)
		}
		return err
	}
	told := w.due || asked || err != nil || finding.Provisional != w.rules.Provisional || finding.Rules != w.rules.Rules
	w.due, w.refused = false, err
	if err == nil {
		w.rules = finding
	} else {
		w.rules.Provisional = false // asked again when a function changes
	}
	if told && w.o.Handler.Rules != nil {
		w.o.Handler.Rules(finding, err)
	}
	return nil
}

func (w *Watcher) disconnect() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.conn.Close(ctx) // there is nothing to lose
	w.conn = nil
}
