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

// yamlReader flattens parts of a YAML document into values by key.
type yamlReader struct {
	name      string // of the file, for origins
	values    map[string]Value
	problems  Problems
	nodes     *int                // of all files together
	within    map[*yaml.Node]bool // the mappings that we are in
	nullAlone bool                // a key without a value means null, as Ruby writes it
	migration migration
	edits     []edit
}

func newReader(name string, nodes *int) *yamlReader {
	return &yamlReader{name: name, values: map[string]Value{}, within: map[*yaml.Node]bool{}, nodes: nodes}
}

// parse gives the mapping at the root; nil when there is none.
func (r *yamlReader) parse(data []byte) *yaml.Node {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		r.problems = append(r.problems, yamlProblem(r.name, err))
		return nil
	}
	if len(document.Content) == 0 || empty(document.Content[0]) { // nothing, or comments only
		return nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		r.problem("", root, "must be sections, such as http:, with options below them")
		return nil
	}
	return root
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
			if err := r.node(key, name, n.Content[i+1]); err != nil {
				r.problem(key, n.Content[i+1], err.Error())
				return
			}
		}
	}
}

func (r *yamlReader) node(key string, name, n *yaml.Node) error {
	if *r.nodes++; *r.nodes > mostNodes {
		return errors.New("is too large once its aliases are resolved")
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.within[n.Alias] {
			return errors.New("contains itself")
		}
		return r.node(key, name, n.Alias)
	case yaml.MappingNode:
		if len(n.Content) == 0 {
			return nil
		}
		r.mapping(key, n)
	case yaml.SequenceNode:
		r.sequence(key, name, n)
	case yaml.ScalarNode:
		v := Value{Text: n.Value}
		if empty(n) && r.nullAlone {
			v.Text = null
		}
		if empty(n) && !meansNull(key, v.Text) {
			return nil
		}
		r.add(key, name, n, v)
	}
	return nil
}

func (r *yamlReader) sequence(key string, name, n *yaml.Node) {
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
	r.add(key, name, n, v)
}

// meansNull says whether null is a value of the option, and written out.
func meansNull(key, text string) bool {
	option, _, _ := strings.Cut(key, "@")
	o, ok := Lookup(option)
	return ok && o.Kind == kindOptional && text != ""
}

// add notes a value, under the name that it has today. The same key can also
// be spelled with a dot in it.
func (r *yamlReader) add(key string, name, n *yaml.Node, v Value) {
	v.Origin = r.origin(n)
	key, v = r.migrated(key, name, n, v)
	key = CanonicalKey(key)
	if before, twice := r.values[key]; twice {
		r.problem(key, n, "is written a second time here, after "+before.Origin)
		return
	}
	r.values[key] = v
}
