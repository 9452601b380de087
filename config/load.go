package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Sources are where a configuration is read from. The zero value reads
// nothing and gives the defaults.
type Sources struct {
	// File is the path of the base file; empty: the flag --config, else the
	// variable TASKER_SIDECAR_CONFIG, else none.
	File string
	// Environment is the name of the one that files are read for; empty: the
	// flag --environment, else TASKER_SIDECAR_ENVIRONMENT, else RAILS_ENV, else
	// none.
	Environment string
	// Overlays are flags that overlays in files may ask for, besides those of
	// --overlay and TASKER_SIDECAR_OVERLAYS.
	Overlays []string
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Flags is a parsed set that [AddFlags] has added its flags to, or nil.
	Flags *pflag.FlagSet
	// Database are the values that are stored in the database, by key; a key
	// may name workflows, see [SplitKey].
	Database map[string]Value
	// Runtime are the changes that were made through the API, likewise.
	Runtime map[string]Value
	// ReadFile reads the files. Defaults to os.ReadFile.
	ReadFile func(path string) ([]byte, error)
}

// largestFile bounds what is read as a configuration or a secret.
const largestFile = 1 << 20

// Load reads all sources and checks every rule. The error is a [Problems]
// with everything that is wrong in any of them.
func Load(s Sources) (*Loaded, error) {
	loaded, found, err := load(s)
	if err == nil {
		err = found.err()
	}
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// Bootstrap reads what it takes to reach the database, and to say so: the
// sections database, reload and log. The rest of the configuration may be wrong
// without the values that are stored there, and is not looked at.
func Bootstrap(s Sources) (*Config, error) {
	loaded, found, err := load(s)
	if err != nil {
		return nil, err
	}
	needed := slices.DeleteFunc(found, func(p Problem) bool {
		section, _, _ := strings.Cut(p.Key, ".")
		return !slices.Contains([]string{"", "database", "reload", "log"}, section)
	})
	if err := needed.err(); err != nil {
		return nil, err
	}
	return &loaded.Config, nil
}

func load(s Sources) (*Loaded, Problems, error) {
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	loaded := &Loaded{Config: Default()}
	found := loaded.readLayers(&s)
	values, err := overlay(loaded.layers)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: lay the sources over each other: %w", err)
	}
	for key, v := range values {
		o := optionOf(key)
		_, selector, _ := SplitKey(key)
		parsed, rule := o.read(v)
		if rule == "" && selector != (Selector{}) {
			rule = o.check(parsed)
		}
		switch {
		case rule != "":
			found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
		case selector == (Selector{}):
			o.set(&loaded.Config, parsed)
		default:
			loaded.Config.ByWorkflow = append(loaded.Config.ByWorkflow, scoped{selector, o, key, parsed})
		}
	}
	found = append(found, shadowedProblems(loaded.layers)...)
	sortScoped(loaded.Config.ByWorkflow)
	problems := loaded.Config.problems(loaded.Origin)
	if found = append(found, problems...); len(found) == 0 {
		found = loaded.scopedProblems()
	}
	return loaded, found, nil
}

// readLayers reads all sources in their order: what a later one says wins.
func (l *Loaded) readLayers(s *Sources) Problems {
	variables, found := readEnvironment(s.Environ)
	environment := s.environment(&found)
	f := files{sources: s}
	l.layers = f.layers(environment, s.overlays())
	l.Environment, l.Files, l.Absent, l.Warnings = environment.name, f.read, f.absent, f.warnings
	found = append(found, f.problems...)
	l.layers = append(l.layers,
		Layer{LayerDatabase, maps.Clone(s.Database)}, Layer{LayerVariable, variables},
		Layer{LayerFlag, readFlags(s.Flags, &found)}, Layer{LayerRuntime, maps.Clone(s.Runtime)})
	for i, layer := range l.layers {
		found = append(found, layer.dropUnknown()...)
		found = append(found, layer.dropNotStored()...)
		found = append(found, s.readSecrets(layer.Values, l.layers[i+1:])...)
	}
	return found
}

// optionOf finds the option of a known key.
func optionOf(key string) *Option {
	option, _, _ := strings.Cut(key, "@")
	return table().byKey[option]
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// path is that of the base file.
func (s *Sources) path() (path, origin string) {
	if s.File != "" {
		return s.File, ""
	}
	if s.Flags != nil {
		if f := s.Flags.Lookup(fileFlag); f != nil && f.Changed {
			return f.Value.String(), "flag --" + fileFlag
		}
	}
	for _, entry := range s.Environ {
		if v, ok := strings.CutPrefix(entry, fileVariable+"="); ok && v != "" {
			return v, "environment " + fileVariable
		}
	}
	return "", ""
}

// read gives a file, or what is wrong with it.
func (s *Sources) read(path string) (data []byte, rule string) {
	data, err := s.ReadFile(path)
	var at *fs.PathError
	switch {
	case errors.As(err, &at):
		return nil, "cannot be read: " + at.Err.Error()
	case err != nil:
		return nil, "cannot be read: " + err.Error()
	case len(data) > largestFile:
		return nil, fmt.Sprintf("has %d bytes, more than %d", len(data), largestFile)
	}
	return data, ""
}

// readSecrets reads the files that a layer names for secrets (url_file for
// url) and adds what they hold to the layer. A file that a later layer
// overrides is not read.
func (s *Sources) readSecrets(values map[string]Value, later []Layer) Problems {
	var found Problems
	for _, o := range Options() {
		fileKey := o.Key + "_file"
		named := values[fileKey]
		if !o.Secret() || named.Text == "" || overridden(later, o.Key, fileKey) {
			continue
		}
		problem := func(rule string) {
			found = append(found, Problem{Key: fileKey, Value: named.shown(fileKey), Origin: named.Origin, Rule: rule})
		}
		if both := values[o.Key]; both.Text != "" {
			problem("must not be given together with " + o.Key + " (" + both.Origin + ")")
			continue
		}
		data, rule := s.read(named.Text)
		data = bytes.TrimRight(data, "\r\n")
		if rule == "" && len(data) == 0 {
			rule = "is empty"
		}
		if rule != "" {
			problem(rule)
			continue
		}
		values[o.Key] = Value{Text: string(data), Origin: "file " + named.Text + ", named by " + fileKey + " (" + named.Origin + ")"}
	}
	return found
}

func overridden(later []Layer, keys ...string) bool {
	for _, layer := range later {
		for _, key := range keys {
			if _, ok := layer.Values[key]; ok {
				return true
			}
		}
	}
	return false
}

// Path is the file that is read, empty for none.
func (s *Sources) Path() string {
	path, _ := s.path()
	return path
}
