package config

import "slices"

// Loaded is a configuration and where each of its values comes from. It is
// not changed after [Load] has made it, and safe to read concurrently.
type Loaded struct {
	Config Config

	layers []Layer
}

// Setting is what one source says of an option.
type Setting struct {
	Key    string
	Value  string // as it would be written; a secret's is masked
	Layer  string // one of the constants of the layers
	Origin string // a file with line and column, a variable, a flag, …; or "default"
}

// Settings are all that was said of an option: first what holds, then what is
// shadowed by it, the default last. Of an unknown key there are none.
func (l *Loaded) Settings(key string) []Setting {
	o, ok := Lookup(key)
	if !ok {
		return nil
	}
	all := []Setting{{key, o.Default, LayerDefault, LayerDefault}}
	for _, layer := range l.layers {
		if v, ok := layer.Values[key]; ok {
			all = append(all, Setting{key, o.shown(v), layer.Name, v.Origin})
		}
	}
	slices.Reverse(all)
	return all
}

// Setting is what holds for an option, which must exist.
func (l *Loaded) Setting(key string) Setting { return l.Settings(key)[0] }

// Origin says where the option's value comes from: a file with line and
// column, an environment variable, a flag, …, or "default".
func (l *Loaded) Origin(key string) string {
	if all := l.Settings(key); len(all) > 0 {
		return all[0].Origin
	}
	return LayerDefault
}

// shown is a value as it would be written; a secret's is masked.
func (o *Option) shown(v Value) string {
	if o.Secret() {
		return Secret(v.String()).String()
	}
	parsed, rule := o.read(v)
	if rule != "" { // it is shadowed, or it would have been refused
		return v.String()
	}
	return o.kind.print(parsed)
}

// Text is the option's value as it would be written; a secret's is masked.
func (c *Config) Text(key string) string { return table().byKey[key].text(c) }
