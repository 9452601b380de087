package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/tasker-sidecar/tasker-sidecar/config"
	"github.com/tasker-sidecar/tasker-sidecar/config/live"
	"github.com/tasker-sidecar/tasker-sidecar/config/store"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/api"
	"github.com/tasker-sidecar/tasker-sidecar/sidecar/reload"
	"github.com/tasker-sidecar/tasker-sidecar/tasker"
)

// configuring shows and changes the configuration of a running sidecar.
type configuring struct {
	*reload.Reloader
	live *live.Configuration
}

// Report implements api.Configuration.
func (c *configuring) Report() api.ConfigurationReport {
	snapshot := c.live.Current()
	out := api.ConfigurationReport{Pending: append([]string{}, snapshot.Pending...), Reload: c.status()}
	for _, o := range config.Options() {
		setting := snapshot.Setting(o.Key)
		one := api.OptionReport{Key: o.Key, Value: snapshot.Config.Shown(o.Key), Layer: setting.Layer, Origin: setting.Origin, Live: o.Live, Pending: snapshot.Waits(o.Key)}
		out.Options = append(out.Options, one)
		for _, s := range snapshot.Wanted().ForSome(o.Key) { // in force at once, see live.Differences
			out.Options = append(out.Options, api.OptionReport{Key: s.Key, Value: s.Value, Layer: s.Layer, Origin: s.Origin, Live: o.Live})
		}
	}
	return out
}

// WriteSchema implements api.Configuration.
func (c *configuring) WriteSchema(w io.Writer) error { return config.WriteSchema(w) }

// status is how reloading goes; c may be nil.
func (c *configuring) status() api.ConfigurationStatus {
	if c == nil {
		return api.ConfigurationStatus{ReloadedAt: tasker.NoTime}
	}
	s := c.Status()
	return api.ConfigurationStatus{
		Reloads: s.Reloads, Refused: s.Refused, ReloadedAt: tasker.TimestampOf(s.ReloadedAt), Cause: s.Cause, Error: s.Error, Database: s.Database,
		Pending: int64(len(c.live.Current().Pending)),
	}
}

// Change implements api.Configuration.
func (c *configuring) Change(ctx context.Context, wanted api.ConfigurationChange) (api.ConfigurationChanged, error) {
	values, twice := canonical(wanted.Values)
	wanted.Values = values
	if problems := append(twice, refused(wanted)...); problems != nil {
		return api.ConfigurationChanged{}, &api.ConfigurationError{Problems: problems}
	}
	out := api.ConfigurationChanged{Pending: []string{}, Shadowed: []string{}, Stored: []int64{}}
	before := c.live.Current()
	if wanted.Persist {
		stored, err := c.persist(ctx, wanted)
		if err != nil {
			return out, explainedChange(err)
		}
		out.Stored = stored
	} else {
		values := map[string]*config.Value{}
		for key, raw := range wanted.Values {
			values[key] = nil
			if v, err := store.Decode(raw); err == nil {
				v.Origin = "API, by " + wanted.By
				values[key] = &v
			}
		}
		if _, err := c.Patch(values); err != nil {
			return out, explainedChange(err)
		}
	}
	after := c.live.Current()
	out.Changed = live.Differences(before, after)
	layer := map[bool]string{true: config.LayerDatabase, false: config.LayerRuntime}[wanted.Persist]
	for _, key := range slices.Sorted(maps.Keys(wanted.Values)) {
		if _, known := config.Lookup(key); !known {
			continue // for some workflows
		}
		switch setting := after.Wanted().Setting(key); {
		case after.Waits(key):
			out.Pending = append(out.Pending, key)
		case string(wanted.Values[key]) != "null" && setting.Layer != layer:
			out.Shadowed = append(out.Shadowed, key+" is said by "+setting.Origin)
		}
	}
	return out, nil
}

// canonical is a change under the one spelling that each of its keys has.
func canonical(given map[string]json.RawMessage) (values map[string]json.RawMessage, problems []api.ConfigurationProblem) {
	values = make(map[string]json.RawMessage, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		one := config.CanonicalKey(key)
		if _, twice := values[one]; twice {
			problems = append(problems, api.ConfigurationProblem{Key: one, Text: "is given twice, once as " + key})
		}
		values[one] = given[key]
	}
	return values, problems
}

// refused are the changes that cannot be made here, whatever their values.
func refused(wanted api.ConfigurationChange) (problems []api.ConfigurationProblem) {
	add := func(key, text string) { problems = append(problems, api.ConfigurationProblem{Key: key, Text: text}) }
	for _, key := range slices.Sorted(maps.Keys(wanted.Values)) {
		raw := wanted.Values[key]
		option, _, err := config.SplitKey(key)
		o, known := config.Lookup(option)
		switch {
		case err != nil:
			add(key, err.Error())
		case !known:
			text := "is not an option"
			if near := config.Nearest(key); near != "" {
				text += "; did you mean " + near + "?"
			}
			add(key, text)
		case wanted.Persist && string(raw) != "null" && o.NotStored() != "":
			add(key, o.NotStored())
		case !wanted.Persist && string(raw) != "null" && o.Guarded() != "":
			add(key, o.Guarded())
		case !wanted.Persist && !o.Live:
			add(key, "takes effect at a start, and a change that does not persist ends with this process: use persist=true, or a file")
		case string(raw) != "null":
			if _, err := store.Decode(raw); err != nil {
				add(key, err.Error())
			}
		}
	}
	return problems
}

// persist writes the changes to the database, and takes over what it says then.
// Changes of the same options that were to end with the process end now: they
// would win.
func (c *configuring) persist(ctx context.Context, wanted api.ConfigurationChange) ([]int64, error) {
	current := c.live.Current().Config
	if !current.Reload.Database {
		return nil, errors.New("reload.database is false: this sidecar does not read what is stored in the database")
	}
	ctx, cancel := context.WithTimeout(ctx, current.HTTP.TransitionTimeout)
	defer cancel()
	conn, err := connectTo(ctx, current)
	if err != nil {
		return nil, err
	}
	defer closeAfter(ctx, conn)
	keys := slices.Sorted(maps.Keys(wanted.Values))
	var edits []store.Edit
	drop := map[string]*config.Value{}
	for _, key := range keys {
		edits = append(edits, store.NewEdit(key, edited(key, wanted.Values[key])))
		drop[key] = nil
	}
	made, err := store.Write(ctx, conn, store.Who{AskedBy: wanted.By, Reason: wanted.Reason}, edits, func(after []store.Setting) error { return c.Check(after, keys) })
	if err != nil {
		return nil, err
	}
	all, err := store.Read(ctx, conn)
	if err != nil {
		return nil, err
	}
	numbers := []int64{}
	for i := range made {
		numbers = append(numbers, made[i].Change)
	}
	c.Stored(all)
	if _, err := c.Patch(drop); err != nil {
		return nil, err
	}
	return numbers, nil
}

// edited is a value as it is stored.
func edited(key string, raw json.RawMessage) json.RawMessage {
	option, _, _ := config.SplitKey(key)
	o, known := config.Lookup(option)
	v, err := store.Decode(raw)
	if !known || err != nil {
		return nil
	}
	return store.Encode(o, v)
}

// explainedChange tells what is wrong with the values from what failed.
func explainedChange(err error) error {
	var problems config.Problems
	if !errors.As(err, &problems) {
		if errors.Is(err, live.ErrTogether) {
			return &api.ConfigurationError{Problems: []api.ConfigurationProblem{{Text: err.Error()}}}
		}
		return err
	}
	out := &api.ConfigurationError{}
	for _, p := range problems {
		out.Problems = append(out.Problems, api.ConfigurationProblem{Key: p.Key, Text: p.String()})
	}
	return out
}
