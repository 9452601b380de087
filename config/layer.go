package config

import (
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Names of the layers, in their order: what a later one says wins.
const (
	LayerDefault     = "default"
	LayerFile        = "file"        // the base file, and what it extends
	LayerEnvironment = "environment" // its section for the environment, then the environment's own file
	LayerOverlay     = "overlay"     // overlays whose condition holds
	LayerDatabase    = "database"    // values stored in the database
	LayerVariable    = "variable"    // environment variables
	LayerFlag        = "flag"        // flags of the command line
	LayerRuntime     = "runtime"     // changes through the API of a running process
)

// Value is what a source says of an option, as text, with where it says so.
type Value struct {
	Text   string
	List   []string // instead of Text, when IsList
	IsList bool
	// Origin is the place to mend: a file with line and column, a variable, a
	// flag, who stored it in the database and when.
	Origin string
}

// String is the value as one text: the elements of a list with commas between.
func (v Value) String() string {
	if v.IsList {
		return strings.Join(v.List, ",")
	}
	return v.Text
}

// Layer is one source: what it says, by key. The zero value says nothing.
type Layer struct {
	Name   string // one of the constants
	Values map[string]Value
}

// dropUnknown takes away what is not an option.
func (l *Layer) dropUnknown() Problems {
	var found Problems
	for key, v := range l.Values {
		if rule := unknown(key); rule != "" {
			found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
			delete(l.Values, key)
		}
	}
	return found
}

// dropNotStored takes away what must not come from the database.
func (l *Layer) dropNotStored() Problems {
	if l.Name != LayerDatabase {
		return nil
	}
	var found Problems
	for key, v := range l.Values {
		if rule := optionOf(key).NotStored(); rule != "" {
			found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
			delete(l.Values, key)
		}
	}
	return found
}

// unknown says what is wrong with a key; nothing when it is an option's.
func unknown(key string) string {
	t := table()
	option, selector, err := SplitKey(key)
	if o, ok := t.byKey[option]; ok {
		switch {
		case err != nil:
			return err.Error()
		case selector != (Selector{}) && !o.Scoped:
			return "cannot differ by workflow: leave out what is behind the @"
		}
		return ""
	}
	key = option
	if slices.Contains(t.parents, key) {
		return "is a section: its options belong below it"
	}
	for _, k := range t.keys {
		if strings.HasPrefix(key, k+".") {
			return k + " is one " + t.byKey[k].Kind + ": nothing belongs below it"
		}
	}
	return "is not an option" + didYouMean(nearest(key, t.keys))
}

// shadowedProblems is what is wrong by itself with values that others win over.
// They are checked as well: one that is stored in the database, or is in a file,
// holds for other processes, and here as soon as what wins is gone.
func shadowedProblems(layers []Layer) Problems {
	var found Problems
	won := map[string]bool{}
	for _, layer := range slices.Backward(layers) {
		for key, v := range layer.Values {
			if won[key] {
				if _, rule := optionOf(key).accept(v); rule != "" {
					found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
				}
			}
			won[key] = true
		}
	}
	return found
}

// overlay lays the layers over each other: for each key the value that wins.
func overlay(layers []Layer) (map[string]Value, error) {
	merged := koanf.New("\x00") // keys are whole, they are not split
	for _, layer := range layers {
		values := make(map[string]any, len(layer.Values))
		for key, v := range layer.Values {
			values[key] = v
		}
		if err := merged.Load(confmap.Provider(values, ""), nil); err != nil {
			return nil, err
		}
	}
	winners := map[string]Value{}
	for key, v := range merged.All() {
		winners[key] = v.(Value)
	}
	return winners, nil
}
