package reload

import (
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
)

// Reloader keeps the configuration of a running process up to date. Make one with
// [Start]; its methods are safe for concurrent use.
type Reloader struct {
	sources config.Sources // Environ, Flags and File; the others are filled in
	live    *live.Configuration
	files   *files

	mu      sync.Mutex // one reload at a time
	logger  hclog.Logger
	stored  []store.Setting // what the database said last
	runtime map[string]config.Value

	tell   sync.Mutex
	status Status
}

// Status is how reloading goes.
type Status struct {
	// Reloads count those that took something over or found nothing new, Refused
	// those that were wrong.
	Reloads, Refused int64
	// ReloadedAt is when the last one succeeded; the start counts.
	ReloadedAt time.Time
	// Cause is what the last one was made for.
	Cause string
	// Error is why the last one was refused; empty: it was not.
	Error string
	// Database is why the values of the database cannot be read; empty: they can,
	// or it is not asked. What it said last holds meanwhile.
	Database string
}

// Start reads the configuration that a process starts with. stored is what the
// database says; where that is wrong the error says how it is taken back.
func Start(sources config.Sources, stored []store.Setting) (*Reloader, error) {
	r := &Reloader{sources: sources, files: newFiles(), logger: hclog.NewNullLogger(), stored: stored, runtime: map[string]config.Value{}}
	loaded, err := r.load(r.runtime)
	if err != nil {
		return nil, err
	}
	r.live = live.New(loaded)
	r.status = Status{ReloadedAt: time.Now(), Cause: "start"}
	return r, nil
}

// SetLogger says where reloads are told of, and what the configuration warns of.
// Defaults to nowhere.
func (r *Reloader) SetLogger(l hclog.Logger) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logger = l
	r.warn(nil)
}

// warn tells what the configuration warns of, and did not before.
func (r *Reloader) warn(before []string) {
	for _, w := range r.live.Current().Wanted().Warnings {
		if !slices.Contains(before, w) {
			r.logger.Warn(w)
		}
	}
}

// Live is the configuration that is kept up to date.
func (r *Reloader) Live() *live.Configuration { return r.live }

// Status tells how reloading goes.
func (r *Reloader) Status() Status {
	r.tell.Lock()
	defer r.tell.Unlock()
	return r.status
}

// load reads all sources. The lock is held, or nobody else has r.
func (r *Reloader) load(runtime map[string]config.Value) (*config.Loaded, error) {
	s := r.sources
	s.Runtime = maps.Clone(runtime)
	r.files.begin()
	s.ReadFile = r.files.read
	return store.Load(s, r.stored)
}

// Reload reads all sources anew. Cause says why, for people.
func (r *Reloader) Reload(cause string) (live.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reload(cause, r.runtime)
}

// Stored takes over what the database says now.
func (r *Reloader) Stored(all []store.Setting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.database("")
	if slices.EqualFunc(all, r.stored, func(a, b store.Setting) bool { return a.Change == b.Change && a.Key == b.Key && a.Scope == b.Scope }) {
		return
	}
	r.stored = all
	_, _ = r.reload("the database", r.runtime) // it is told
}

// Away is told why the database does not say.
func (r *Reloader) Away(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.database(err.Error())
}

func (r *Reloader) database(trouble string) {
	r.tell.Lock()
	defer r.tell.Unlock()
	switch {
	case trouble != "" && r.status.Database == "":
		r.logger.Warn("changes of the configuration in the database cannot be read; what it said last holds", "error", trouble)
	case trouble == "" && r.status.Database != "":
		r.logger.Info("changes of the configuration in the database are read again")
	}
	r.status.Database = trouble
}

// reload reads all sources with the given changes of the API, which are kept when
// nothing is wrong.
func (r *Reloader) reload(cause string, runtime map[string]config.Value) (live.Change, error) {
	before := r.live.Current()
	pending := before.Pending
	var change live.Change
	loaded, err := r.load(runtime)
	if err == nil {
		change, err = r.live.Reload(loaded)
	}
	r.tell.Lock()
	defer r.tell.Unlock()
	r.status.Cause = cause
	if err != nil {
		r.status.Refused++
		r.status.Error = err.Error()
		r.logger.Error("a change of the configuration is refused, and what runs goes on as it is", "from", cause, "error", err)
		return change, err
	}
	r.runtime = runtime
	r.warn(before.Wanted().Warnings)
	r.status.Reloads++
	r.status.ReloadedAt, r.status.Error = time.Now(), ""
	if len(change.Keys) > 0 || !slices.Equal(pending, change.After.Pending) {
		r.logger.Info("the configuration has changed", "from", cause, "changed", change.Keys, "waits for a restart", change.After.Pending)
	} else {
		r.logger.Debug("the configuration was read anew, and is as it was", "from", cause)
	}
	return change, nil
}

// Patch changes options through the API, or takes such a change back where a
// value is nil, until the process ends. With an error nothing has changed.
func (r *Reloader) Patch(values map[string]*config.Value) (live.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	runtime := maps.Clone(r.runtime)
	for key, v := range values {
		key = config.CanonicalKey(key)
		if v == nil {
			delete(runtime, key)
		} else {
			runtime[key] = *v
		}
	}
	return r.reload("the API", runtime)
}

// Check says what is wrong with the configuration once the database says
// something else, and without the changes of some keys through the API; also
// where it could only be taken over by a restart, see [live.ErrTogether].
func (r *Reloader) Check(after []store.Setting, without []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sources
	s.Runtime = maps.Clone(r.runtime)
	for _, key := range without {
		delete(s.Runtime, config.CanonicalKey(key))
	}
	s.ReadFile = os.ReadFile
	loaded, err := store.Load(s, after)
	if err != nil {
		return err
	}
	return r.live.Check(loaded)
}
