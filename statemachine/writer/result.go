package writer

import (
	"github.com/tasker-sidecar/tasker-sidecar/statemachine"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// Result is a transition that was made.
type Result struct {
	Kind         statemachine.Kind `json:"kind"`
	ID           int64             `json:"id"`
	TransitionID int64             `json:"transition_id"` // 0 of a dry run
	From         string            `json:"from"`          // pending also where there was no transition before
	To           string            `json:"to"`
	Event        string            `json:"event"` // the engine's name for it
	SortKey      int32             `json:"sort_key"`
	At           tasker.Timestamp  `json:"at"` // the server's clock, the transition's created_at
	// LSN is a position of the log: whoever has applied everything up to it has
	// the transition. 0 of a dry run.
	LSN tasker.LSN `json:"lsn"`
	// Repeated says that an earlier request with the same key has made it.
	Repeated bool `json:"repeated"`
}

// Outcome is what became of one request of a batch: a result, or why there is
// none.
type Outcome struct {
	Result Result
	Err    error // a *Refusal, or what went wrong
}
