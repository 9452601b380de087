package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// stream reads the log and hands it to the target. Everything in it belongs to
// the goroutine of run, except what is atomic.
type stream struct {
	f       *Follower
	conn    *pgconn.PgConn
	sock    net.Conn
	tap     *tap
	decoder *decoder
	target  Stream
	ack     *acknowledger
	layout  *Layout
	schema  string
	passes  func(c *tasker.Change) // is shown every change; may be nil

	now     begin      // the transaction at hand
	inTx    bool       // between Begin and Commit
	begun   bool       // the target knows of it
	since   time.Time  // when it began to arrive
	end     tasker.LSN // everything before is handed over
	applied tasker.LSN // everything before is published
	dirty   time.Time  // when the oldest unpublished commit was applied; zero: none

	deadlineSet  time.Time
	commits      uint64 // that were applied, empty ones included
	transactions uint64
	changes      [tasker.FollowedTables + 1]uint64
}

// run applies what comes until something is wrong, which it returns; never nil.
func (s *stream) run(ctx context.Context) error {
	s.tap.before = s.beforeRead
	front := s.conn.Frontend()
	for {
		msg, err := front.Receive()
		if err != nil {
			return s.explain(ctx, err)
		}
		switch msg := msg.(type) {
		case *pgproto3.CopyData:
			if err := s.data(msg.Data); err != nil {
				return err
			}
		case *pgproto3.ErrorResponse:
			err := pgconn.ErrorResponseToPgError(msg)
			if isShutdown(err) {
				return fmt.Errorf("%w: %w", ErrShutdown, err)
			}
			return fmt.Errorf("the server ended the stream: %w", err)
		case *pgproto3.CopyDone, *pgproto3.CommandComplete:
			return fmt.Errorf("%w: it ended the stream", ErrShutdown)
		}
	}
}

// explain names what ended the reading.
func (s *stream) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: nothing was received within %s", ErrSilent, s.f.o.ReceiveTimeout)
	}
	return fmt.Errorf("reading the stream: %w", err)
}

// beforeRead is called when all that has arrived is applied.
func (s *stream) beforeRead() error {
	if err := s.publish(); err != nil {
		return err
	}
	// Once in a while is enough; it costs more than decoding a change.
	if now := time.Now(); now.Sub(s.deadlineSet) >= s.f.o.StatusInterval {
		s.deadlineSet = now
		return s.sock.SetReadDeadline(now.Add(s.f.o.StatusInterval + s.f.o.ReceiveTimeout))
	}
	return nil
}

func (s *stream) data(data []byte) error {
	if len(data) == 0 {
		return fmt.Errorf("%w: an empty message", ErrMalformed)
	}
	switch data[0] {
	case pglogrepl.XLogDataByteID:
		const header = 1 + 8 + 8 + 8 // start and end of the log, time
		if len(data) < header {
			return truncated("XLogData")
		}
		return s.locate(s.decoder.decode(data[header:]))
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		return s.keepalive(tasker.LSN(k.ServerWALEnd), k.ReplyRequested)
	}
	return fmt.Errorf("%w: a message of unknown kind %q in the stream", ErrMalformed, data[0])
}

// locate says where an error is.
func (s *stream) locate(err error) error {
	if err == nil {
		return nil
	}
	var v *ValueError
	if errors.As(err, &v) {
		v.LSN = s.now.commitLSN
		return err
	}
	if s.inTx {
		return fmt.Errorf("in the transaction that commits at %s: %w", s.now.commitLSN, err)
	}
	return err
}

// keepalive is told that the server has sent everything before end.
func (s *stream) keepalive(end tasker.LSN, replyRequested bool) error {
	s.receive(end)
	if !s.inTx {
		s.end = max(s.end, end)
		if err := s.publish(); err != nil {
			return err
		}
	}
	if replyRequested {
		if s.inTx && time.Since(s.since) >= s.f.o.StandstillTimeout {
			return fmt.Errorf("%w: since %s, at %s", ErrStandstill, s.since.UTC().Format(time.RFC3339), s.applied)
		}
		s.ack.soon()
	}
	return nil
}

func (s *stream) begin(b begin) error {
	s.now, s.inTx, s.begun = b, true, false
	s.since = time.Now()
	return nil
}

func (s *stream) change(c *tasker.Change) error {
	if !s.begun {
		// What is committed must not wait for a transaction that may take
		// long to arrive.
		if !s.dirty.IsZero() && s.tap.commits == s.commits {
			if err := s.publish(); err != nil {
				return err
			}
		}
		s.begun = true
		s.target.Begin(s.now.xid, s.now.commitTime)
	}
	s.changes[c.Table]++
	if s.passes != nil {
		s.passes(c)
	}
	if err := s.target.Apply(c); err != nil {
		return fmt.Errorf("applying a change of %s: %w", c.Table, err)
	}
	return nil
}

func (s *stream) commit(end tasker.LSN) error {
	s.inTx = false
	s.commits++
	s.end = max(s.end, end)
	if !s.begun {
		return nil // nothing in it; published with whatever comes next
	}
	s.begun = false
	s.transactions++
	if err := s.target.Commit(end); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	now := time.Now()
	if s.dirty.IsZero() {
		s.dirty = now
	} else if now.Sub(s.dirty) >= s.f.o.PublishInterval {
		return s.publish()
	}
	return nil
}

func (s *stream) relationChanged(_ tasker.Table, r *relation) error {
	if found := diffRelation(s.layout, s.schema, r); len(found) > 0 {
		return &IncompleteError{Differences: found}
	}
	return nil
}

// publish makes everything seen that was committed.
func (s *stream) publish() error {
	s.count()
	if s.end == s.applied || s.begun {
		return nil // in the middle of a transaction nothing can be seen
	}
	if !s.dirty.IsZero() {
		if err := s.target.Publish(); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		s.dirty = time.Time{}
	}
	s.target.Advance(s.end)
	s.applied = s.end
	s.receive(s.end)
	s.ack.applied.Store(uint64(s.applied))
	s.f.counters.applied.Store(uint64(s.applied))
	s.f.know(s.f.age.reached(s.applied))
	return nil
}

func (s *stream) receive(lsn tasker.LSN) {
	if uint64(lsn) > s.ack.received.Load() {
		s.ack.received.Store(uint64(lsn))
		s.f.counters.received.Store(uint64(lsn))
	}
}

// count makes the counts seen, a transaction's at hand included.
func (s *stream) count() {
	c := &s.f.counters
	if s.transactions > 0 {
		c.transactions.Add(s.transactions)
		s.transactions = 0
	}
	for t, n := range s.changes {
		if n > 0 {
			c.changes[t].Add(n)
			s.changes[t] = 0
		}
	}
}
