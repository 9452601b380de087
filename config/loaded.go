package config

import (
	"slices"
	"strings"
)

// Loaded is a configuration and where each of its values comes from. It is
// not changed after [Load] has made it, and safe to read concurrently.
type Loaded struct {
	// Config is what holds where nothing is said of single workflows, see For.
	Config Config
	// Environment is the one that was selected; empty: none.
	Environment string
	// Files are those that were read, the base file first.
	Files []string
	// Absent are files that were looked for, and would be read if they existed.
	Absent []string
	// Warnings are of what is read as it was meant, and should be written
	// otherwise.
	Warnings []string

	layers []Layer
}

// Setting is what one source says of an option.
type Setting struct {
	Key    string `json:"key"`    // with its selector, when it is not for everything
	Value  string `json:"value"`  // as it would be written; a secret's is masked
	Layer  string `json:"layer"`  // one of the constants of the layers
	Origin string `json:"origin"` // a file with line and column, a variable, a flag, …; or "default"
}

// Settings are all that was said of an option where nothing is said of single
// workflows: first what holds, then what is shadowed by it, the default last.
// Of an unknown option there are none.
func (l *Loaded) Settings(key string) []Setting { return l.SettingsFor(key, Workflow{}) }

// SettingsFor are those for a workflow: what is for it alone comes first.
func (l *Loaded) SettingsFor(key string, w Workflow) []Setting {
	o, ok := Lookup(key)
	if !ok {
		return nil
	}
	var all []Setting
	for _, s := range l.Config.ByWorkflow {
		if s.option == o && s.selector.Matches(w) {
			all = append(all, l.said(o, s.key)...)
		}
	}
	all = append(all, l.said(o, key)...)
	return append(all, Setting{key, o.Default, LayerDefault, LayerDefault})
}

// said is what the layers say of a key, the last of them first.
func (l *Loaded) said(o *Option, key string) []Setting {
	var all []Setting
	for _, layer := range slices.Backward(l.layers) {
		if v, ok := layer.Values[key]; ok {
			all = append(all, Setting{key, o.shown(v), layer.Name, v.Origin})
		}
	}
	return all
}

// Setting is what holds for an option, which must exist.
func (l *Loaded) Setting(key string) Setting { return l.Settings(key)[0] }

// SettingFor is what holds for a workflow.
func (l *Loaded) SettingFor(key string, w Workflow) Setting { return l.SettingsFor(key, w)[0] }

// ForSome is what holds for single workflows alone of an option: a setting for
// each selector that any source names, the most specific first.
func (l *Loaded) ForSome(key string) []Setting {
	var all []Setting
	for _, s := range l.Config.ByWorkflow {
		if s.option.Key == key {
			all = append(all, l.said(s.option, s.key)[0])
		}
	}
	return all
}

// Origin says where the option's value comes from: a file with line and
// column, an environment variable, a flag, …, or "default".
func (l *Loaded) Origin(key string) string {
	if all := l.Settings(key); len(all) > 0 {
		return all[0].Origin
	}
	return LayerDefault
}

// Given are the keys that any source says something of, with their selectors,
// in the order of their text.
func (l *Loaded) Given() []string {
	seen := map[string]bool{}
	var keys []string
	for _, layer := range l.layers {
		for key := range layer.Values {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// Change is an option, or one for a selector, that two configurations have
// different values of. A side that says nothing of a selector has what holds
// there without it.
type Change struct {
	Key    string  `json:"key"`
	Before Setting `json:"before"`
	After  Setting `json:"after"`
}

// Diff lists what differs, in the order of the structure, those of selectors
// behind their option's. Secrets are compared, and masked.
func Diff(before, after *Loaded) []Change {
	selectors := append(before.Selectors(), after.Selectors()...)
	slices.SortFunc(selectors, func(a, b Selector) int { return strings.Compare(a.String(), b.String()) })
	selectors = slices.Compact(selectors)
	var changes []Change
	for _, o := range Options() {
		for i, s := range append([]Selector{{}}, selectors...) {
			key := JoinKey(o.Key, s)
			if i > 0 && len(before.said(o, key))+len(after.said(o, key)) == 0 {
				continue
			}
			a, b := before.For(s), after.For(s)
			if !o.same(&a, &b) {
				changes = append(changes, Change{key, before.SettingFor(o.Key, s), after.SettingFor(o.Key, s)})
			}
		}
	}
	return changes
}

// shown is a value as it would be written, masked where it may hold a secret.
func (o *Option) shown(v Value) string {
	parsed, rule := o.read(v)
	if rule != "" || o.Secret() { // it is shadowed, or it would have been refused
		return o.masked(v.String())
	}
	return o.masked(o.kind.print(parsed))
}

// Text is the option's value as it would be written; a secret's is masked.
func (c *Config) Text(key string) string { return table().byKey[key].text(c) }

// Shown is Text, masked also where somebody may have given a secret by mistake.
func (c *Config) Shown(key string) string { return table().byKey[key].masked(c.Text(key)) }
