package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostFiles bounds how many files one configuration is composed of.
const mostFiles = 32

var environmentName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

// files reads the base file, what it extends, and the file of the environment.
type files struct {
	sources  *Sources
	nodes    int
	read     []string
	absent   []string
	problems Problems
	warnings []string
}

// load reads a file and, before it, those that it extends. The chain is the
// way to it.
func (f *files) load(at named, what string, chain []string) []*document {
	path := at.name
	problem := func(rule string) {
		f.problems = append(f.problems, Problem{Value: path, Origin: at.origin, Rule: rule})
	}
	switch {
	case slices.Contains(chain, path):
		problem(what + " in a loop: " + strings.Join(append(chain[slices.Index(chain, path):], path), " → "))
		return nil
	case len(f.read) >= mostFiles:
		problem("is one file too many: 32 are the most that a configuration is composed of")
		return nil
	}
	f.read = append(f.read, path)
	data, rule := f.sources.read(path)
	if rule != "" {
		problem(what + " and " + rule)
		return nil
	}
	r := newReader(path, &f.nodes)
	d := readDocument(r, data)
	f.problems = append(f.problems, r.problems...)
	if d.version < Version {
		f.warnings = append(f.warnings, path+" is of version "+strconv.Itoa(d.version)+" of its form, which is read as it was meant; tasker-sidecar config migrate "+path+" shows what to write")
	}
	var all []*document
	for _, e := range d.extends {
		if !filepath.IsAbs(e.name) {
			e.name = filepath.Join(filepath.Dir(path), e.name)
		}
		all = append(all, f.load(e, "is to be extended", append(slices.Clone(chain), path))...)
	}
	return append(all, d)
}

// layers are those that are read from files.
func (f *files) layers(environment selected, flags []named) []Layer {
	path, origin := f.sources.path()
	if path == "" {
		return nil
	}
	base := f.load(named{path, origin}, "is named as configuration file", nil)
	own := f.loadOwn(path, environment)
	layers := []Layer{}
	for _, d := range base {
		layers = append(layers, Layer{LayerFile, d.base})
	}
	for i, d := range slices.Concat(base, own) {
		if i >= len(base) {
			layers = append(layers, Layer{LayerEnvironment, d.base})
		}
		for name, values := range d.environments {
			if name == environment.name {
				layers = append(layers, Layer{LayerEnvironment, values})
			} else {
				f.checkUnused(values)
			}
		}
	}
	for _, d := range slices.Concat(base, own) {
		for _, o := range d.overlays {
			if o.holds(environment.name, flags) {
				layers = append(layers, Layer{LayerOverlay, o.values})
			} else {
				f.checkUnused(o.values)
			}
		}
	}
	f.checkSelected(slices.Concat(base, own), len(own) > 0, environment, flags)
	lookup := lookupIn(f.sources.Environ)
	for _, layer := range layers {
		f.problems = append(f.problems, layer.expand(lookup)...)
	}
	return layers
}

// loadOwn reads the environment's own file beside the base file, if there is
// one: tasker.production.yml beside tasker.yml.
func (f *files) loadOwn(path string, environment selected) []*document {
	if environment.name == "" {
		return nil
	}
	extension := filepath.Ext(path)
	own := strings.TrimSuffix(path, extension) + "." + environment.name + extension
	if _, err := f.sources.ReadFile(own); errors.Is(err, fs.ErrNotExist) {
		f.absent = append(f.absent, own)
		return nil
	}
	return f.load(named{own, environment.origin}, "is the file of the environment "+environment.name, nil)
}

func (o *overlaid) holds(environment string, flags []named) bool {
	return (len(o.environments) == 0 || has(o.environments, environment)) &&
		(len(o.flags) == 0 || slices.ContainsFunc(flags, func(f named) bool { return has(o.flags, f.name) }))
}

func has(list []named, name string) bool {
	return slices.ContainsFunc(list, func(n named) bool { return n.name == name })
}

// checkUnused tells what is wrong with values that are not selected, as far as
// it can be told: a mistake in them would be found when it is too late.
func (f *files) checkUnused(values map[string]Value) {
	layer := Layer{Values: values}
	f.problems = append(f.problems, layer.dropUnknown()...)
	for key, v := range layer.Values {
		if !strings.Contains(v.String(), "${") {
			if _, rule := optionOf(key).accept(v); rule != "" {
				f.problems = append(f.problems, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
			}
		}
	}
}

// checkSelected refuses an environment that no file knows, when it was named to
// us alone, and a flag that no overlay asks for.
func (f *files) checkSelected(all []*document, own bool, environment selected, flags []named) {
	environments, known := slices.Clone(wellKnown), []string{}
	for _, d := range all {
		for name := range d.environments {
			environments = append(environments, name)
		}
		for _, o := range d.overlays {
			for _, n := range o.environments {
				environments = append(environments, n.name)
			}
			for _, n := range o.flags {
				known = append(known, n.name)
			}
		}
	}
	if environment.ours && len(all) > 0 && !own && !slices.Contains(environments, environment.name) {
		f.problems = append(f.problems, Problem{Value: environment.name, Origin: environment.origin,
			Rule: "is an environment that no file knows" + didYouMean(nearest(environment.name, environments)) + "; name it under environments, in a condition, or by a file of its own"})
	}
	for _, flag := range flags {
		if !slices.Contains(known, flag.name) {
			f.problems = append(f.problems, Problem{Value: flag.name, Origin: flag.origin, Rule: "is a flag that no overlay asks for" + didYouMean(nearest(flag.name, known))})
		}
	}
}
