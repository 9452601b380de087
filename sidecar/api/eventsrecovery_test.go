package api

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// tables give one event to whoever has the token "1.1".
type tables struct{}

func (tables) Token(tasker.LSN) string { return "1.1" }

func (tables) Recover(_ context.Context, token string, _ announce.Filter) ([]announce.Entry, string, error) {
	if token != "1.1" {
		return nil, "", errors.New("the tables do not tell")
	}
	return []announce.Entry{{Name: "task.start_requested", Data: []byte(`{"recovered":true}`)}}, "2.1", nil
}

// A reader comes back whose place is not kept: with a token it gets what it has
// missed and then what comes, otherwise it is told of the gap.
func TestEventsRecovered(t *testing.T) {
	for last, want := range map[string][3]string{
		"0/500-3-1.1": {"task.start_requested 0/500-3-1.1", " 2.1", ""},
		"0/500-3-9.9": {"gap", "", "the tables do not tell"},
		"0/500-3":     {"gap", "", "the place is not among the events kept"},
	} {
		a := newAnnouncer(t, announce.Options{})
		s := started(t, newSource(nil, Freshness{}), Options{Events: a.Hub, EventsRecovery: tables{}})
		o := open1(t, s, pathEvents, "Last-Event-ID", last)
		if m := o.next(); m.Event != "comment" {
			t.Fatalf("%s: %+v", last, m)
		}
		readers(t, a, 1)
		a.commit(7)
		m := o.event()
		if name, id, _ := strings.Cut(want[0], " "); m.Event != name || id != "" && m.ID != id || !strings.Contains(m.Data, want[2]) {
			t.Errorf("%s: first %+v", last, m)
		}
		if want[1] != "" {
			if m := o.event(); m.Event != "" || m.Data != "" || !strings.HasSuffix(m.ID, "-2.1") {
				t.Errorf("%s: the end of it: %+v", last, m)
			}
		}
		a.commit(8)
		if m := o.event(); m.Event == "gap" || !strings.HasSuffix(m.ID, "-1.1") {
			t.Errorf("%s: what comes then: %+v", last, m)
		}
	}
}
