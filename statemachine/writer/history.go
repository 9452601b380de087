package writer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Entry is a transition of a history.
type Entry struct {
	TransitionID int64 `json:"transition_id"`
	// From is the state that the transition before led to, pending before the
	// first. The column from_state is not looked at: the engine leaves it empty.
	From string `json:"from"`
	To   string `json:"to"`
	// Event is the engine's name for it, empty where the machine does not allow
	// the transition.
	Event      string           `json:"event"`
	SortKey    int32            `json:"sort_key"`
	MostRecent bool             `json:"most_recent"`
	At         tasker.Timestamp `json:"at"`
	// Metadata is the whole JSON value in the row.
	Metadata json.RawMessage `json:"metadata"`
	// By, Reason, RequestID and Key are those of the request, where this package
	// has written it.
	By        string `json:"by,omitempty"`
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	Key       string `json:"key,omitempty"`
}

// History gives all transitions of a task or step, oldest first; none for one that
// was never touched. The error is a [Refusal] with [NotFound], an [Invalid], or
// says what failed in the database.
func (w *Writer) History(ctx context.Context, k statemachine.Kind, id int64) ([]Entry, error) {
	if err := checkEntity(k, id); err != nil {
		return nil, err
	}
	rows, err := w.o.Pool.Query(ctx, w.sql[k].history, id)
	if err != nil {
		return nil, w.explained(fmt.Errorf("reading the history of %s %d: %w", k, id, err))
	}
	var row struct {
		id       *int64
		to       *string
		sortKey  *int32
		recent   *bool
		at       pgtype.Timestamp
		metadata string
	}
	exists, from, history := false, statemachine.None, []Entry{}
	_, err = pgx.ForEachRow(rows, []any{&row.id, &row.to, &row.sortKey, &row.recent, &row.at, &row.metadata}, func() error {
		exists = true
		if row.id == nil {
			return nil
		}
		e := Entry{TransitionID: *row.id, From: statemachine.Current(from), To: *row.to, SortKey: *row.sortKey, MostRecent: *row.recent,
			At: tasker.TimestampOf(row.at.Time), Metadata: json.RawMessage(row.metadata)}
		e.Event, _ = statemachine.Of(k).Event(from, e.To)
		var ours struct {
			Note note `json:"tasker_sidecar"`
		}
		if json.Unmarshal(e.Metadata, &ours) == nil { // others may write there what they like
			e.By, e.Reason, e.RequestID, e.Key = ours.Note.By, ours.Note.Reason, ours.Note.RequestID, ours.Note.Key
		}
		history, from = append(history, e), e.To
		return nil
	})
	switch {
	case err != nil:
		return nil, w.explained(fmt.Errorf("reading the history of %s %d: %w", k, id, err))
	case !exists:
		return nil, unknown(k, id)
	}
	return history, nil
}
