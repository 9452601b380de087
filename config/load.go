package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Sources are where a configuration is read from. The zero value reads
// nothing and gives the defaults.
type Sources struct {
	// File is the path of a YAML file; empty: the flag --config, else the
	// variable TASKER_SIDECAR_CONFIG, else none.
	File string
	// Environ is the environment, as os.Environ gives it.
	Environ []string
	// Flags is a parsed set that [AddFlags] has added its flags to, or nil.
	Flags *pflag.FlagSet
	// ReadFile reads the file and the files of secrets. Defaults to os.ReadFile.
	ReadFile func(path string) ([]byte, error)
}

// Loaded is a configuration and where each of its values comes from.
type Loaded struct {
	Config Config

	origins map[string]string
}

// Origin says where the option's value comes from: a file with line and
// column, an environment variable, a flag, or "default".
func (l *Loaded) Origin(key string) string {
	if origin, ok := l.origins[key]; ok {
		return origin
	}
	return "default"
}

// largestFile bounds what is read as a configuration or a secret.
const largestFile = 1 << 20

// Load reads all sources and checks every rule. The error is a [Problems]
// with everything that is wrong in any of them.
func Load(s Sources) (*Loaded, error) {
	if s.ReadFile == nil {
		s.ReadFile = os.ReadFile
	}
	environment, found := readEnvironment(s.Environ)
	layers := []map[string]value{s.readFile(&found), environment, readFlags(s.Flags)}

	// koanf lays the layers over each other; its leaves are our values, which
	// carry their origins along.
	merged := koanf.New(".")
	for i, layer := range layers {
		known := map[string]any{}
		for key, v := range layer {
			if rule := unknown(key); rule != "" {
				found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
				continue
			}
			known[key] = v
		}
		found = append(found, s.readSecrets(known, layers[i+1:])...)
		if err := merged.Load(confmap.Provider(known, "."), nil); err != nil {
			return nil, fmt.Errorf("configuration: lay the sources over each other: %w", err)
		}
	}

	loaded := &Loaded{Config: Default(), origins: map[string]string{}}
	for key, leaf := range merged.All() {
		if rule := loaded.set(table().byKey[key], leaf.(value)); rule != "" {
			v := leaf.(value)
			found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
		}
	}
	found = append(found, loaded.Config.problems(loaded.Origin)...)
	if err := found.err(); err != nil {
		return nil, err
	}
	return loaded, nil
}

// set puts a value into its field; the rule that it breaks otherwise.
func (l *Loaded) set(o *Option, v value) string {
	if text := v.String(); !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "must be valid UTF-8 without zero bytes"
	}
	if v.IsList && o.Kind != "list" {
		return "must be one " + o.Kind + ", not a list"
	}
	var parsed any = v.List
	if !v.IsList {
		var err error
		if parsed, err = o.kind.parse(v.Text); err != nil {
			return err.Error()
		}
	}
	o.field(&l.Config).Set(reflect.ValueOf(parsed))
	l.origins[o.Key] = v.Origin
	return ""
}

// shown is a value as a message may show it: not where it could be a secret.
func (v value) shown(key string) string {
	o, known := Lookup(key)
	if !known {
		o, known = Lookup(nearest(key, table().keys))
	}
	if known && o.hidden() {
		return Secret(v.String()).String()
	}
	return v.String()
}

// unknown says what is wrong with a key; nothing when it is an option's.
func unknown(key string) string {
	t := table()
	if _, ok := t.byKey[key]; ok {
		return ""
	}
	if slices.Contains(t.sections, key) {
		return "is a section: its options belong below it"
	}
	for _, k := range t.keys {
		if strings.HasPrefix(key, k+".") {
			return k + " is one " + t.byKey[k].Kind + ": nothing belongs below it"
		}
	}
	return "is not an option" + didYouMean(nearest(key, t.keys))
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// readFile reads the YAML file, if there is one to be read.
func (s *Sources) readFile(found *Problems) map[string]value {
	path, origin := s.path()
	if path == "" {
		return nil
	}
	data, rule := s.read(path)
	if rule != "" {
		*found = append(*found, Problem{Value: path, Origin: origin, Rule: "is named as configuration file and " + rule})
		return nil
	}
	values, problems := readYAML(path, data)
	*found = append(*found, problems...)
	return values
}

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
func (s *Sources) readSecrets(layer map[string]any, later []map[string]value) Problems {
	var found Problems
	for _, o := range Options() {
		fileKey := o.Key + "_file"
		named, ok := layer[fileKey].(value)
		if !o.Secret() || !ok || named.Text == "" || overridden(later, o.Key, fileKey) {
			continue
		}
		if both, ok := layer[o.Key].(value); ok && both.Text != "" {
			found = append(found, Problem{Key: fileKey, Value: named.Text, Origin: named.Origin, Rule: "must not be given together with " + o.Key + " (" + both.Origin + ")"})
			continue
		}
		data, rule := s.read(named.Text)
		data = bytes.TrimRight(data, "\r\n")
		if rule == "" && len(data) == 0 {
			rule = "is empty"
		}
		if rule != "" {
			found = append(found, Problem{Key: fileKey, Value: named.Text, Origin: named.Origin, Rule: rule})
			continue
		}
		layer[o.Key] = value{Text: string(data), Origin: "file " + named.Text + ", named by " + fileKey + " (" + named.Origin + ")"}
	}
	return found
}

func overridden(later []map[string]value, keys ...string) bool {
	for _, layer := range later {
		for _, key := range keys {
			if _, ok := layer[key]; ok {
				return true
			}
		}
	}
	return false
}
