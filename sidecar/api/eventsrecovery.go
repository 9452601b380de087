package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// EventsRecovery tells what readers have missed, by tokens that they carry about
// in the ids of messages. Its methods are safe for concurrent use.
type EventsRecovery interface {
	// Token is that of a reader who has been told an event at the position, and
	// all before it; empty where there is none.
	Token(at tasker.LSN) string
	// Recover gives what a reader with the token may have missed of what was
	// committed before the call, and its next token. The error says why it cannot.
	Recover(ctx context.Context, token string, filter announce.Filter) (list []announce.Entry, next string, err error)
}

// lastEvent is what a reader that comes back says.
type lastEvent struct {
	text  string
	after *announce.Position // nil: it does not come back
	token string
}

func parseLastEvent(text string) (last lastEvent, detail *huma.ErrorDetail) {
	p, token, err := announce.ParseID(text)
	last.text, last.token = text, token
	if err != nil {
		return last, fieldError("header.Last-Event-ID", text, "not the id of an event: such as 16/B374D848-3 is expected")
	}
	last.after = &p
	return last, nil
}

// recover sends what is not kept any more and goes on with what comes meanwhile;
// or sends a gap. Until all of it is sent, messages have the id that the reader
// came with, so that one which is cut off gets it once more.
func (s *routing) recover(ctx context.Context, reader *announce.Reader, to *eventStream, filter announce.Filter, last lastEvent) {
	reader.SkipToEnd()
	ticker := time.NewTicker(s.options.EventsHeartbeat)
	defer ticker.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	place, open := reader.Place()
	for !open { // what is committed from here on is told by the log
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if to.comment("recovering"); !to.flushed() {
				return
			}
		case <-look.C:
			place, open = reader.Place()
		}
	}
	type answer struct {
		list []announce.Entry
		next string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		list, next, err := s.options.EventsRecovery.Recover(ctx, last.token, filter)
		answers <- answer{list, next, err}
	}()
	for {
		select {
		case <-ticker.C:
			if to.comment("recovering"); !to.flushed() {
				return
			}
		case a := <-answers:
			if a.err != nil {
				if ctx.Err() == nil {
					s.options.Logger.Warn("what a reader of events has missed cannot be told", "error", a.err)
					to.write(to.id(place), announce.Gap, announce.GapAfter(a.err.Error(), last.after.LSN, place.LSN).Data)
					to.flush()
				}
				return
			}
			for i := range a.list {
				to.write(last.text, a.list[i].Name, a.list[i].Data)
				if (i+1)%256 == 0 && !to.flushed() {
					return
				}
			}
			to.write(place.String()+"-"+a.next, "", nil)
			to.flush()
			return
		}
	}
}

// flushed flushes, and says whether it has gone out.
func (e *eventStream) flushed() bool {
	e.flush()
	return e.err == nil
}
