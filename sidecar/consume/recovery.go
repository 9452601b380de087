package consume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tasker-sidecar/tasker-sidecar/events"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/announce"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// RecoveryOptions configure a [Recovery]. Connect, Schema and Listening are
// required.
type RecoveryOptions struct {
	// Connect opens a connection to the database.
	Connect func(ctx context.Context) (*pgx.Conn, error)
	// Schema is the one that holds the engine's tables.
	Schema func() string
	// Listening says whether anybody reads events.
	Listening func() bool
	// Interval is the time between two looks at the database while somebody does.
	// Defaults to 5s.
	Interval time.Duration
	// Timeout bounds one reading of the tables. Defaults to 10m.
	Timeout time.Duration
	// Most is how many events one reader may be told from the tables.
	Most int
}

// Recovery lets readers without a watermark of their own miss nothing: what they
// carry about is a token, the horizon that is theirs once they have been told
// everything up to a position of the log. Its methods are safe for concurrent
// use; Run once.
type Recovery struct {
	o    RecoveryOptions
	turn chan struct{} // holds one while the tables are read

	mu    sync.Mutex
	marks []candidate // in the order of their positions
}

// mostMarks is how many horizons are remembered, for readers that are behind.
const mostMarks = 1024

// NewRecovery makes one; Run it.
func NewRecovery(o RecoveryOptions) *Recovery {
	if o.Interval <= 0 {
		o.Interval = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Minute
	}
	return &Recovery{o: o, turn: make(chan struct{}, 1)}
}

// Run looks for horizons while somebody reads, over one connection, until ctx
// ends. One that cannot be had now is looked for again.
func (r *Recovery) Run(ctx context.Context) {
	const look = 100 * time.Millisecond // whether somebody has begun to read
	var conn *pgx.Conn
	hangUp := func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // the server notices either way
			conn = nil
		}
	}
	defer hangUp()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var due time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !r.o.Listening() {
			hangUp()
			due = time.Time{}
			continue
		}
		if time.Now().Before(due) {
			continue
		}
		due = time.Now().Add(r.o.Interval)
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = r.o.Connect(ctx); err != nil {
				conn = nil
				continue
			}
		}
		if c, err := horizon(ctx, conn); err == nil {
			r.add(c)
		}
	}
}

// horizon finds a horizon, and the position behind which it is a reader's.
func horizon(ctx context.Context, conn *pgx.Conn) (c candidate, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if c.mark, _, err = snapshot(ctx, conn); err != nil {
		return c, err
	}
	c.lsn, err = position(ctx, conn)
	return c, err
}

func (r *Recovery) add(c candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.marks); n > 0 && r.marks[n-1].lsn > c.lsn {
		r.marks = nil // the database was set back, or is another
	}
	if len(r.marks) == mostMarks {
		r.marks = slices.Delete(r.marks, 0, mostMarks/2)
	}
	r.marks = append(r.marks, c)
}

// Token is that of a reader who has been told an event at the position, and all
// before it. Empty: none is known yet.
func (r *Recovery) Token(at tasker.LSN) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].lsn >= at })
	if n == 0 {
		return ""
	}
	return r.marks[n-1].token()
}

func (m mark) token() string { return strconv.FormatInt(m.horizon, 10) + "." + m.cluster }

func parseToken(s string) (m mark, ok bool) {
	horizon, cluster, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(horizon, 10, 64)
	return mark{n, cluster}, ok && err == nil && n > 0
}

var errTooMany = errors.New("too many")

// Recover gives every event that a reader with the token may have missed of what
// was committed before the call, marked recovered, in the order of [Consumer]'s,
// and the token that it has then. One reading takes place at a time.
//
// An error says in words for people why they cannot be told.
func (r *Recovery) Recover(ctx context.Context, token string, filter announce.Filter) (list []announce.Entry, next string, err error) {
	from, ok := parseToken(token)
	if !ok {
		return nil, "", fmt.Errorf("%q is not what this program has made", token)
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	defer func() { <-r.turn }()
	conn, err := r.o.Connect(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("recovering events: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := r.settled(ctx, conn); err != nil {
		return nil, "", err
	}
	to, _, err := recovered(ctx, conn, r.o.Schema(), from, r.o.Timeout, func(found []events.Event) error {
		for i := range found {
			if e := announce.Encode(&found[i]); filter.Wants(&e) {
				if len(list) == r.o.Most {
					return errTooMany
				}
				list = append(list, e)
			}
		}
		return nil
	})
	if errors.Is(err, errTooMany) {
		return nil, "", fmt.Errorf("more events were missed than the %d that are read from the tables (events.recovery_most)", r.o.Most)
	}
	if err != nil {
		return nil, "", err
	}
	return list, to.token(), nil
}

// settled waits until what is committing is visible. A commit is in the log a
// moment before it is in any snapshot; where it waits for a standby, for as long
// as that takes.
func (r *Recovery) settled(ctx context.Context, conn *pgx.Conn) error {
	_, end, err := snapshot(ctx, conn)
	if err != nil {
		return err
	}
	var standbys string
	if err := conn.QueryRow(ctx, "SHOW synchronous_standby_names").Scan(&standbys); err != nil {
		return fmt.Errorf("recovering events: %w", err)
	}
	patience := time.Second
	if standbys != "" {
		patience = r.o.Timeout
	}
	for deadline := time.Now().Add(patience); ; {
		m, _, err := snapshot(ctx, conn)
		switch {
		case err != nil:
			return err
		case m.horizon >= end:
			return nil
		case time.Now().After(deadline) && standbys == "":
			return nil // what runs for so long is not committing: the log will tell
		case time.Now().After(deadline):
			return errors.New("transactions are running that may wait for a standby, and have not ended within events.recovery_timeout")
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
