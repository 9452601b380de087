package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

const exampleHead = `# Configuration of tasker-sidecar. Every option is here with its default; take
# off the # before one to say otherwise. Editors check it by the schema that
# "tasker-sidecar config schema" writes:
# yaml-language-server: $schema=tasker.schema.json
version: %d

# Files that this one is laid over, by their paths from here.
#extends: common.yml

# What differs by environment (--environment, TASKER_SIDECAR_ENVIRONMENT, RAILS_ENV)
# stands in a file beside this one, such as tasker.production.yml, or here:
#production:
#  log:
#    level: warn

# What holds on a condition (--overlay canary):
#overlays:
#  - when: {flag: canary}
#    log:
#      level: debug
`

// WriteExample writes a file with all options and their documentation, each
// with its default and behind a #.
func WriteExample(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, exampleHead, Version)
	written := map[string]bool{}
	for _, o := range Options() {
		parts := strings.Split(o.Key, ".")
		for i := range parts[:len(parts)-1] {
			parent := strings.Join(parts[:i+1], ".")
			if written[parent] {
				continue
			}
			written[parent] = true
			indent := strings.Repeat("  ", i)
			b.WriteString("\n")
			comment(&b, indent, table().docs[parent])
			fmt.Fprintf(&b, "%s%s:\n", indent, parts[i])
		}
		indent := strings.Repeat("  ", len(parts)-1)
		comment(&b, indent, o.notes())
		fmt.Fprintf(&b, "%s#%s: %s\n", indent, parts[len(parts)-1], yamlText(o))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// notes are the option's documentation and rule.
func (o *Option) notes() string {
	text := o.Doc
	for _, more := range []string{o.Rule, o.Carried} {
		if more != "" {
			text += " " + strings.ToUpper(more[:1]) + more[1:] + "."
		}
	}
	if o.Scoped {
		text += " It may differ by workflow."
	}
	return text
}

func comment(b *bytes.Buffer, indent, text string) {
	line := indent + "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > 96 {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// yamlText is the default as a file has it.
func yamlText(o *Option) string {
	c := Default()
	v := o.field(&c).Interface()
	switch {
	case o.Default == null:
		return null
	case o.kind.list == nil && o.Kind != kindBool && o.kind.number == nil:
		v = unexpanded(o.Default)
	case o.Kind == "duration", o.Kind == "size":
		v = o.Default
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	if o.kind.list != nil {
		node := yaml.Node{}
		if err := node.Encode(v); err != nil {
			panic(err)
		}
		node.Style = yaml.FlowStyle
		if text, err = yaml.Marshal(&node); err != nil {
			panic(err)
		}
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
