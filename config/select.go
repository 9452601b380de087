package config

import "strings"

const (
	environmentFlag     = "environment"
	overlayFlag         = "overlay"
	environmentVariable = EnvPrefix + "ENVIRONMENT"
	overlaysVariable    = EnvPrefix + "OVERLAYS"
	workflowsVariable   = EnvPrefix + "WORKFLOWS"
	railsVariable       = "RAILS_ENV"
)

// selected is the environment that the files are read for.
type selected struct {
	name, origin string
	ours         bool // it was named to us, not to Rails
}

// environment is that of Sources, else of --environment, else of
// TASKER_SIDECAR_ENVIRONMENT, else of RAILS_ENV: beside an application the
// database is that of its environment. Else there is none.
func (s *Sources) environment(found *Problems) selected {
	e := selected{name: s.Environment, ours: s.Environment != ""}
	lookup := lookupIn(s.Environ)
	if e.name == "" && s.Flags != nil {
		if f := s.Flags.Lookup(environmentFlag); f != nil && f.Changed {
			e = selected{f.Value.String(), "flag --" + environmentFlag, true}
		}
	}
	for _, name := range []string{environmentVariable, railsVariable} {
		if value, _ := lookup(name); e.name == "" && value != "" {
			e = selected{value, "environment " + name, name != railsVariable}
		}
	}
	if e.name != "" && !environmentName.MatchString(e.name) {
		if e.ours {
			*found = append(*found, Problem{Value: e.name, Origin: e.origin, Rule: "must be the name of an environment: letters, digits, _ and -"})
		}
		return selected{}
	}
	return e
}

// overlays are the flags that overlays may ask for.
func (s *Sources) overlays() []named {
	var all []named
	for _, name := range s.Overlays {
		all = append(all, named{name, ""})
	}
	value, _ := lookupIn(s.Environ)(overlaysVariable)
	for _, name := range splitList(value) {
		all = append(all, named{name, "environment " + overlaysVariable})
	}
	if s.Flags != nil {
		if f := s.Flags.Lookup(overlayFlag); f != nil && f.Changed {
			for _, name := range splitList(strings.Trim(f.Value.String(), "[]")) {
				all = append(all, named{name, "flag --" + overlayFlag})
			}
		}
	}
	return all
}
