package store

import "github.com/tasker-sidecar/tasker-sidecar/config"

// Values are settings as a source of [config.Load]. What cannot be read at all is
// among the problems.
func Values(all []Setting) (map[string]config.Value, config.Problems) {
	values := map[string]config.Value{}
	var found config.Problems
	for i := range all {
		s := &all[i]
		v, err := Decode(s.Value)
		switch {
		case err != nil:
			found = append(found, config.Problem{Key: s.Name(), Origin: s.Origin(), Rule: err.Error()})
		default:
			v.Origin = s.Origin()
			values[s.Name()] = v
		}
	}
	return values, found
}

// Load is [config.Load] with values that are stored in the database.
func Load(s config.Sources, all []Setting) (*config.Loaded, error) {
	values, found := Values(all)
	s.Database = values
	loaded, err := config.Load(s)
	if problems, ok := err.(config.Problems); ok || err == nil && found != nil { //nolint:errorlint // the very type, as Load gives it
		return nil, append(problems, found...)
	}
	return loaded, err
}
