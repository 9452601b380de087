package template

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is something wrong with a template.
type Error struct {
	File  string // as it was given
	Line  int    // from 1; 0 where it is about the whole file
	Field string // such as step_templates[2].depends_on_step
	Text  string // what is wrong, and what is expected
}

func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where += fmt.Sprintf(":%d", e.Line)
	}
	if e.Field != "" {
		where += ": " + e.Field
	}
	return where + ": " + e.Text
}

// Read reads a template; file is the name used in errors. All that is wrong
// comes at once, joined, each an [*Error].
func Read(r io.Reader, file string) (*Template, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the template %s: %w", file, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, &Error{File: file, Text: "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, &Error{File: file, Line: doc.Line, Text: "a template is a mapping of name, task_handler_class, step_templates, …"}
	}
	c := &checker{file: file}
	root := doc.Content[0]
	c.shape(root, reflect.TypeFor[Template](), "")
	if len(c.errs) > 0 {
		return nil, c.err()
	}
	var t Template
	if err := root.Decode(&t); err != nil {
		return nil, &Error{File: file, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	c.template(&t, root)
	if err := c.err(); err != nil {
		return nil, err
	}
	return &t, nil
}

type checker struct {
	file string
	errs []*Error
}

func (c *checker) add(line int, field, format string, args ...any) {
	c.errs = append(c.errs, &Error{File: c.file, Line: line, Field: field, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) err() error {
	sort.SliceStable(c.errs, func(i, j int) bool { return c.errs[i].Line < c.errs[j].Line })
	var all []error
	for _, e := range c.errs {
		all = append(all, e)
	}
	return errors.Join(all...)
}

// shape compares a node with the type that it is to fill: kinds of values, and
// keys that are unknown or there twice.
func (c *checker) shape(n *yaml.Node, t reflect.Type, field string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return // as if it were absent
	}
	switch t.Kind() {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			c.add(n.Line, field, "a mapping is expected")
			return
		}
		fields := map[string]reflect.Type{}
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("yaml"); name != "" {
				fields[name] = t.Field(i).Type
			}
		}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Tag == "!!merge" {
				c.shape(value, t, field)
				continue
			}
			name := join(field, key.Value)
			of, ok := fields[key.Value]
			switch {
			case !ok:
				c.add(key.Line, name, "there is no such field; there are %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			case seen[key.Value] > 0:
				c.add(key.Line, name, "this is there already, in line %d", seen[key.Value])
			default:
				seen[key.Value] = key.Line
				c.shape(value, of, name)
			}
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.add(n.Line, field, "a list is expected")
			return
		}
		for i, e := range n.Content {
			c.shape(e, t.Elem(), fmt.Sprintf("%s[%d]", field, i))
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			c.add(n.Line, field, "a mapping is expected")
			return
		}
		if t.Elem().Kind() == reflect.Interface {
			return // any content
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.shape(n.Content[i+1], t.Elem(), join(field, n.Content[i].Value))
		}
	default:
		into := reflect.New(t)
		if n.Kind != yaml.ScalarNode || n.Decode(into.Interface()) != nil {
			c.add(n.Line, field, "%s is expected, not %q", kinds[t.Kind()], n.Value)
		}
	}
}

var kinds = map[reflect.Kind]string{reflect.String: "a string", reflect.Bool: "true or false", reflect.Int32: "a whole number"}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}
