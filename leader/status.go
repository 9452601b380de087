package leader

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// State is what an elector is doing.
type State string

// The states of an elector; the package comment has the picture.
const (
	Stopped   State = "stopped"   // Run does not run
	Waiting   State = "waiting"   // for another try: Status.Err says why
	Following State = "following" // tries for the lock, unless Status.Err says why not
	Raising   State = "raising"   // has the lock, raises the epoch
	Leading   State = "leading"
	Leaving   State = "leaving" // the lease has ended, the leading function has not returned yet
)

// Term is the row of tasker_sidecar.leader.
type Term struct {
	Epoch  int64     // 0: nobody has ever led
	Holder string    // who raised it: a name, and letters that are the lease's own
	Since  time.Time // by the server's clock
}

func (t Term) String() string {
	if t.Epoch == 0 {
		return "epoch 0, nobody's"
	}
	return fmt.Sprintf("epoch %d, of %s since %s", t.Epoch, t.Holder, t.Since.UTC().Format(time.RFC3339))
}

// Status is how an elector is at one moment.
type Status struct {
	State State
	// Term is our own while State is Leading; before, what the table said when
	// it was last looked at: whoever it names leads, or did.
	Term Term
	// Err is the last thing that went wrong, or why we are not ready; nil once
	// it is over. See the errors of this package.
	Err error
}

// Leading says whether we do.
func (s Status) Leading() bool { return s.State == Leading }

// Status tells how the elector is. It is safe for concurrent use, and waits
// for nothing in the database.
func (e *Elector) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status
}

func (e *Elector) enter(state State, change func(*Status)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.State = state
	if change != nil {
		change(&e.status)
	}
}

const readTermSQL = `SELECT epoch, holder, since FROM tasker_sidecar.leader`

func readTerm(ctx context.Context, tx pgx.Tx) (Term, error) {
	var t Term
	err := tx.QueryRow(ctx, readTermSQL).Scan(&t.Epoch, &t.Holder, &t.Since)
	return t, explained("reading tasker_sidecar.leader", err)
}
