package config

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Imported is what an application has configured its engine with.
type Imported struct {
	// Values are what the dump says, by key of ours: engine.backoff.buffer_seconds.
	Values map[string]Value
	// Config is the defaults with them.
	Config Config
}

// ImportEngine reads a dump of the engine's configuration: its nine sections, in
// YAML, with plain values. What it has and we do not know, what is of a wrong
// type and what breaks a rule is told all at once, as [Problems] with file, line
// and column. name is the file's, for those.
func ImportEngine(name string, data []byte) (*Imported, error) {
	r := newReader(name, new(int))
	r.nullAlone = true
	root := r.parse(data)
	switch {
	case root != nil:
		r.mapping("engine", root)
	case len(r.problems) == 0:
		r.problems = Problems{{Origin: name, Rule: "is empty: it must hold the engine's sections, such as backoff:, with options below them"}}
	}
	i := &Imported{Values: r.values, Config: Default()}
	layer := Layer{LayerFile, r.values}
	found := append(r.problems, layer.dropUnknown()...)
	for key, v := range r.values {
		o := table().byKey[key]
		parsed, rule := o.read(v)
		if rule != "" {
			found = append(found, Problem{Key: key, Value: v.shown(key), Origin: v.Origin, Rule: rule})
			continue
		}
		o.set(&i.Config, parsed)
	}
	found = append(found, i.Config.problems(func(key string) string { return r.values[key].Origin })...)
	if err := found.err(); err != nil {
		return nil, err
	}
	return i, nil
}

// Options are those that the dump has, in their order; without all only those
// with another value than the engine's default.
func (i *Imported) Options(all bool) []*Option {
	var list []*Option
	for _, o := range Options() {
		if _, said := i.Values[o.Key]; said && (all || o.text(&i.Config) != o.Default) {
			list = append(list, o)
		}
	}
	return list
}

// YAML is the section engine of a configuration file with these options. A
// secret is not written, but where it belongs is.
func (i *Imported) YAML(options []*Option) []byte {
	var b bytes.Buffer
	if len(options) == 0 {
		return []byte("engine: {} # everything is the engine's default\n")
	}
	b.WriteString("engine:\n")
	var open []string // the sections that we are in
	for _, o := range options {
		parts := strings.Split(o.Key, ".")
		last := len(parts) - 1
		same := 1
		for same < last && same <= len(open) && open[same-1] == parts[same] {
			same++
		}
		open = append(open[:same-1:same-1], parts[same:last]...)
		for depth := same; depth < last; depth++ {
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), parts[depth])
		}
		indent := strings.Repeat("  ", last)
		if o.Secret() {
			fmt.Fprintf(&b, "%s# %s is a secret: put it into a file, and name that by %s_file\n", indent, parts[last], parts[last])
			continue
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indent, parts[last], o.yaml(o.field(&i.Config).Interface()))
	}
	return b.Bytes()
}

// yaml writes a value on one line.
func (o *Option) yaml(v any) string {
	if o.kind.list != nil {
		parts := []string{}
		for _, element := range o.kind.elements(v) {
			parts = append(parts, scalar(element))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	switch text := v.(type) {
	case string:
		return scalar(text)
	case *string:
		if text == nil {
			return null
		}
		return scalar(*text)
	}
	return o.kind.print(v)
}

// plainScalar needs no quotes, unless it is one of YAML's words.
var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// scalar writes a plain value, in quotes where it needs them.
func scalar(v any) string {
	text, isText := v.(string)
	if !isText {
		return fmt.Sprint(v)
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: unexpanded(text)}
	if !plainScalar.MatchString(text) {
		node.Style = yaml.DoubleQuotedStyle
	}
	written, err := yaml.Marshal(&node)
	if err != nil {
		panic(err) // a text can be written
	}
	return strings.TrimSuffix(string(written), "\n")
}

// Difference is an option that an application and we have different values for.
type Difference struct {
	Option       *Option
	Theirs, Ours string // as they would be written; a secret's is masked
	TheirsOrigin string
	OursOrigin   string
}

// Compare finds the options of a dump that are otherwise in what was loaded, in
// their order, and how many options of the engine the dump does not have.
func (i *Imported) Compare(l *Loaded) (differences []Difference, missing int) {
	for _, o := range Options() {
		if o.Section() != "engine" || strings.HasSuffix(o.Key, "_file") {
			continue
		}
		theirs, said := i.Values[o.Key]
		if !said {
			missing++
			continue
		}
		if reflect.DeepEqual(o.field(&i.Config).Interface(), o.field(&l.Config).Interface()) {
			continue
		}
		differences = append(differences, Difference{o, o.text(&i.Config), o.text(&l.Config), theirs.Origin, l.Origin(o.Key)})
	}
	return differences, missing
}

// ReplaceEngine puts a section engine into the text of a configuration file, in
// the place of the one that it has, or at its end. The rest stays as it is, byte
// for byte. The result is read again before anybody writes it; see [Load].
func ReplaceEngine(name string, data, section []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, Problems{yamlProblem(name, err)}.err()
	}
	lines := slices.Collect(bytes.Lines(data))
	if len(document.Content) > 0 && document.Content[0].Kind == yaml.MappingNode {
		root := document.Content[0]
		for at := 0; at < len(root.Content); at += 2 {
			if root.Content[at].Value != "engine" {
				continue
			}
			if root.Style == yaml.FlowStyle || root.Content[at].Column != 1 {
				return nil, Problems{{Origin: name, Rule: "is written in braces or indented; take the section engine out of it and try again"}}.err()
			}
			first, end := root.Content[at].Line-1, len(lines)
			if at+2 < len(root.Content) {
				end = root.Content[at+2].Line - 1
			}
			for end > first+1 && commentOrBlank(lines[end-1]) { // they belong to what comes next
				end--
			}
			return slices.Concat(bytes.Join(lines[:first], nil), section, bytes.Join(lines[end:], nil)), nil
		}
	}
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(slices.Clip(data), '\n')
	}
	return slices.Concat(data, section), nil
}

func commentOrBlank(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	return len(line) == 0 || line[0] == '#'
}
