package config

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// document is one file, read but not yet laid over others.
type document struct {
	path         string
	extends      []named
	base         map[string]Value
	environments map[string]map[string]Value
	overlays     []overlaid
	version      int
}

// named is a name with the place where it is written.
type named struct{ name, origin string }

// overlaid are values with the condition on which they hold: all that is not
// empty must name what is selected.
type overlaid struct {
	environments, flags []named
	values              map[string]Value
}

// wellKnown are environments that have a section at the top of a file; others
// have theirs below environments.
var wellKnown = []string{"development", "test", "staging", "production"}

// isDirective says whether a name at the top of a file is no section.
func isDirective(name string) bool {
	return slices.Contains([]string{"version", "extends", "environments", "overlays"}, name) || slices.Contains(wellKnown, name)
}

// readDocument reads a file. What is wrong in parts that are not selected is
// told as well.
func readDocument(r *yamlReader, data []byte) *document {
	d := &document{path: r.name, base: map[string]Value{}, environments: map[string]map[string]Value{}, version: Version}
	root := r.parse(data)
	if root == nil {
		return d
	}
	for name, value := range pairs(root) {
		if name.Value == "version" {
			d.version = r.version(value)
		}
	}
	r.migration = migrationFrom(d.version)
	rest := &yaml.Node{Kind: yaml.MappingNode, Line: root.Line, Column: root.Column}
	seen := map[string]bool{}
	for name, value := range pairs(root) {
		if !isDirective(name.Value) {
			rest.Content = append(rest.Content, name, value)
			continue
		}
		if seen[name.Value] {
			r.problem(name.Value, name, "is written twice here")
			continue
		}
		seen[name.Value] = true
		switch {
		case empty(value), name.Value == "version":
		case name.Value == "extends":
			d.extends = r.names("extends", value)
		case name.Value == "environments":
			d.addEnvironments(r, value)
		case name.Value == "overlays":
			d.addOverlays(r, value)
		default:
			d.addEnvironment(r, name.Value, name, value)
		}
	}
	r.within[root] = true
	r.values = d.base
	r.mapping("", rest)
	return d
}

// pairs walks through a mapping.
func pairs(n *yaml.Node) func(yield func(name, value *yaml.Node) bool) {
	return func(yield func(name, value *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// resolved is what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// part reads sections that stand below a directive.
func (r *yamlReader) part(n *yaml.Node, dropped ...string) map[string]Value {
	r.values = map[string]Value{}
	kept := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	for name, value := range pairs(n) {
		switch {
		case slices.Contains(dropped, name.Value):
		case isDirective(name.Value):
			r.problem(name.Value, name, "belongs at the top of the file")
		default:
			kept.Content = append(kept.Content, name, value)
		}
	}
	r.within[n] = true
	r.mapping("", kept)
	delete(r.within, n)
	return r.values
}

func (d *document) addEnvironments(r *yamlReader, n *yaml.Node) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		r.problem("environments", n, "must be names of environments with sections below each")
		return
	}
	for name, value := range pairs(n) {
		d.addEnvironment(r, name.Value, name, value)
	}
}

func (d *document) addEnvironment(r *yamlReader, name string, at, n *yaml.Node) {
	_, twice := d.environments[name]
	switch n = resolved(n); {
	case !environmentName.MatchString(name):
		r.problem("environments", at, "must be names of letters, digits, _ and -")
	case twice:
		r.problem(name, at, "is written twice here")
	case empty(n):
		d.environments[name] = map[string]Value{}
	case n.Kind != yaml.MappingNode:
		r.problem(name, n, "is an environment: it must be sections, such as http:, with options below them")
	default:
		d.environments[name] = r.part(n)
	}
}

func (d *document) addOverlays(r *yamlReader, n *yaml.Node) {
	if n = resolved(n); n.Kind != yaml.SequenceNode {
		r.problem("overlays", n, "must be a list, each with a condition when: and sections")
		return
	}
	for _, element := range n.Content {
		if element = resolved(element); element.Kind != yaml.MappingNode {
			r.problem("overlays", element, "must be a list, each with a condition when: and sections")
			continue
		}
		var o overlaid
		for name, value := range pairs(element) {
			if name.Value == "when" {
				o.condition(r, value)
			}
		}
		if len(o.environments)+len(o.flags) == 0 {
			r.problem("overlays", element, "must have a condition, such as when: {environment: production} or when: {flag: canary}")
			continue
		}
		o.values = r.part(element, "when")
		d.overlays = append(d.overlays, o)
	}
}

func (o *overlaid) condition(r *yamlReader, n *yaml.Node) {
	n = resolved(n)
	for name, value := range pairs(n) {
		switch name.Value {
		case "environment":
			o.environments = r.names("when", value)
		case "flag":
			o.flags = r.names("when", value)
		default:
			r.problem("when", name, "knows environment and flag, not "+strconv.Quote(name.Value)+didYouMean(nearest(name.Value, []string{"environment", "flag"})))
		}
	}
}

// names reads one name or a list of them.
func (r *yamlReader) names(key string, n *yaml.Node) []named {
	n = resolved(n)
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	var all []named
	for _, element := range list {
		if element = resolved(element); element.Kind != yaml.ScalarNode || element.Value == "" {
			r.problem(key, element, "must be a name or a list of names")
			continue
		}
		all = append(all, named{element.Value, r.origin(element)})
	}
	return all
}

// version reads the version of the file's form.
func (r *yamlReader) version(n *yaml.Node) int {
	v, err := strconv.Atoi(resolved(n).Value)
	switch {
	case err != nil || v < 0:
		r.problem("version", n, "must be the version of the file's form, a whole number up to "+strconv.Itoa(Version))
	case v > Version:
		r.problem("version", n, "is newer than "+strconv.Itoa(Version)+", the newest that this program knows: use a newer program")
	default:
		return v
	}
	return Version
}
