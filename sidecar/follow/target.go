package follow

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/tasker-sidecar/tasker-sidecar/readiness"
	"github.com/tasker-sidecar/tasker-sidecar/replication"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// target makes the follower a replication.Target.
type target struct{ follower *Follower }

func (t target) NewLoad(_ context.Context, at replication.Snapshot) (replication.Load, error) {
	return &load{
		Load:     readiness.NewLoad(readiness.Options{Rules: at.Rules}),
		follower: t.follower,
		at:       at,
	}, nil
}

// load is one loading; Add comes from the embedded one.
type load struct {
	*readiness.Load
	follower *Follower
	at       replication.Snapshot
}

func (l *load) Finish(context.Context) (replication.Stream, error) {
	index, err := l.Load.Finish(readiness.Position{LSN: l.at.LSN, Time: l.at.Time})
	if err != nil {
		return nil, err
	}
	l.Load = nil // whoever still holds l does not hold the rows
	return &stream{Index: index, follower: l.follower, hearing: hearing{Listener: l.follower.listener, since: l.at.LSN}}, nil
}

func (l *load) Discard() {}

// stream feeds committed transactions to the index, and to who listens.
type stream struct {
	*readiness.Index
	follower *Follower
	hearing  hearing
	begun    time.Time
	current  bool // it is the follower's
}

func (s *stream) Begin(xid uint32, commitTime tasker.Timestamp) {
	s.begun = time.Now()
	s.hearing.begin(s.Index, commitTime)
	s.Index.Begin(xid, commitTime)
}

func (s *stream) Apply(c *tasker.Change) error {
	s.hearing.change(c)
	return s.Index.Apply(c)
}

func (s *stream) Commit(end tasker.LSN) error {
	s.Index.Commit(end)
	s.hearing.commit(s.Index, end)
	s.follower.applied(time.Since(s.begun))
	return nil
}

// Publish makes readers see what is committed; the first time it puts the new
// index in the place of the one before.
func (s *stream) Publish() error {
	if s.hearing.pending || !s.current { // else each transaction was published by itself
		s.Index.Publish()
	}
	if !s.current {
		s.current = true
		s.follower.replace(s.Index)
		// Loading takes about as much again as the index, and so did the index
		// before: the system gets it back now, and not minutes later.
		go debug.FreeOSMemory()
	}
	s.hearing.reached(s.Index)
	s.follower.timer.wake()
	return nil
}

func (s *stream) Advance(lsn tasker.LSN) {
	s.Index.Advance(lsn)
	s.hearing.reached(s.Index)
}

// Discard leaves the index as readers see it: the last transaction published.
func (s *stream) Discard() {}
