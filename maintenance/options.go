package maintenance

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tasker-sidecar/tasker-sidecar/maintenance/agenda"
)

// Options configure a [Maintainer]. The zero value of every field but Pool, which
// is needed when a service acts, means its default.
type Options struct {
	// Agenda says what is looked for, and which services act.
	Agenda agenda.Options
	// Limits of each service. Defaults to 20 a second and 600 a minute.
	Limits map[agenda.Service]agenda.Limits
	// Pool gives connections to the database, one at a time. It stays the
	// caller's.
	Pool *pgxpool.Pool

	// LostRaces are the error classes by which a step's results tell that its
	// worker lost a race: another may still be at work on it, so it is not retried
	// before its threshold has passed since, and never without one.
	// Defaults to those of the engine's libraries, [LostRaces].
	LostRaces []string

	// Channel is the channel of NOTIFY on which tasks are announced, with the
	// task's id as payload. Defaults to "": none.
	Channel string
	// SQL is a statement with the task's id as $1 (bigint) that announces it.
	// Defaults to "": none. An enqueuer that acts needs one of the two.
	SQL string

	// MinPause is the least time between two looks at what has changed.
	// Defaults to 10 ms.
	MinPause time.Duration
	// SweepInterval is how often all tasks are looked at again.
	// Defaults to 5 minutes.
	SweepInterval time.Duration
	// CheckInterval is how often the states of services are read, and what has
	// been kept long enough is removed.
	// Defaults to 1 second.
	CheckInterval time.Duration
	// RetryPause is how long it takes until what has failed is tried again.
	// Defaults to 5 seconds.
	RetryPause time.Duration
	// LockTimeout bounds each wait for a lock in an act.
	// Defaults to 200 ms.
	LockTimeout time.Duration
	// StatementTimeout bounds each statement of an act. More than LockTimeout.
	// Defaults to 5 seconds.
	StatementTimeout time.Duration
	// KeepActs is how long the audit rows are kept.
	// Defaults to 30 days.
	KeepActs time.Duration
	// Logger takes log lines.
	// Defaults to one that discards them.
	Logger hclog.Logger
}

// LostRaces are the error classes with which the engine records that a worker
// has lost a race for a step: refused by the state machine, or by a unique index.
func LostRaces() []string {
	return []string{"Statesman::TransitionFailedError", "Statesman::TransitionConflictError", "ActiveRecord::RecordNotUnique"}
}

// WithDefaults is a copy with the defaults; the error names everything that is
// wrong.
func (o Options) WithDefaults() (Options, error) {
	var found []error
	var err error
	if o.Agenda, err = o.Agenda.WithDefaults(); err != nil {
		found = append(found, err)
	}
	if o.LostRaces == nil {
		o.LostRaces = LostRaces()
	}
	limits := map[agenda.Service]agenda.Limits{}
	for _, s := range agenda.Services() {
		l, ok := o.Limits[s]
		if !ok {
			l = agenda.Limits{Rate: 20, Budget: 600}
		}
		if l.Rate <= 0 || l.Budget <= 0 {
			found = append(found, fmt.Errorf("the %s may do %v acts a second and %d a minute: both must be positive", s, l.Rate, l.Budget))
		}
		limits[s] = l
	}
	o.Limits = limits
	for _, d := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"MinPause", &o.MinPause, 10 * time.Millisecond}, {"SweepInterval", &o.SweepInterval, 5 * time.Minute},
		{"CheckInterval", &o.CheckInterval, time.Second}, {"RetryPause", &o.RetryPause, 5 * time.Second},
		{"LockTimeout", &o.LockTimeout, 200 * time.Millisecond}, {"StatementTimeout", &o.StatementTimeout, 5 * time.Second},
		{"KeepActs", &o.KeepActs, 30 * 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < time.Millisecond {
			found = append(found, fmt.Errorf("%s is %s: at least a millisecond", d.name, *d.value))
		}
	}
	if o.StatementTimeout <= o.LockTimeout {
		found = append(found, fmt.Errorf("StatementTimeout (%s) must be more than LockTimeout (%s)", o.StatementTimeout, o.LockTimeout))
	}
	if o.acts() && o.Pool == nil {
		found = append(found, errors.New("a service acts, and there is no pool of connections"))
	}
	if o.Agenda.Modes[agenda.Enqueuer] == agenda.Acts && o.Channel == "" && o.SQL == "" {
		found = append(found, errors.New("the enqueuer is to act, and has neither a channel nor a statement to announce tasks by"))
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, errors.Join(found...)
}

// acts says whether any service does.
func (o *Options) acts() bool {
	for _, mode := range o.Agenda.Modes {
		if mode == agenda.Acts {
			return true
		}
	}
	return false
}
