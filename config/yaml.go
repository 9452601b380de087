package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mostNodes bounds how much a file may hold once its aliases are resolved.
const mostNodes = 100_000

// yamlReader flattens a YAML document into values by key.
type yamlReader struct {
	name     string // of the file, for origins
	values   map[string]Value
	problems Problems
	nodes    int
	within   map[*yaml.Node]bool // the mappings that we are in
}

// readYAML reads a document. A key without a value counts as not written.
func readYAML(name string, data []byte) (map[string]Value, Problems) {
	r := &yamlReader{name: name, values: map[string]Value{}, within: map[*yaml.Node]bool{}}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, Problems{yamlProblem(name, err)}
	}
	if len(document.Content) == 0 { // empty, or comments only
		return r.values, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		if root.Tag != "!!null" {
			r.problem("", root, "must be sections, such as http:, with options below them")
		}
		return r.values, r.problems
	}
	r.mapping("", root)
	return r.values, r.problems
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

func yamlProblem(name string, err error) Problem {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return Problem{Origin: name + ":" + m[1], Rule: "is not YAML: " + m[2]}
	}
	return Problem{Origin: name, Rule: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
}

func (r *yamlReader) origin(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", r.name, n.Line, n.Column)
}

func (r *yamlReader) problem(key string, n *yaml.Node, rule string) {
	r.problems = append(r.problems, Problem{Key: key, Origin: r.origin(n), Rule: rule})
}

func (r *yamlReader) mapping(prefix string, n *yaml.Node) {
	r.within[n] = true
	defer delete(r.within, n)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		key := name.Value
		if prefix != "" {
			key = prefix + "." + key
		}
		switch {
		case name.Kind != yaml.ScalarNode:
			r.problem(prefix, name, "must have names as keys")
		case name.Tag == "!!merge":
			r.problem(prefix, name, "merging of mappings (<<) is not supported; write the options out")
		case seen[key]:
			r.problem(key, name, "is written twice here")
		default:
			seen[key] = true
			if err := r.node(key, n.Content[i+1]); err != nil {
				r.problem(key, n.Content[i+1], err.Error())
				return
			}
		}
	}
}

func (r *yamlReader) node(key string, n *yaml.Node) error {
	if r.nodes++; r.nodes > mostNodes {
		return errors.New("is too large once its aliases are resolved")
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.within[n.Alias] {
			return errors.New("contains itself")
		}
		return r.node(key, n.Alias)
	case yaml.MappingNode:
		if len(n.Content) == 0 {
			return nil
		}
		r.mapping(key, n)
	case yaml.SequenceNode:
		r.sequence(key, n)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		r.add(key, n, Value{Text: n.Value})
	}
	return nil
}

func (r *yamlReader) sequence(key string, n *yaml.Node) {
	v := Value{List: []string{}, IsList: true}
	for _, element := range n.Content {
		if element.Kind == yaml.AliasNode {
			element = element.Alias
		}
		if element.Kind != yaml.ScalarNode || element.Tag == "!!null" {
			r.problem(key, element, "must be a list of plain values")
			return
		}
		v.List = append(v.List, element.Value)
	}
	r.add(key, n, v)
}

// add notes a value. The same key can also be spelled with a dot in it.
func (r *yamlReader) add(key string, n *yaml.Node, v Value) {
	v.Origin = r.origin(n)
	if before, twice := r.values[key]; twice {
		r.problem(key, n, "is written a second time here, after "+before.Origin)
		return
	}
	r.values[key] = v
}
