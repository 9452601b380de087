package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Version is that of the form of files today. A file without one is of this.
const Version = 1

// rewrite is how an option of an older form is written in the next.
type rewrite struct {
	key   string                   // its name there
	value func(text string) string // nil: the same
}

// migration leads from one form to the next, by the option's older name.
type migration map[string]rewrite

// migrations has at i the one from version i to the next. No release has read
// version 0: it is the way of those to come, kept so that it is trodden.
var migrations = []migration{
	{
		"http.address":     {key: "http.listen"},
		"http.max_wait_ms": {"http.max_wait", func(text string) string { return text + "ms" }},
	},
}

// migrationFrom is the whole way from a version to today's; nil for today's.
func migrationFrom(version int) migration {
	var whole migration
	for _, step := range slices.Backward(migrations[version:]) {
		next := migration{}
		for old, r := range whole {
			next[old] = r
		}
		for old, r := range step {
			if then, more := whole[r.key]; more {
				r = rewrite{then.key, compose(r.value, then.value)}
			}
			next[old] = r
		}
		whole = next
	}
	return whole
}

func compose(first, then func(string) string) func(string) string {
	switch {
	case first == nil:
		return then
	case then == nil:
		return first
	}
	return func(s string) string { return then(first(s)) }
}

// edit is a text to be replaced in a file.
type edit struct {
	node *yaml.Node // where it is
	text string
}

// migrated gives an option its name and form of today, and notes what would
// have to be written in the file.
func (r *yamlReader) migrated(key string, name, n *yaml.Node, v Value) (string, Value) {
	option, selector, scoped := strings.Cut(key, "@")
	to, ok := r.migration[option]
	if !ok {
		return key, v
	}
	// The name in the file is the end of the key, or the whole of it.
	newName := to.key[strings.LastIndexByte(to.key, '.')+1:]
	if strings.Contains(name.Value, ".") {
		newName = to.key
	}
	key = to.key
	if scoped {
		key, newName = key+"@"+selector, newName+"@"+selector
	}
	r.edits = append(r.edits, edit{name, newName})
	if to.value != nil && !v.IsList && !strings.Contains(v.Text, "${") {
		v.Text = to.value(v.Text)
		r.edits = append(r.edits, edit{n, v.Text})
	}
	return key, v
}

// Migrate gives a file in today's form, comments and all; the same bytes when
// it has that already. The error is a [Problems].
func Migrate(path string, data []byte) ([]byte, error) {
	nodes := 0
	r := newReader(path, &nodes)
	d := readDocument(r, data)
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	if d.version == Version {
		return data, nil
	}
	for name, value := range pairs(r.parse(data)) {
		if name.Value == "version" {
			r.edits = append(r.edits, edit{value, fmt.Sprint(Version)})
		}
	}
	slices.SortFunc(r.edits, func(a, b edit) int {
		if a.node.Line != b.node.Line {
			return b.node.Line - a.node.Line
		}
		return b.node.Column - a.node.Column
	})
	lines := strings.SplitAfter(string(data), "\n")
	for i, e := range r.edits {
		if i > 0 && r.edits[i-1].node == e.node { // by two aliases
			continue
		}
		line := &lines[e.node.Line-1]
		edited, ok := replaceScalar(*line, e)
		if !ok {
			return nil, Problems{{Origin: r.origin(e.node), Rule: "cannot be rewritten where it stands: write " + e.text + " by hand"}}
		}
		*line = edited
	}
	return []byte(strings.Join(lines, "")), nil
}

// replaceScalar replaces a plain or quoted scalar in its line.
func replaceScalar(line string, e edit) (string, bool) {
	runes := []rune(line)
	if e.node.Column > len(runes) {
		return "", false
	}
	before, rest := string(runes[:e.node.Column-1]), string(runes[e.node.Column-1:])
	written := e.node.Value
	switch e.node.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		written = `"` + written + `"`
	case yaml.SingleQuotedStyle:
		written = "'" + written + "'"
	}
	after, ok := strings.CutPrefix(rest, written)
	return before + e.text + after, ok
}
